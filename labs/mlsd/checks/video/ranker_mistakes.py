"""Mistakes that the checks of the ranker lab are known to find."""

from __future__ import annotations

import numpy as np

from mlsd import metrics
from mlsd.checks import WrongAnswer
from mlsd.lab_support.video.ranking_budget import SLOTS

MANY = 80


def _cost(stages, read, *, mistake=""):
    total, known = 0, 0
    for candidates, columns, operations in stages:
        new = columns if mistake == "read again" else max(columns - known, 0)
        if mistake == "first stage only" and known:
            break
        total += candidates * (new * read * (mistake != "reads are free") + operations)
        known = max(known, columns)
    return total


def _cap(counts, cost, budget, *, late=0.01, mean=False):
    """Return the largest cap with a share of at most `late` requests beyond the budget."""
    for cap in range(int(counts.max()), 0, -1):
        spent = np.minimum(counts, cap) * cost
        if spent.mean() <= budget if mean else (spent > budget).mean() <= late:
            return cap
    return 0


def _kept(light, heavy, slots, share, *, worst=False, offset=0):
    best = np.argsort(-heavy, axis=1)[:, :slots]
    rank = np.argsort(np.argsort(-light, axis=1), axis=1)
    found = np.take_along_axis(rank, best, axis=1)
    for width in range(slots, light.shape[1] + 1):
        kept = (found < width).mean(axis=1)
        if (kept.min() if worst else kept.mean()) >= share:
            return width + offset
    return light.shape[1]


def _verdict(gaps, users, *, clusters=True, level=2.0):
    there = ~np.isnan(gaps)
    gaps, users = gaps[there], users[there]
    if clusters:
        counts = np.bincount(users)
        sums = np.bincount(users, gaps - gaps.mean())
        error = np.sqrt((sums**2).sum()) / counts.sum()
    else:
        error = gaps.std() / np.sqrt(len(gaps))
    return "heavy" if gaps.mean() > level * error else "cheap"


def _quality(offered, rows):
    return [
        float(
            np.nanmean(
                metrics.ndcg_of_group(
                    rows["click"], each.ranker.score(rows), rows["request_id"], SLOTS
                )
            )
        )
        for each in offered
    ]


def _largest_that_fits(offered, rows, budget):
    place = int(np.argmax([each.operations for each in offered]))
    return place, budget // offered[place].cost


def _ignores_the_budget(offered, rows, budget):
    return int(np.argmax(_quality(offered, rows))), MANY


def _cheapest(offered, rows, budget):
    place = int(np.argmin([each.cost for each in offered]))
    return place, min(MANY, budget // offered[place].cost)


def _ignores_the_data(offered, rows, budget):
    return 1, min(MANY, budget // offered[1].cost)


def _always_six(offered, rows, budget):
    quality = _quality(offered, rows)
    return 1 + int(quality[2] > quality[1]), SLOTS


WRONG_ANSWERS = (
    WrongAnswer(
        "cascade_cost", "numbers are read again", lambda s, r: _cost(s, r, mistake="read again")
    ),
    WrongAnswer(
        "cascade_cost", "reads are free", lambda s, r: _cost(s, r, mistake="reads are free")
    ),
    WrongAnswer(
        "cascade_cost", "first stage only", lambda s, r: _cost(s, r, mistake="first stage only")
    ),
    WrongAnswer("choose_cap", "no request may be late", lambda c, u, b: _cap(c, u, b, late=0.0)),
    WrongAnswer("choose_cap", "the mean request", lambda c, u, b: _cap(c, u, b, mean=True)),
    WrongAnswer("choose_cap", "one in ten may be late", lambda c, u, b: _cap(c, u, b, late=0.1)),
    WrongAnswer("choose_cap", "budget over cost", lambda c, u, b: b // u),
    WrongAnswer("passed_on", "in every request", lambda *a: _kept(*a, worst=True)),
    WrongAnswer("passed_on", "one too many", lambda *a: _kept(*a, offset=1)),
    WrongAnswer("passed_on", "what is shown", lambda light, heavy, slots, share: slots),
    WrongAnswer(
        "worth_of_tie", "rows as if independent", lambda g, u: _verdict(g, u, clusters=False)
    ),
    WrongAnswer("worth_of_tie", "any gain counts", lambda g, u: _verdict(g, u, level=0.0)),
    WrongAnswer("worth_of_tie", "always heavy", lambda g, u: "heavy"),
    WrongAnswer("make_plan", "the same count everywhere", _always_six),
    WrongAnswer("make_plan", "largest model that fits", _largest_that_fits),
    WrongAnswer("make_plan", "ignores the budget", _ignores_the_budget),
    WrongAnswer("make_plan", "cheapest model", _cheapest),
    WrongAnswer("make_plan", "ignores the data", _ignores_the_data),
)

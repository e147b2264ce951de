"""Checks of the tracker lab: a discounted rate, a changed column, an alarm, a deployed layer."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from mlsd.checks import CheckResult, WrongAnswer, beats, check, gives
from mlsd.checks.deployed import check_policy
from mlsd.lab_support.ad_click.sudden_event import (
    Learn,
    MakePolicy,
    SegmentPolicy,
    baseline_policy,
    deployed_revenue,
)

# Percent of the baseline's revenue, mean of four markets. On seeds 300 to 339 right gains 2.3 or
# more (mean 4.06, standard deviation 0.88), and plain category rates gain 0.9 at
# most (mean -3.1, 1.46). What cannot change a ranking gains nothing.
MARGIN = 1.4
AUTHORS = "102 to 106 on each of the seeds 300 to 339"
_FRESH_SEED = 20_031


def check_track_rate(answer: Callable[..., np.ndarray]) -> CheckResult:
    """Check the first exercise."""
    clicks, views = np.array([4, 0, 1]), np.array([50, 40, 60])
    prior = (2.0, 98.0)
    return check(
        "track_rate",
        answer,
        gives(clicks, views, prior, 1.0, expected=[0.02, 6 / 150, 6 / 190]),
        gives(
            clicks,
            views,
            prior,
            0.5,
            expected=[0.02, 4 / 125, 3 / 132.5],
            hint="forget towards the prior, then forecast, then take the hour in",
        ),
        gives(clicks, views, prior, 0.0, expected=[0.02] * 3),
        gives(np.array([], int), np.array([], int), prior, 0.9, expected=np.array([])),
        points=3,
    )


def check_choose_discount(answer: Callable[..., float]) -> CheckResult:
    """Check the second exercise."""
    discounts = (0.5, 0.8, 0.95, 1.0)
    still, jump = np.full(48, 2), np.repeat([1, 6], 24)
    early = np.concatenate([np.full(6, 12), np.tile([2, 1, 3, 2], 30)])
    views = np.full(126, 100)
    return check(
        "choose_discount",
        answer,
        gives(still, views[:48], (1.0, 99.0), discounts, 0, expected=1.0),
        gives(jump, views[:48], (1.0, 49.0), discounts, 0, expected=0.5),
        gives(
            early,
            views,
            (2.0, 98.0),
            discounts,
            60,
            expected=0.95,
            hint="track from the first hour on, and judge the hours from `start` on",
        ),
        points=2,
    )


def check_find_column(answer: Callable[..., str]) -> CheckResult:
    """Check the third exercise, on tables in which one column has changed and others tempt."""
    columns = ("user_id", "publisher_id", "category", "device")
    return check(
        "find_column",
        answer,
        gives(
            _table(1, "category"),
            columns,
            expected="category",
            hint="thousands of values differ somewhere by chance",
        ),
        gives(
            _table(2, "publisher_id"),
            columns,
            expected="publisher_id",
            hint="the category is not always it; ask the data",
        ),
        gives(_table(3, "device"), columns[::-1], expected="device", hint="the order says nothing"),
        gives(
            _table(4, "category", level=3.0),
            columns,
            expected="category",
            hint="a model that is too low everywhere is off in every column; take that out first",
        ),
        points=2,
    )


def check_alarm_limit(answer: Callable[..., float]) -> CheckResult:
    """Check the fourth exercise."""
    one = np.array([[0.0, 3.0, 3.0, -9.0, 3.0]])
    four = np.array([[1.0, -5.0, 1.0], [2.0, 0.0, -1.0], [1.0, 1.0, 1.0], [-9.0, 2.0, 2.0]])
    many = np.arange(200.0)[:, None] * np.array([[0.5, 0.5, -1.0]])
    return check(
        "alarm_limit",
        answer,
        gives(one, 1.0, 0.0, expected=4.0, hint="the sums are 0, 2, 4, 0, 2"),
        gives(four, 0.0, 0.25, expected=3.0, hint="highest sums 1, 2, 3, 4: one may be above"),
        gives(four, 0.0, 0.3, expected=3.0, hint="0.3 of four days is one, not two"),
        gives(four, 0.0, 0.0, expected=4.0, hint="good hours are not saved up, none may be above"),
        gives(four, 0.5, 0.5, expected=1.5, hint="the slack is taken off every hour"),
        gives(many, 0.0, 0.01, expected=197.0, hint="two of 200 days may be above"),
        points=2,
    )


def check_make_policy(answer: MakePolicy) -> CheckResult:
    """Check the last exercise by what the policy earns on the day of an event."""
    return check_policy(
        answer,
        _Constant,
        beats(
            deployed_revenue,
            baseline_policy,
            margin=MARGIN,
            seed=_FRESH_SEED,
            unit="percent of the frozen model's revenue:",
            authors=AUTHORS,
            hint="ask a morning's log which column has changed; correct the frozen model by it, "
            "and believe some ten clicks",
        ),
        methods=("act", "observe"),
    )


class _Constant:
    def predict_proba(self, X):
        return np.full((len(X["ad_id"]), 2), 0.05)


def _segment_policy(segment: str, learn: Learn, strength: float = 20.0) -> MakePolicy:
    return lambda scorer: SegmentPolicy(scorer, segment=segment, learn=learn, strength=strength)


def _add(state, clicks, expected):
    return state + np.stack([clicks, expected])


def _upside_down(state, clicks, expected):
    return state + np.stack([expected, clicks])


def _faulty_rates(clicks, views, prior, discount, fault):
    prior = np.array(prior, float)
    state, before, after = prior.copy(), [], []
    for click, view in zip(clicks, views):
        kept = state if fault == "no prior" else state - prior
        state = discount * kept + (0 if fault == "no prior" else prior)
        before.append(state[0] / state.sum())
        state = state + [click, view if fault == "views for misses" else view - click]
        after.append(state[0] / state.sum())
    return np.array(after if fault == "sees the hour" else before)


def _judging_after_the_fact(clicks, views, prior, discounts, start):
    def likelihood(discount):
        rates = _faulty_rates(clicks, views, prior, discount, "sees the hour")[start:]
        hits, shown = clicks[start:], views[start:]
        return np.sum(hits * np.log(rates) + (shown - hits) * np.log1p(-rates))

    return max(discounts, key=likelihood)


def _table(seed: int, changed: str, level: float = 1.0) -> pd.DataFrame:
    rng, rows = np.random.default_rng(seed), 30_000
    table = pd.DataFrame(
        {
            "user_id": rng.integers(0, 6_000, rows),
            "publisher_id": rng.integers(0, 100, rows),
            "category": rng.integers(0, 24, rows),
            "device": rng.choice(3, rows, p=[0.6, 0.38, 0.02]),
            "expected": rng.uniform(0.01, 0.05, rows),
        }
    )
    factor = np.exp(rng.normal(0, 0.5, 6_000))
    factor[:3] = 1.3, 0.7, 1.0
    # One publisher is hardly seen, and has many times the expected clicks.
    table.loc[table["publisher_id"] == 99, "publisher_id"] = 98
    table.loc[:3, "publisher_id"] = 99
    rate = level * table["expected"] * factor[table[changed]]
    table["click"] = (rng.random(rows) < rate).astype(int)
    table.loc[:1, "click"] = 1
    return table


def _surprise(table, columns, score):
    level = score == "scaled"
    found = {}
    for column in columns:
        sums = table.groupby(column)[["click", "expected"]].sum()
        ratio = sums["click"] / sums["expected"]
        total = ((sums["click"] - sums["expected"]) ** 2 / sums["expected"]).sum()
        scaled = (total - len(sums)) / np.sqrt(2 * len(sums))
        found[column] = scaled if level else {"ratio": ratio.max(), "total": total}[score]
    return max(found, key=found.get)


def _highest(quiet, slack, *, resets=True):
    total, highest = np.zeros(len(quiet)), np.zeros(len(quiet))
    for excess in np.asarray(quiet).T:
        total = total + excess - slack
        total = np.maximum(total, 0) if resets else total
        highest = np.maximum(highest, total)
    return np.sort(highest)[::-1]


def _of_single_hours(quiet, slack, promise):
    highest = np.sort((quiet - slack).max(axis=1))[::-1]
    return float(highest[int(promise * len(quiet))])


def _never_reset(quiet, slack, promise):
    return float(_highest(quiet, slack, resets=False)[int(promise * len(quiet))])


def _fixed_factor(scorer):
    def learn(state, clicks, expected):
        return np.stack([np.full(len(clicks), 1.1), np.ones(len(clicks))])

    return SegmentPolicy(scorer, segment="category", learn=learn, strength=10.0)


def _category_rates(scorer):
    return SegmentPolicy(_Constant(), segment="category", learn=_add, strength=2.5)


def _random_factors(scorer):
    rng = np.random.default_rng(0)

    def learn(state, clicks, expected):
        return np.stack([np.exp(rng.normal(0, 0.5, len(clicks))), np.ones(len(clicks))])

    return SegmentPolicy(scorer, segment="category", learn=learn, strength=10.0)


def _overall_factor(state, clicks, expected):
    sums = np.array([[clicks.sum()], [expected.sum()]])
    return state + np.broadcast_to(sums, state.shape)


_FAULTS = ("no prior", "views for misses", "sees the hour")
WRONG_ANSWERS = (
    *(
        WrongAnswer("track_rate", fault, lambda *given, fault=fault: _faulty_rates(*given, fault))
        for fault in _FAULTS
    ),
    WrongAnswer("choose_discount", "judges rates that saw the hour", _judging_after_the_fact),
    WrongAnswer("choose_discount", "the shortest memory", lambda *given: min(given[3])),
    WrongAnswer("choose_discount", "never forgets", lambda *given: 1.0),
    WrongAnswer("find_column", "the largest ratio", lambda *given: _surprise(*given, "ratio")),
    WrongAnswer("find_column", "the largest sum", lambda *given: _surprise(*given, "total")),
    WrongAnswer("find_column", "level left in", lambda *given: _surprise(*given, "scaled")),
    WrongAnswer("find_column", "always the category", lambda *given: "category"),
    WrongAnswer("alarm_limit", "saves up good hours", _never_reset),
    WrongAnswer("alarm_limit", "looks at single hours", _of_single_hours),
    WrongAnswer(
        "alarm_limit",
        "none may be above",
        lambda quiet, slack, promise: float(_highest(quiet, slack)[0]),
    ),
    WrongAnswer("make_policy", "no correction", baseline_policy),
    WrongAnswer("make_policy", "corrects by device", _segment_policy("device", _add)),
    WrongAnswer("make_policy", "factor upside down", _segment_policy("category", _upside_down)),
    WrongAnswer(
        "make_policy",
        "hardly ever believes a click",
        _segment_policy("category", _add, strength=1e4),
    ),
    WrongAnswer("make_policy", "ten percent more everywhere", _fixed_factor),
    WrongAnswer("make_policy", "factors that read no click", _random_factors),
    WrongAnswer("make_policy", "plain category rates", _category_rates),
    WrongAnswer("make_policy", "one factor for all", _segment_policy("category", _overall_factor)),
    WrongAnswer("make_policy", "corrects by publisher", _segment_policy("publisher_id", _add)),
)

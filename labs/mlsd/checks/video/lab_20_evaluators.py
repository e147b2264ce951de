"""Checks of the evaluator lab: known scores, probes, a verdict with ties, a choice that ships."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from mlsd.checks import CheckResult, WrongAnswer, beats, check, gives, holds
from mlsd.checks.result import Test
from mlsd.checks.video import evaluator_mistakes as mistakes
from mlsd.lab_support.video.ranking_evaluators import (
    BROKEN,
    SOUND,
    UNSHOWN,
    Evaluator,
    HeldOut,
    Recommender,
    closed_evaluators,
    made_up_log,
)
from mlsd.lab_support.video.shipped_feeds import (
    LETTERS,
    Candidates,
    candidates_of,
    shipped_hours,
    shipping_world,
    trusting_choice,
)

# Percentage points of the hours that popularity brings.
MARGIN = 45.0
AUTHORS = "95 to 102"
_FRESH_SEED = 20_061
_FRESH_LOGS = (20_071, 20_072)
Probe = tuple[Recommender, float, float]


def check_random_ndcg(answer: Callable[[int, int, int], float]) -> CheckResult:
    """Check the first exercise."""
    return check(
        "random_ndcg",
        answer,
        gives(100, 1, 1, expected=0.01),
        gives(4, 1, 2, expected=(1 + 1 / np.log2(3)) / 4),
        gives(10, 10, 5, expected=1.0, hint="where every item is a discovery, no list can miss"),
        gives(50, 20, 10, expected=0.4, hint="the best list has ten hits here, not twenty"),
        gives(200, 3, 10, expected=0.03198293607, hint="the best list has three hits here"),
        points=2,
    )


def check_probes(answer: Callable[[HeldOut], list[Probe]]) -> CheckResult:
    """Check the second exercise on evaluators and logs that the lab does not show."""
    logs = [made_up_log(seed) for seed in _FRESH_LOGS]
    return check("probes", answer, *(_judged(data) for data in logs), points=4)


def _judged(data: HeldOut) -> Test:
    def test(answer: Callable[[HeldOut], list[Probe]]) -> str:
        with closed_evaluators():
            found = answer(data)
        if not isinstance(found, list) or not all(len(each) == 3 for each in found):
            return "return a list of (recommender, lowest, highest)"
        for evaluator in SOUND:
            for number, (recommender, low, high) in enumerate(found):
                value = evaluator(recommender, data)
                if not low <= value <= high:
                    return (
                        f"probe {number} calls a sound evaluator broken: it says {value:.3f}, and "
                        f"you allow {low:.3f} to {high:.3f}"
                    )
        missed = [each for each in (*BROKEN, *UNSHOWN) if passes(each, found, data)]
        if not missed:
            return ""
        hints = "; ".join(sorted((each.__doc__ or "").split("\n")[0] for each in missed))
        return f"{len(missed)} broken evaluators pass all of your probes: {hints}"

    return test


def passes(evaluator: Evaluator, probes: list[Probe], data: HeldOut) -> bool:
    """Return whether an evaluator says what each probe allows.

    Examples
    --------
    >>> data = made_up_log(1)
    >>> passes(SOUND[0], [(lambda train: data.held_out * 1.0, 0.99, 1.01)], data)
    True
    """
    return all(low <= evaluator(recommender, data) <= high for recommender, low, high in probes)


def check_better(answer: Callable[..., str]) -> CheckResult:
    """Check the third exercise."""
    rng = np.random.default_rng(3)
    people = np.repeat(np.arange(80), 2)
    level = rng.random(160)
    steady = level + 0.02 + rng.normal(0, 0.02, 160)
    noisy = rng.random(160)
    busy = np.concatenate([np.arange(60), np.full(200, 99)])
    by_most = np.concatenate([np.full(60, 0.30), np.full(200, 0.20)]) + rng.normal(0, 0.01, 260)
    by_one = np.concatenate([np.full(60, 0.25), np.full(200, 0.60)]) + rng.normal(0, 0.01, 260)
    one_day = np.repeat(rng.normal(0, 0.1, 40), 50)
    return check(
        "better",
        answer,
        gives(people, level, steady, expected="second", hint="pair the users: both judge the same"),
        gives(people, steady, level, expected="first"),
        gives(people, level, noisy, expected="tie", hint="the difference is within its interval"),
        gives(busy, by_most, by_one, expected="first", hint="one user has 200 of the rows"),
        gives(
            np.repeat(np.arange(40), 50),
            one_day - one_day.mean() + 0.02,
            np.zeros(2_000),
            expected="tie",
            hint="2,000 rows, and 40 users behind them",
        ),
        points=2,
    )


def check_choose(answer: Callable[[Candidates, pd.DataFrame], str]) -> CheckResult:
    """Check the last exercise by the hours that the chosen recommenders bring."""
    market = 1_000 * _FRESH_SEED + 900

    def names_one(choose: Callable[[Candidates, pd.DataFrame], str]) -> bool:
        return choose(candidates_of(market), shipping_world(market)[1]) in LETTERS

    return check(
        "choose",
        answer,
        holds(names_one, "return the letter of a candidate"),
        beats(
            shipped_hours,
            trusting_choice,
            margin=MARGIN,
            seed=_FRESH_SEED,
            unit="hours per session in percent of popularity's, by world:",
            authors=AUTHORS,
            hint="Judge all candidates on rows that none of them has trained on, by what they "
            "recommend beyond what the user has had; and mind lists with holes.",
        ),
        points=4,
    )


WRONG_ANSWERS = [
    WrongAnswer("random_ndcg", "recall of a random list", lambda n, r, k: k / n),
    WrongAnswer("random_ndcg", "ideal of k hits", mistakes.ideal_of_k),
    WrongAnswer("random_ndcg", "not divided", mistakes.not_divided),
    WrongAnswer("probes", "perfect alone", mistakes.perfect_alone),
    WrongAnswer("probes", "perfect and random", mistakes.perfect_and_random),
    WrongAnswer("probes", "calls all broken", mistakes.calls_all_broken),
    WrongAnswer("probes", "popularity as measured by team A", mistakes.popularity_by_one_team),
    WrongAnswer("better", "no interval", mistakes.by_means),
    WrongAnswer("better", "rows as units", mistakes.by_rows),
    WrongAnswer("better", "unpaired", mistakes.unpaired),
    WrongAnswer("better", "always a tie", lambda user, first, second: "tie"),
    *(
        WrongAnswer("choose", f"always {letter}", lambda teams, log, letter=letter: letter)
        for letter in LETTERS
    ),
    WrongAnswer("choose", "most parameters", mistakes.most_parameters),
    WrongAnswer("choose", "largest of the earlier", mistakes.largest_of_the_earlier),
    WrongAnswer("choose", "trained last", mistakes.trained_last),
    WrongAnswer("choose", "the most popular items", mistakes.most_popular_items),
    WrongAnswer("choose", "on rows that one has trained on", mistakes.on_leaked_rows),
    WrongAnswer("choose", "ties broken for the hits", mistakes.by_optimistic_ranks),
    WrongAnswer("choose", "what users had counts as a hit", mistakes.with_what_users_had),
    WrongAnswer("choose", "trusting", trusting_choice),
]

"""Checks of the tracker lab: a discounted rate, a forgetting n, an alarm, a deployed correction."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from mlsd.checks import CheckResult, WrongAnswer, beats, check, gives
from mlsd.checks.deployed import check_policy
from mlsd.lab_support.ad_click.sudden_event import (
    Learn,
    MakePolicy,
    SegmentPolicy,
    baseline_policy,
    deployed_revenue,
)

# Percent of the baseline's revenue; on seeds 300 to 399 right gains 3.7 or more, wrong under 1.
MARGIN = 3.0
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


def check_forget_n(answer: Callable[..., tuple[float, float]]) -> CheckResult:
    """Check the third exercise."""
    usual = {"alpha": 0.3, "beta": 1.0, "l2": 1.0}
    plain = {"alpha": 0.1, "beta": 1.0, "l2": 0.0}
    return check(
        "forget_n",
        answer,
        gives(3.0, 16.0, 0.25, **usual, expected=(33 / (5 / 0.3 + 1), 4.0)),
        gives(-2.0, 9.0, 1.0, **usual, expected=(-2.0, 9.0)),
        gives(-2.0, 9.0, 0.0, **plain, expected=(-0.5, 0.0)),
        gives(
            np.array([3.0, 0.0]), np.array([16.0, 5.0]), 1.0, **usual, expected=([3, 0], [16, 5])
        ),
        points=2,
    )


def check_alarm_hour(answer: Callable[..., int]) -> CheckResult:
    """Check the fourth exercise."""
    creeping = np.array([0.0, 0.3, 0.3, 0.3, 0.3])
    return check(
        "alarm_hour",
        answer,
        gives(creeping, 0.1, 0.5, expected=3),
        gives(np.array([-9.0, 0.4, 0.4]), 0.1, 0.5, expected=2, hint="good hours are not saved up"),
        gives(
            np.full(99, 0.1), 0.1, 0.5, expected=-1, hint="what stays within the slack is no alarm"
        ),
        gives(np.array([0.5, 0.5]), 0.25, 0.5, expected=-1, hint="at the limit is not above it"),
        gives(np.array([2.0, -5.0]), 0.0, 1.0, expected=0),
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
        ),
        methods=("act", "observe"),
    )


class _Constant:
    def predict_proba(self, X):
        return np.full((len(X["ad_id"]), 2), 0.5)


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


def _no_reset(excess, slack, limit):
    above = np.flatnonzero(np.cumsum(np.asarray(excess) - slack) > limit)
    return int(above[0]) if len(above) else -1


def _single_hours(excess, slack, limit):
    above = np.flatnonzero(np.asarray(excess) - slack > limit)
    return int(above[0]) if len(above) else -1


_FAULTS = ("no prior", "views for misses", "sees the hour")
WRONG_ANSWERS = (
    *(
        WrongAnswer("track_rate", fault, lambda *given, fault=fault: _faulty_rates(*given, fault))
        for fault in _FAULTS
    ),
    WrongAnswer("choose_discount", "judges rates that saw the hour", _judging_after_the_fact),
    WrongAnswer("choose_discount", "the shortest memory", lambda *given: min(given[3])),
    WrongAnswer("choose_discount", "never forgets", lambda *given: 1.0),
    WrongAnswer("forget_n", "leaves z alone", lambda z, n, keep, **_: (z, keep * n)),
    WrongAnswer("forget_n", "shrinks z like n", lambda z, n, keep, **_: (keep * z, keep * n)),
    WrongAnswer(
        "forget_n",
        "forgets l2",
        lambda z, n, keep, *, alpha, beta, l2: (
            z * (beta + np.sqrt(keep * n)) / (beta + np.sqrt(n)),
            keep * n,
        ),
    ),
    WrongAnswer("alarm_hour", "saves up good hours", _no_reset),
    WrongAnswer("alarm_hour", "looks at single hours", _single_hours),
    WrongAnswer("make_policy", "no correction", baseline_policy),
    WrongAnswer("make_policy", "corrects by device", _segment_policy("device", _add)),
    WrongAnswer("make_policy", "factor upside down", _segment_policy("category", _upside_down)),
    WrongAnswer(
        "make_policy",
        "hardly ever believes a click",
        _segment_policy("category", _add, strength=1e4),
    ),
)

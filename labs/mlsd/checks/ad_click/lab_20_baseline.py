"""Checks of the baseline lab: rates that forget, calibration by age, and a deployed policy."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import pandas as pd

from mlsd.checks import CheckResult, WrongAnswer, beats, check, gives
from mlsd.checks.deployed import check_policy
from mlsd.lab_support.ad_click.first_deployment import MakePolicy, baseline_policy, deployed_revenue
from mlsd.lab_support.ad_click.small_log import small_log
from mlsd.models import GlobalRate, SmoothedRate
from mlsd.policies.ad_click import ScorerPolicy
from mlsd.worlds.base import Policy

# Percent of the baseline's revenue; no verdict on seeds 300 to 399 was false.
MARGIN = 3.0
AUTHORS = "105 to 112 on a hundred seeds"
_FRESH_SEED = 20_013


def check_forgetting_rate(answer: Callable[..., float]) -> CheckResult:
    """Check the first exercise."""
    half = {"average": 0.02, "strength": 100.0, "half_life": 7.0}
    return check(
        "forgetting_rate",
        answer,
        gives(np.array([1, 0]), np.array([0.0, 7.0]), **half, expected=3 / 101.5),
        gives(np.array([0, 1]), np.array([0.0, 14.0]), **half, expected=2.25 / 101.25),
        gives(np.array([]), np.array([]), **half, expected=0.02, hint="no view yet: the average"),
        points=2,
    )


def check_choose_half_life(answer: Callable[[pd.DataFrame], float]) -> CheckResult:
    """Check the second exercise."""
    days = np.array([[5.0, 5.0, 6.0], [7.0, 8.0, 8.0], [9.0, 9.0, 10.0]])
    # The best in the middle; the longest is far behind on average, but not on every day.
    middle = np.array([[3.0, 1.0, 2.5], [5.0, 3.0, 3.2], [4.0, 2.0, 2.2], [6.0, 4.0, 4.1]])
    hard = np.array([[1.0, 1.2], [9.0, 9.2], [2.0, 2.3], [8.0, 8.3]])
    return check(
        "choose_half_life",
        answer,
        gives(_losses(days, [1.0, 3.0, np.inf]), expected=3.0, hint="compare day by day"),
        gives(_losses(middle, [1.0, 3.0, 10.0]), expected=10.0, hint="more than two errors"),
        gives(_losses(hard, [1.0, np.inf]), expected=1.0, hint="of the differences, not of losses"),
        points=2,
    )


def _losses(values: np.ndarray, half_lives: list[float]) -> pd.DataFrame:
    return pd.DataFrame(values, columns=half_lives)


def check_views_until(answer: Callable[..., float]) -> CheckResult:
    """Check the third exercise."""
    return check(
        "views_until",
        answer,
        gives(0.5, 100.0, expected=100.0),
        gives(0.25, 100.0, expected=300.0),
        gives(0.8, 40.0, expected=10.0),
        points=1,
    )


def check_calibration_by_age(answer: Callable[..., np.ndarray]) -> CheckResult:
    """Check the fourth exercise."""
    clicked = np.array([1, 0, 0, 1, 1])
    predicted = np.array([0.25, 0.25, 0.5, 0.25, 0.25])
    age = np.array([0.0, 0.5, 1.0, 3.0, 9.0])
    return check(
        "calibration_by_age",
        answer,
        gives(clicked, predicted, age, np.array([1.0, 7.0]), expected=[0.5, 0.75, 0.25]),
        gives(clicked, predicted, age, np.array([2.0]), expected=[1.0, 0.25]),
        gives(
            np.array([0, 1]),
            np.array([0.1, 0.2]),
            np.array([0.0, 5.0]),
            np.array([1.0]),
            expected=[np.nan, 0.2],
            hint="a group without a click has no ratio: NaN",
        ),
        points=2,
    )


def check_make_policy(answer: MakePolicy) -> CheckResult:
    """Check the last exercise by what the policy earns in a world that nobody has seen."""
    return check_policy(
        answer,
        lambda: small_log(days=1).frame,
        beats(
            deployed_revenue,
            baseline_policy,
            margin=MARGIN,
            seed=_FRESH_SEED,
            unit="percent of the baseline's revenue:",
            authors=AUTHORS,
            hint="Whose clicks say something about whom? Try what the user and the place add.",
        ),
    )


def raw_rate_policy(log: pd.DataFrame) -> Policy:
    """Return the policy of raw click rates, which believes noise."""
    model = SmoothedRate(levels=(("ad_id",),), strength=1e-6)
    return ScorerPolicy(model.fit(log, log["click"]))


class _Scaled(SmoothedRate):
    """The chapter's model, times a constant."""

    def predict_proba(self, X):
        one = np.minimum(1.1 * super().predict_proba(X)[:, 1], 1)
        return np.column_stack([1 - one, one])


def scaled_policy(log: pd.DataFrame) -> Policy:
    """Return the chapter's policy with every rate a tenth higher, which ranks as it did."""
    return ScorerPolicy(_Scaled(levels=(("ad_id",),), strength=100.0).fit(log, log["click"]))


def one_rate_policy(log: pd.DataFrame) -> Policy:
    """Return the policy of one rate for all, which ranks by the bid."""
    return ScorerPolicy(GlobalRate().fit(log, log["click"]))


def by_device_policy(log: pd.DataFrame) -> Policy:
    """Return a policy that splits each ad's rate by a column that says nothing of the user."""
    model = SmoothedRate(levels=(("ad_id",), ("ad_id", "device")), strength=100.0)
    return ScorerPolicy(model.fit(log, log["click"]))


def _weights(age: np.ndarray, half_life: float) -> np.ndarray:
    return 0.5 ** (np.asarray(age) / half_life)


def _undecayed_views(clicks, age, average, strength, half_life):
    decayed = np.sum(_weights(age, half_life) * clicks)
    return (decayed + strength * average) / (len(clicks) + strength)


def _natural_decay(clicks, age, average, strength, half_life):
    weight = np.exp(-np.asarray(age) / half_life)
    return (np.sum(weight * clicks) + strength * average) / (np.sum(weight) + strength)


def _ratio_upside_down(clicked, predicted, age, edges):
    group = np.digitize(age, edges)
    sums = [np.bincount(group, v, len(edges) + 1) for v in (clicked, predicted)]
    return sums[0] / sums[1]


def _one_ratio(clicked, predicted, age, edges):
    return np.full(len(edges) + 1, np.sum(predicted) / np.sum(clicked))


def _edge_in_the_younger_group(clicked, predicted, age, edges):
    group = np.digitize(age, edges, right=True)
    sums = [np.bincount(group, v, len(edges) + 1) for v in (predicted, clicked)]
    return np.where(sums[1] > 0, sums[0] / np.maximum(sums[1], 1), np.nan)


def _unpaired(losses):
    error = losses.std() / np.sqrt(len(losses))
    within = losses.mean() <= losses.mean().min() + 2 * error
    return losses.columns[within][-1]


WRONG_ANSWERS = (
    WrongAnswer("forgetting_rate", "views never forgotten", _undecayed_views),
    WrongAnswer("forgetting_rate", "e-folding time, not half-life", _natural_decay),
    WrongAnswer("choose_half_life", "lowest mean loss", lambda losses: losses.mean().idxmin()),
    WrongAnswer("choose_half_life", "spread of the losses themselves", _unpaired),
    WrongAnswer("choose_half_life", "always the longest", lambda losses: losses.columns[-1]),
    WrongAnswer("views_until", "share of the strength", lambda share, strength: share * strength),
    WrongAnswer("views_until", "strength over share", lambda share, strength: strength / share),
    WrongAnswer("calibration_by_age", "clicks over predictions", _ratio_upside_down),
    WrongAnswer("calibration_by_age", "one ratio for all", _one_ratio),
    WrongAnswer("calibration_by_age", "edge on the wrong side", _edge_in_the_younger_group),
    WrongAnswer("make_policy", "raw rates", raw_rate_policy),
    WrongAnswer("make_policy", "one rate for all", one_rate_policy),
    WrongAnswer("make_policy", "a tenth more for every ad", scaled_policy),
    WrongAnswer(
        "make_policy", "a prior ten times as strong", partial(baseline_policy, strength=1_000.0)
    ),
    WrongAnswer("make_policy", "split by device", by_device_policy),
)

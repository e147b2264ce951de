"""Checks of the calibration lab: corrections by row, a budget, a trailing window, a deployment."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from mlsd.checks import CheckResult, WrongAnswer, beats, check, gives
from mlsd.checks.deployed import check_policy
from mlsd.lab_support.ad_click.thinned_log import (
    COLUMNS,
    KEPT_SHARES,
    MakePolicy,
    bid_alone_policy,
    deployed_revenue,
    thinned_log,
    uncorrected_policy,
    well_kept_policy,
)
from mlsd.models import HashedLogisticRegression
from mlsd.policies.ad_click import ScorerPolicy
from mlsd.worlds.base import Policy

# Percentage points of what ranking by the bid earns.
MARGIN = 4.5
AUTHORS = "113 to 121"
_FRESH_SEED = 20_033


def check_corrected(answer: Callable[..., np.ndarray]) -> CheckResult:
    """Check the first exercise."""
    return check(
        "corrected",
        answer,
        gives(0.5, 0.5, 0.1, expected=1 / 6),
        gives(0.3, 0.2, 0.2, expected=0.3, hint="both thinned alike: nothing to correct"),
        gives(
            np.array([0.5, 0.5, 0.0, 1.0]),
            np.array([1.0, 0.5, 1.0, 0.5]),
            np.array([0.25, 0.5, 0.1, 0.1]),
            expected=[0.2, 0.5, 0.0, 1.0],
            hint="each row has shares of its own",
        ),
        points=2,
    )


def check_overpromised(answer: Callable[..., float]) -> CheckResult:
    """Check the second exercise."""
    predicted = np.array([0.6, 0.2, 0.2, 0.6])
    return check(
        "overpromised",
        answer,
        gives(np.array([0, 1, 0, 1]), predicted, 2, expected=0.1),
        gives(np.array([0, 1, 0, 1]), predicted, 1, expected=0.0, hint="1.6 expected, 2 came"),
        gives(
            np.array([1, 0, 0, 0, 0, 0]),
            np.array([0.9, 0.8, 0.3, 0.2, 0.1, 0.2]),
            3,
            expected=0.3 + 0.5 + 0.7,
            hint="each bin alone: no bin makes up for another",
        ),
        points=2,
    )


def check_share_to_keep(answer: Callable[..., float]) -> CheckResult:
    """Check the third exercise."""
    share = np.array([1.0, 0.5, 0.2, 0.1, 0.05])
    seconds = np.array([2.8, 1.0, 0.5, 0.4, 0.2])
    entropy = np.array([0.9415, 0.9422, 0.9429, 0.9441, 0.9460])
    table = (share, seconds, entropy)
    noisy = (share, seconds, np.array([0.9415, 0.9440, 0.9429, 0.9452, 0.9431]))
    shuffled = tuple(column[::-1] for column in table)
    return check(
        "share_to_keep",
        answer,
        gives(*table, budget=0.6, tolerance=0.0005, expected=0.2),
        gives(*table, budget=0.6, tolerance=0.0015, expected=0.1),
        gives(*table, budget=5.0, tolerance=0.0, expected=1.0),
        gives(*shuffled, budget=1.0, tolerance=0.001, expected=0.2, hint="a budget may be used up"),
        gives(*noisy, budget=1.5, tolerance=0.0005, expected=0.05, hint="compare with the best"),
        gives(*table, budget=0.1, tolerance=0.01, expected=np.nan, hint="nothing affordable: NaN"),
        points=2,
    )


def check_trailing_factor(answer: Callable[..., float]) -> CheckResult:
    """Check the fourth exercise."""
    clicked, predicted = np.array([1, 0, 1, 1]), np.array([0.5, 0.5, 2.0 / 3, 1.0 / 3])
    known_at = np.array([0.0, 10.0, 20.0, 30.0])
    rows, plain = (clicked, predicted, known_at), {"window": 15.0, "strength": 0.0}
    return check(
        "trailing_factor",
        answer,
        gives(*rows, 20.0, **plain, expected=1 / (0.5 + 2 / 3)),
        gives(*rows, 29.0, **plain, expected=1.5, hint="a click that nobody knows yet counts not"),
        gives(*rows, 30.0, window=20.0, strength=0.0, expected=2 / 1.5, hint="edges are inside"),
        gives(*rows, 20.0, window=15.0, strength=10.0, expected=11 / (10.5 + 2 / 3)),
        gives(*rows, 90.0, window=15.0, strength=10.0, expected=1.0, hint="no row: no change"),
        points=2,
    )


def check_make_policy(answer: MakePolicy) -> CheckResult:
    """Check the last exercise by what the policy earns in a world that nobody has seen."""
    return check_policy(
        answer,
        lambda: thinned_log(1, days=1, size="small"),
        beats(
            deployed_revenue,
            well_kept_policy,
            margin=MARGIN,
            seed=_FRESH_SEED,
            unit="percent of what the bid alone earns, by market:",
            authors=AUTHORS,
            hint="Learn from both pipelines, and undo the thinning row by row: each format was "
            "thinned by a share of its own.",
        ),
    )


class _Mapped:
    """A scorer whose odds are multiplied by a number, or by one a format."""

    def __init__(self, scorer: HashedLogisticRegression, odds: np.ndarray) -> None:
        self.scorer, self.odds = scorer, odds

    def predict_proba(self, X: dict[str, np.ndarray]) -> np.ndarray:
        """Return the probabilities of 0 and of 1, shape (n, 2)."""
        p = self.scorer.predict_proba(X)[:, 1]
        p = p * self.odds[X["format"]] / (p * self.odds[X["format"]] + 1 - p)
        return np.column_stack([1 - p, p])


def one_share_policy(log: pd.DataFrame) -> Policy:
    """Return the policy corrected by the share that was kept over all."""
    others = log[log["click"] == 0]
    overall = len(others) / (1 / others["kept_share"]).sum()
    return ScorerPolicy(_Mapped(uncorrected_policy(log).scorer, np.full(4, overall)))


def formats_hidden_policy(log: pd.DataFrame) -> Policy:
    """Return the uncorrected policy on the columns that say nothing about the ad's format."""
    return _uncorrected_on(log, ("category", "publisher_id", "user_id", "position"))


def format_left_out_policy(log: pd.DataFrame) -> Policy:
    """Return the uncorrected policy without the column that tells the pipelines apart."""
    return _uncorrected_on(log, tuple(name for name in COLUMNS if name != "format"))


def _uncorrected_on(log: pd.DataFrame, columns: tuple[str, ...]) -> Policy:
    return ScorerPolicy(HashedLogisticRegression(categorical=columns).fit(log, log["click"]))


def thinned_further_policy(log: pd.DataFrame) -> Policy:
    """Return the policy of a log in which all clickless rows were thinned to the smallest share."""
    share = log["kept_share"].min() / log["kept_share"]
    kept = (log["click"] == 1) | (np.random.default_rng(0).random(len(log)) < share)
    return uncorrected_policy(log[kept].reset_index(drop=True))


class _Times:
    """A scorer whose probabilities are multiplied by a number."""

    def __init__(self, scorer: HashedLogisticRegression, factor: float) -> None:
        self.scorer, self.factor = scorer, factor

    def predict_proba(self, X: dict[str, np.ndarray]) -> np.ndarray:
        """Return the probabilities of 0 and of 1, shape (n, 2)."""
        p = self.factor * self.scorer.predict_proba(X)[:, 1]
        return np.column_stack([1 - p, p])


def one_factor_policy(log: pd.DataFrame) -> Policy:
    """Return the uncorrected policy with all probabilities divided by ten: the same order."""
    return ScorerPolicy(_Times(uncorrected_policy(log).scorer, 0.1))


def multiple_of_baseline_policy(log: pd.DataFrame) -> Policy:
    """Return the baseline with all its probabilities multiplied by 0.9: the same order."""
    return ScorerPolicy(_Times(well_kept_policy(log).scorer, 0.9))


def upside_down_policy(log: pd.DataFrame) -> Policy:
    """Return the policy whose odds are divided by the share."""
    return ScorerPolicy(_Mapped(uncorrected_policy(log).scorer, 1 / np.array(KEPT_SHARES)))


def weighted_clicks_policy(log: pd.DataFrame) -> Policy:
    """Return the policy that weighs clicks up too, though none of them was dropped."""
    model = HashedLogisticRegression(categorical=COLUMNS)
    return ScorerPolicy(model.fit(log, log["click"], sample_weight=1 / log["kept_share"]))


def _shares_swapped(p, kept_clicks, kept_others):
    return p * kept_clicks / (p * kept_clicks + (1 - p) * kept_others)


def _clicks_taken_as_whole(p, kept_clicks, kept_others):
    return p / (p + (1 - p) / kept_others)


def _factor_for_odds(p, kept_clicks, kept_others):
    return p * kept_others / kept_clicks


def _binned(clicked, predicted, bins):
    order = np.argsort(predicted, kind="stable")
    return [np.asarray(v)[order].reshape(bins, -1).sum(axis=1) for v in (predicted, clicked)]


def _both_signs(clicked, predicted, bins):
    expected, real = _binned(clicked, predicted, bins)
    return np.abs(expected - real).sum() / real.sum()


def _unsorted(clicked, predicted, bins):
    expected, real = (np.reshape(v, (bins, -1)).sum(axis=1) for v in (predicted, clicked))
    return np.maximum(expected - real, 0).sum() / real.sum()


def _netted(clicked, predicted, bins):
    return max(np.sum(predicted) - np.sum(clicked), 0) / np.sum(clicked)


def _best_affordable(share, seconds, entropy, budget, tolerance):
    cost = np.where(seconds <= budget, entropy, np.inf)
    return share[np.argmin(cost)] if np.isfinite(cost).any() else np.nan


def _best_of_all(share, seconds, entropy, budget, tolerance):
    fine = (entropy <= entropy.min() + tolerance) & (seconds <= budget)
    return share[fine][np.argmin(seconds[fine])] if fine.any() else np.nan


def _ratio(clicked, predicted, rows, strength):
    total = predicted[rows].sum() + strength
    return (clicked[rows].sum() + strength) / total if total else 1.0


def _looks_ahead(clicked, predicted, known_at, now, *, window, strength):
    return _ratio(clicked, predicted, known_at >= now - window, strength)


def _never_forgets(clicked, predicted, known_at, now, *, window, strength):
    return _ratio(clicked, predicted, known_at <= now, strength)


def _not_shrunk(clicked, predicted, known_at, now, *, window, strength):
    return _ratio(clicked, predicted, (known_at <= now) & (known_at >= now - window), 0.0)


def _factor_upside_down(clicked, predicted, known_at, now, *, window, strength):
    rows = (known_at <= now) & (known_at >= now - window)
    return 1 / _ratio(clicked, predicted, rows, strength)


WRONG_ANSWERS = (
    WrongAnswer("corrected", "shares swapped", _shares_swapped),
    WrongAnswer("corrected", "clicks taken as whole", _clicks_taken_as_whole),
    WrongAnswer("corrected", "a factor on p, not on the odds", _factor_for_odds),
    WrongAnswer("overpromised", "too few clicks counted as well", _both_signs),
    WrongAnswer("overpromised", "bins by place, not by prediction", _unsorted),
    WrongAnswer("overpromised", "bins make up for each other", _netted),
    WrongAnswer("share_to_keep", "ignores the tolerance", _best_affordable),
    WrongAnswer("share_to_keep", "best of all, not of the affordable", _best_of_all),
    WrongAnswer("trailing_factor", "looks ahead", _looks_ahead),
    WrongAnswer("trailing_factor", "never forgets", _never_forgets),
    WrongAnswer("trailing_factor", "not shrunk", _not_shrunk),
    WrongAnswer("trailing_factor", "upside down", _factor_upside_down),
    WrongAnswer("make_policy", "one share for all", one_share_policy),
    WrongAnswer("make_policy", "one factor for all", one_factor_policy),
    WrongAnswer("make_policy", "one rate for all", bid_alone_policy),
    WrongAnswer("make_policy", "the log as it is", uncorrected_policy),
    WrongAnswer("make_policy", "no ads, no formats, no correction", formats_hidden_policy),
    WrongAnswer("make_policy", "no column of formats, no correction", format_left_out_policy),
    WrongAnswer("make_policy", "the well-kept rows alone", well_kept_policy),
    WrongAnswer("make_policy", "a multiple of the baseline", multiple_of_baseline_policy),
    WrongAnswer("make_policy", "all thinned to the smallest share", thinned_further_policy),
    WrongAnswer("make_policy", "odds divided by the share", upside_down_policy),
    WrongAnswer("make_policy", "clicks weighed up as well", weighted_clicks_policy),
)

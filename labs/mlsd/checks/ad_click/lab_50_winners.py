"""Checks of the winners' lab: over-promises, their cause, and corrections that have to hold."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from mlsd.checks import CheckResult, WrongAnswer, attempted, beats, check, gives, holds
from mlsd.lab_support.ad_click.winners_market import (
    Correction,
    MakeCorrection,
    accuracy,
    deployed_accuracy,
    one_factor,
)

# Percentage points over one factor; see `tests/benchmarks/README.md`. What is remembered from
# another market may come near it in three, so drawn winners refuse it before.
MARGIN = 6.0
_FRESH_SEED = 50_022
# Real clicks over promised ones by number of rivals, in markets that one correction cannot fit.
_DRAWN = {2: 1.0, 5: 0.8, 12: 0.5}, {2: 0.5, 5: 0.3, 12: 0.2}
# Of the drawn winners' clicks. Learned from 60,000 of them, factors and curves keep 96 and more.
_KEPT = 90.0


def check_promised_over_real(answer: Callable[..., np.ndarray]) -> CheckResult:
    """Check the first exercise."""
    clicks = np.repeat([1, 0], [16, 24])
    low, high = 30 / (16 + 1.96 * 4), 30 / (16 - 1.96 * 4)
    two = np.repeat([6, 2], 40)
    return check(
        "promised_over_real",
        answer,
        gives(np.full(40, 0.75), clicks, np.full(40, 2), expected=[[1.875, low, high]]),
        gives(
            np.repeat([0.75, 1.5], 40),
            np.tile(clicks, 2),
            two,
            expected=[[3.75, 2 * low, 2 * high], [1.875, low, high]],
            hint="one row per number of rivals, in ascending order",
        ),
        points=2,
    )


def check_diagnose(answer: Callable[..., str]) -> CheckResult:
    """Check the second exercise."""
    fair, high, low = (0.9, 1.1), (1.8, 2.2), (1.0, 1.3)
    return check(
        "diagnose",
        answer,
        gives(fair, high, low, expected="selection"),
        gives(
            (1.9, 2.1),
            high,
            (1.8, 2.2),
            expected="scale",
            hint="all candidates are overestimated, and the winners no more than they",
        ),
        gives((1.2, 1.4), high, low, expected="both"),
        gives(fair, (1.1, 1.5), (1.0, 1.3), expected="neither", hint="the intervals overlap"),
        gives((0.7, 0.9), high, low, expected="both", hint="too low is a fault of scale too"),
        points=2,
    )


def check_best_correction(answer: Callable[..., str]) -> CheckResult:
    """Check the third exercise."""
    return check(
        "best_correction",
        answer,
        gives(
            _three_days(),
            {"as it is": _times(1.0), "half": _times(0.5), "a fifth": _times(0.2)},
            expected="half",
        ),
        gives(
            _three_days(),
            {"remembers": _remembers, "half": _times(0.5)},
            expected="half",
            hint="a maker may not see the day that it is judged on",
        ),
        gives(
            _three_days(),
            {"right in total": _right_in_total, "nearly right": _times(0.55)},
            expected="nearly right",
            hint="each number of rivals counts alone",
        ),
        points=2,
    )


def check_make_correction(answer: MakeCorrection) -> CheckResult:
    """Check the last exercise by how far promises hold in three markets that nobody has seen."""
    return check(
        "make_correction",
        answer,
        holds(
            lambda make: _shape_kept(attempted(make(_some_winners()))),
            "a correction gives as many predictions as it gets, in the same shape, also for (n, k)",
        ),
        *(
            holds(
                lambda make, own=factors: _drawn_accuracy(make, own) >= _KEPT,
                "on winners of a drawn market, promises are off by over a tenth on average: learn"
                " the correction from the winners given, for each number of rivals",
            )
            for factors in _DRAWN
        ),
        beats(
            deployed_accuracy,
            one_factor,
            margin=MARGIN,
            seed=_FRESH_SEED,
            unit="accuracy, in percent:",
            authors="94 to 97",
            hint="let it depend on the rivals or the score, and fit it on this market's winners",
        ),
        points=4,
    )


def _shape_kept(correct: Correction) -> bool:
    given = np.full((4, 12), 0.05), np.repeat([[2], [5], [5], [12]], 12, axis=1)
    flat = [each.ravel() for each in given]
    return np.shape(correct(*given)) == (4, 12) and np.shape(correct(*flat)) == (48,)


def _some_winners(
    factors: dict[int, float] | None = None, *, rows: int = 3_000, seed: int = 0
) -> pd.DataFrame:
    """Return drawn winners, real over promised clicks as given by number of rivals, or one half."""
    rng = np.random.default_rng(seed)
    predicted, rivals = rng.uniform(0.01, 0.2, rows), rng.choice([2, 5, 12], rows)
    real = predicted * (pd.Series(factors)[rivals].to_numpy() if factors else 0.5)
    click = (rng.random(rows) < real).astype(int)
    table = {"day": np.arange(rows) % 3, "rivals": rivals, "predicted": predicted, "click": click}
    return pd.DataFrame(table)


def _drawn_accuracy(make: MakeCorrection, factors: dict[int, float]) -> float:
    """Return the accuracy of a correction on other winners of the market that it learned from."""
    given, later = (_some_winners(factors, rows=60_000, seed=seed) for seed in (1, 2))
    promised = make(given)(later["predicted"].to_numpy(), later["rivals"].to_numpy())
    return accuracy(later.assign(predicted=promised))


def _three_days() -> pd.DataFrame:
    """Return days on which half of the promise comes for each number of rivals."""
    rivals, click = np.tile(np.repeat([2, 5, 12], 40), 3), np.tile([0, 0, 0, 1], 90)
    day = np.repeat([4, 5, 6], 120)
    return pd.DataFrame({"day": day, "rivals": rivals, "predicted": 0.5, "click": click})


def _times(factor: float) -> MakeCorrection:
    return lambda winners: lambda predicted, rivals: factor * predicted


def _remembers(winners: pd.DataFrame) -> Correction:
    right = 0.25 if winners["day"].max() == 6 else 0.4
    return lambda predicted, rivals: np.full(np.shape(predicted), right)


def _right_in_total(winners: pd.DataFrame) -> Correction:
    """Return a correction that promises three clicks too few here and three too many there."""
    share = {2: 0.1, 5: 0.25, 12: 0.4}
    return lambda predicted, rivals: np.vectorize(share.get)(rivals)


def _one_ratio(predicted, click, rivals):
    ratio, spread = predicted.sum() / click.sum(), 1.96 * np.sqrt(click.sum())
    ends = predicted.sum() / (click.sum() + np.array([spread, -spread]))
    return np.array([[ratio, *ends]] * len(np.unique(rivals)))


def _real_over_promised(predicted, click, rivals):
    return 1 / _one_ratio(predicted, click, rivals)


def _always_selection(everything, itself, independent):
    return "selection"


def _by_the_middle(everything, itself, independent):
    scale = abs(np.mean(everything) - 1) > 0.15
    selection = np.mean(itself) > np.mean(independent)
    names = {(True, True): "both", (True, False): "scale", (False, True): "selection"}
    return names.get((bool(scale), bool(selection)), "neither")


def _judged_on_its_own_days(shown, makers):
    def off(make):
        promised = make(shown)(shown["predicted"].to_numpy(), shown["rivals"].to_numpy())
        sums = shown.assign(promised=promised).groupby("rivals")[["promised", "click"]].sum()
        return np.log(sums["promised"] / sums["click"]).abs().mean()

    return min(makers, key=lambda name: off(makers[name]))


def _judged_in_total(shown, makers):
    last = shown["day"] == shown["day"].max()
    test = shown[last]

    def off(make):
        correct = make(shown[~last])
        promised = correct(test["predicted"].to_numpy(), test["rivals"].to_numpy()).sum()
        return abs(np.log(promised / test["click"].sum()))

    return min(makers, key=lambda name: off(makers[name]))


def _nothing(winners: pd.DataFrame) -> Correction:
    return lambda predicted, rivals: predicted


def _share_of_winners(winners: pd.DataFrame) -> Correction:
    average = winners["click"].mean()
    return lambda predicted, rivals: np.full(np.shape(predicted), average)


def _share_by_rivals(winners: pd.DataFrame) -> Correction:
    averages = winners.groupby("rivals")["click"].mean().to_dict()
    return lambda predicted, rivals: np.vectorize(averages.get)(rivals)


def _factor_and_a_tenth(winners: pd.DataFrame) -> Correction:
    corrected = one_factor(winners)
    return lambda predicted, rivals: np.minimum(1.1 * corrected(predicted, rivals), 0.999)


def _lab_factors(winners: pd.DataFrame) -> Correction:
    """Return real over promised clicks as the lab's own market shows them."""
    factors = {2: 0.734, 5: 0.537, 12: 0.513}
    return lambda predicted, rivals: predicted * np.vectorize(factors.get)(rivals)


def _lab_curve(winners: pd.DataFrame) -> Correction:
    """Return what the solution learns in the lab's own market."""
    intercepts = {2: -2.114, 5: -2.202, 12: -2.006}

    def correct(predicted, rivals):
        log_odds = 0.355 * np.log(predicted / (1 - predicted))
        return 1 / (1 + np.exp(-log_odds - np.vectorize(intercepts.get)(rivals)))

    return correct


WRONG_ANSWERS = (
    WrongAnswer("promised_over_real", "one ratio for all", _one_ratio),
    WrongAnswer("promised_over_real", "upside down", _real_over_promised),
    WrongAnswer("diagnose", "selection without looking", _always_selection),
    WrongAnswer("diagnose", "estimates without intervals", _by_the_middle),
    WrongAnswer("best_correction", "judged on days it was made from", _judged_on_its_own_days),
    WrongAnswer("best_correction", "judged by the total", _judged_in_total),
    WrongAnswer("make_correction", "no correction", _nothing),
    WrongAnswer("make_correction", "half of everything", _times(0.5)),
    WrongAnswer("make_correction", "one factor per market", one_factor),
    WrongAnswer("make_correction", "the average rate for all", _share_of_winners),
    WrongAnswer("make_correction", "the average rate by rivals", _share_by_rivals),
    WrongAnswer("make_correction", "one factor and a tenth more", _factor_and_a_tenth),
    WrongAnswer("make_correction", "factors of the lab's own market", _lab_factors),
    WrongAnswer("make_correction", "the curve of the lab's own market", _lab_curve),
)

"""Do as many clicks come as were promised? Scores of the difference, and where to set an alarm."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
import pandas as pd

from mlsd.metrics.inputs import check_labels, check_probabilities
from mlsd.runtime import InputError


def calibration_score(label: np.ndarray, probability: np.ndarray) -> float:
    """Return how many standard deviations the clicks lie above what was promised.

    ``(sum y - sum p) / sqrt(sum p (1 - p))``: under a model that is right, and rows that are
    independent given the model, it has mean 0 and variance 1.

    Parameters
    ----------
    label, probability : array, shape (n,)

    Raises
    ------
    InputError
        For unequal lengths, no rows, labels other than 0 and 1, or probabilities outside (0, 1).

    Examples
    --------
    >>> calibration_score(np.array([1, 1, 0, 0]), np.full(4, 0.5))
    0.0
    >>> calibration_score(np.ones(4), np.full(4, 0.5))
    2.0
    """
    y = check_labels(label)
    p = check_probabilities(y, probability)
    if not ((p > 0) & (p < 1)).all():
        raise InputError(
            "probabilities must lie strictly between 0 and 1 to say how much is chance"
        )
    return float((y.sum() - p.sum()) / np.sqrt((p * (1 - p)).sum()))


def calibration_scores(label: np.ndarray, probability: np.ndarray, groups: np.ndarray) -> pd.Series:
    """Return `calibration_score` for each group, indexed by group.

    Examples
    --------
    >>> calibration_scores(np.ones(4), np.full(4, 0.5), np.array(["a", "a", "a", "b"])).round(2)
    a    1.73
    b    1.00
    dtype: float64
    """
    table = pd.DataFrame({"y": np.asarray(label), "p": np.asarray(probability)})
    if len(groups) != len(table):
        raise InputError(f"{len(groups)} groups for {len(table)} rows")
    parts = table.groupby(np.asarray(groups))
    return pd.Series({name: calibration_score(part["y"], part["p"]) for name, part in parts})


def alarm_threshold(tests: int, *, false_alarms: float) -> float:
    """Return the absolute score from which to page.

    Each of `tests` two-sided tests gets an equal share of the expected number of `false_alarms`
    (Bonferroni), so that a right model raises so many per round of tests on average.

    Parameters
    ----------
    tests : int
        Scores looked at in one round, such as one per group and day.
    false_alarms : float
        Expected number per round, below `tests`.

    Examples
    --------
    >>> round(alarm_threshold(1, false_alarms=0.05), 2)
    1.96
    >>> round(alarm_threshold(24, false_alarms=1 / 30), 2)
    3.2
    """
    if tests < 1 or not 0 < false_alarms < tests:
        raise InputError(
            f"{false_alarms} false alarms among {tests} tests: give 0 < alarms < tests"
        )
    return NormalDist().inv_cdf(1 - false_alarms / tests / 2)

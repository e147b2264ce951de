"""Whether a predicted probability of one percent means one in a hundred."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from mlsd.metrics.inputs import check_labels, check_probabilities, check_weights
from mlsd.metrics.weighted import SortedScores, equal_mass_bins, weighted_calibration_error
from mlsd.runtime import InputError


def calibration_ratio(
    y: ArrayLike, p: ArrayLike, *, sample_weight: ArrayLike | None = None
) -> float:
    """Return expected over observed ones, ``sum(p) / sum(y)``; one is right, above is too high.

    Parameters
    ----------
    y : array of 0/1, shape (n,)
        Labels, at least one of them 1.
    p : array, shape (n,)
        Predicted probabilities of 1.
    sample_weight : array, shape (n,), or None
        How many rows each one stands for; None for one each.

    Raises
    ------
    InputError
        For empty or unequal arrays, a label other than 0 or 1, no probability, or no 1 at all.

    Examples
    --------
    >>> calibration_ratio([1, 0, 1, 0], [0.5, 0.25, 0.5, 0.25])
    0.75
    """
    y = check_labels(y)
    p = check_probabilities(y, p)
    weights = check_weights(y, sample_weight)
    if not (weights * y).any():
        raise InputError("no label is 1; the calibration ratio needs at least one")
    return float((weights * p).sum() / (weights * y).sum())


def expected_calibration_error(
    y: ArrayLike, p: ArrayLike, bins: int = 20, *, sample_weight: ArrayLike | None = None
) -> float:
    """Return the mean distance between predicted and observed rate over bins of equal mass.

    ``sum_b n_b / n |mean(p in b) - mean(y in b)|``. Rows of equal probability stay in one bin. Even
    a perfect model gets more than zero, as a bin's observed rate has noise: compare only on the
    same rows with the same number of bins.

    Parameters
    ----------
    y : array of 0/1, shape (n,)
        Labels.
    p : array, shape (n,)
        Predicted probabilities of 1.
    bins : int
        At least one.
    sample_weight : array, shape (n,), or None
        How many rows each one stands for; None for one each.

    Raises
    ------
    InputError
        For empty or unequal arrays, a label other than 0 or 1, no probability, or no bin.

    Examples
    --------
    >>> expected_calibration_error([0, 1], [0.25, 0.75], bins=2)
    0.25
    """
    rows = _sorted_rows(y, p, bins)
    weights = check_weights(rows.y, sample_weight)[rows.order]
    return weighted_calibration_error(rows, weights, bins)


def reliability_table(y: ArrayLike, p: ArrayLike, bins: int = 20) -> pd.DataFrame:
    """Return predicted and observed rate by bins of equal mass, lowest probabilities first.

    Parameters
    ----------
    y : array of 0/1, shape (n,)
        Labels.
    p : array, shape (n,)
        Predicted probabilities of 1.
    bins : int
        At least one; bins that ties leave empty do not appear.

    Returns
    -------
    DataFrame
        Columns ``rows``, ``predicted``, ``observed``, and ``low``, ``high``: the 95 % Wilson
        interval of the observed rate.

    Raises
    ------
    InputError
        As `expected_calibration_error`.

    Examples
    --------
    >>> reliability_table([0, 0, 1, 1], [0.1, 0.2, 0.6, 0.8], bins=2)["observed"].tolist()
    [0.0, 1.0]
    """
    rows = _sorted_rows(y, p, bins)
    bin_of_row = equal_mass_bins(rows, np.ones(len(rows.p)), bins)
    grouped = pd.DataFrame({"predicted": rows.p, "observed": rows.y}).groupby(bin_of_row)
    table = grouped.mean()
    table.insert(0, "rows", grouped.size())
    table["low"], table["high"] = _wilson_interval(table["observed"], table["rows"])
    return table.reset_index(drop=True)


def _sorted_rows(y: ArrayLike, p: ArrayLike, bins: int) -> SortedScores:
    y = check_labels(y)
    p = check_probabilities(y, p)
    if bins < 1:
        raise InputError(f"bins is {bins}; there has to be at least one")
    return SortedScores.of(y, p)


def _wilson_interval(rate: pd.Series, rows: pd.Series) -> tuple[pd.Series, pd.Series]:
    z = 1.959964
    middle = (rate + z**2 / (2 * rows)) / (1 + z**2 / rows)
    half = z / (1 + z**2 / rows) * np.sqrt(rate * (1 - rate) / rows + z**2 / (4 * rows**2))
    return (middle - half).clip(lower=0), (middle + half).clip(upper=1)

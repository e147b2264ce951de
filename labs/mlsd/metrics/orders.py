"""How far two orders of the same things agree, with an interval where the things are few."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import rankdata

from mlsd.metrics.intervals import Interval
from mlsd.runtime import InputError


def rank_correlation(
    one: ArrayLike, other: ArrayLike, *, repetitions: int = 1000, seed: int = 0
) -> Interval:
    """Return Spearman's rank correlation of two tables, the mean of their rows.

    A row is a world, and a column a model: each row is ranked by itself, ties sharing the middle of
    their ranks. The 95 % interval resamples columns, the same ones in every row, and rows.

    Parameters
    ----------
    one, other : array, shape (rows, columns) or (columns,)
    repetitions : int
        Resamples.
    seed : int
        Of the resampling.

    Raises
    ------
    InputError
        If the shapes differ, or there are fewer than three columns.

    Notes
    -----
    A row that is constant has no order and counts in no mean.

    References
    ----------
    Spearman, "The proof and measurement of association between two things", American Journal of
    Psychology 1904.

    Examples
    --------
    >>> rank_correlation([1, 2, 3, 4], [10, 20, 30, 40]).estimate
    1.0
    """
    one, other = np.atleast_2d(one).astype(float), np.atleast_2d(other).astype(float)
    if one.shape != other.shape or one.shape[1] < 3:
        raise InputError(
            f"rank_correlation: shapes {one.shape} and {other.shape}; give two equal ones of at "
            "least three columns"
        )
    random = np.random.default_rng(seed)
    draws = [
        _mean_of_rows(one[np.ix_(rows, columns)], other[np.ix_(rows, columns)])
        for rows, columns in (
            (
                random.integers(one.shape[0], size=one.shape[0]),
                random.integers(one.shape[1], size=one.shape[1]),
            )
            for _ in range(repetitions)
        )
    ]
    low, high = np.nanquantile(draws, [0.025, 0.975])
    return Interval(_mean_of_rows(one, other), float(low), float(high))


def _mean_of_rows(one: np.ndarray, other: np.ndarray) -> float:
    first, second = (rankdata(each, axis=1) for each in (one, other))
    first -= first.mean(axis=1, keepdims=True)
    second -= second.mean(axis=1, keepdims=True)
    spread = np.sqrt((first**2).sum(axis=1) * (second**2).sum(axis=1))
    has_order = spread > 0
    if not has_order.any():
        return float("nan")
    return float(((first * second).sum(axis=1)[has_order] / spread[has_order]).mean())

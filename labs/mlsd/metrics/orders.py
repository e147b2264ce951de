"""How far two orders of the same things agree, with an interval where the things are few."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import rankdata

from mlsd.metrics.intervals import Interval
from mlsd.runtime import InputError


def rank_correlation(
    one: ArrayLike,
    other: ArrayLike,
    *,
    rival: ArrayLike | None = None,
    repetitions: int = 1000,
    seed: int = 0,
) -> Interval:
    """Return Spearman's rank correlation of two tables, the mean of their rows.

    A row is a world, and a column a model: each row is ranked by itself, ties sharing the middle of
    their ranks. The 95 % interval resamples columns, the same ones in every row, and rows.

    Parameters
    ----------
    one, other : array, shape (rows, columns) or (columns,)
    rival : array, like `one`, or None
        What `one` competes with: the result is then how much higher its correlation with `other` is
        than the rival's, in the same resamples.
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
    tables = [np.atleast_2d(table).astype(float) for table in (one, other)]
    tables += [] if rival is None else [np.atleast_2d(rival).astype(float)]
    shapes = [table.shape for table in tables]
    if len(set(shapes)) > 1 or shapes[0][1] < 3:
        raise InputError(
            f"rank_correlation: shapes {', '.join(map(str, shapes))}; give equal ones of at least "
            "three columns"
        )
    random = np.random.default_rng(seed)
    draws = [
        _lead(*(table[np.ix_(rows, columns)] for table in tables))
        for rows, columns in (
            tuple(random.integers(count, size=count) for count in shapes[0])
            for _ in range(repetitions)
        )
    ]
    low, high = np.nanquantile(draws, [0.025, 0.975])
    return Interval(_lead(*tables), float(low), float(high))


def _lead(one: np.ndarray, other: np.ndarray, rival: np.ndarray | None = None) -> float:
    return _mean_of_rows(one, other) - (0.0 if rival is None else _mean_of_rows(rival, other))


def _mean_of_rows(one: np.ndarray, other: np.ndarray) -> float:
    first, second = (rankdata(each, axis=1) for each in (one, other))
    first -= first.mean(axis=1, keepdims=True)
    second -= second.mean(axis=1, keepdims=True)
    spread = np.sqrt((first**2).sum(axis=1) * (second**2).sum(axis=1))
    has_order = spread > 0
    if not has_order.any():
        return float("nan")
    return float(((first * second).sum(axis=1)[has_order] / spread[has_order]).mean())

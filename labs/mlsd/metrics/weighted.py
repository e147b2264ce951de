"""The metrics as functions of row weights, which is what resampling needs.

An additive metric is a ratio of sums over rows, so its rows can be summed by cluster beforehand. A
sorted metric needs the rows in order of their score, which no weight changes, so they are sorted
once.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

EPSILON = np.finfo(np.float64).eps


def row_losses(y: np.ndarray, p: np.ndarray) -> np.ndarray:
    """Return the log loss of each row, shape (n,); probabilities are clipped away from 0 and 1.

    Examples
    --------
    >>> row_losses(np.array([1.0, 0.0]), np.array([0.5, 0.5])).round(3)
    array([0.693, 0.693])
    """
    return -np.log(np.clip(np.where(y == 1, p, 1 - p), EPSILON, 1 - EPSILON))


def entropy(rate: np.ndarray) -> np.ndarray:
    """Return the entropy in nats of a 0/1 outcome that happens at `rate`.

    Examples
    --------
    >>> entropy(np.array([0.0, 0.5])).round(3)
    array([0. , 0.693])
    """
    inside = np.clip(rate, EPSILON, 1 - EPSILON)
    nats = -inside * np.log(inside) - (1 - inside) * np.log1p(-inside)
    return np.where((rate <= 0) | (rate >= 1), 0.0, nats)


def divide(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    """Return the quotient, NaN where the denominator is zero.

    Examples
    --------
    >>> divide(np.array([1.0, 1.0]), np.array([2.0, 0.0]))
    array([0.5, nan])
    """
    safe = np.where(denominator == 0, 1.0, denominator)
    return np.where(denominator == 0, np.nan, numerator / safe)


def effective_size(weights: np.ndarray) -> float:
    """Return how many equally weighted rows say as much: ``(sum w)^2 / sum w^2`` (Kish 1965).

    It holds for weights that have nothing to do with what is measured.

    Examples
    --------
    >>> effective_size(np.array([1.0, 1.0, 2.0]))
    2.6666666666666665
    """
    return float(weights.sum() ** 2 / (weights**2).sum())


def effective_sizes(weights: np.ndarray, label: np.ndarray) -> tuple[float, float]:
    """Return the effective size among the rows of label 0, and among those of label 1.

    Where clicks were kept and the rest was thinned, the weight tells the label, and Kish's figure
    over all rows is far too small: they say nearly as much as the whole log does.

    Examples
    --------
    >>> effective_sizes(np.array([20.0, 20.0, 20.0, 1.0]), np.array([0, 0, 0, 1]))
    (3.0, 1.0)
    """
    parts = (weights[label == 0], weights[label == 1])
    return tuple(effective_size(part) if len(part) else 0.0 for part in parts)


@dataclass(frozen=True)
class SortedScores:
    """Rows in ascending order of score, equal scores gathered into groups.

    Attributes
    ----------
    order : ndarray of int, shape (n,)
        Position of each sorted row in the input.
    y, p : ndarray, shape (n,)
        Labels and scores in that order.
    starts : ndarray of int, shape (groups,)
        Where each group of equal scores begins.
    """

    order: np.ndarray
    y: np.ndarray
    p: np.ndarray
    starts: np.ndarray

    @classmethod
    def of(cls, y: np.ndarray, p: np.ndarray) -> SortedScores:
        """Sort labels and scores, both of shape (n,)."""
        order = np.argsort(p, kind="stable")
        p = p[order]
        starts = np.flatnonzero(np.r_[True, p[1:] != p[:-1]])
        return cls(order, y[order], p, starts)

    def group_sums(self, values: np.ndarray) -> np.ndarray:
        """Sum sorted `values` of shape (n,) over each group of equal scores."""
        if len(self.starts) == len(self.p):
            return values
        return np.add.reduceat(values, self.starts)


def weighted_auc(rows: SortedScores, weights: np.ndarray) -> float:
    """Return the area under the ROC curve; `weights` stand in sorted order.

    Ties count one half. NaN when one of the classes has no weight.

    Examples
    --------
    >>> rows = SortedScores.of(np.array([0.0, 1.0, 1.0]), np.array([0.2, 0.1, 0.9]))
    >>> weighted_auc(rows, np.array([3.0, 1.0, 1.0]))
    0.25
    """
    clicked = weights * rows.y
    positives = rows.group_sums(clicked)
    negatives = rows.group_sums(weights - clicked)
    below = np.cumsum(negatives)
    pairs = positives.sum() * below[-1]
    return float(positives @ (below - negatives / 2) / pairs) if pairs else np.nan


def weighted_average_precision(rows: SortedScores, weights: np.ndarray) -> float:
    """Return the step-wise area under the precision-recall curve; NaN without positive weight.

    Examples
    --------
    >>> rows = SortedScores.of(np.array([0.0, 1.0, 1.0]), np.array([0.2, 0.1, 0.9]))
    >>> round(weighted_average_precision(rows, np.ones(3)), 4)
    0.8333
    """
    positives = rows.group_sums(weights * rows.y)[::-1]
    shown = np.cumsum(rows.group_sums(weights)[::-1])
    total = positives.sum()
    if not total:
        return np.nan
    precision = np.cumsum(positives) / np.where(shown == 0, 1.0, shown)
    return float(positives @ precision / total)


def equal_mass_bins(rows: SortedScores, weights: np.ndarray, bins: int) -> np.ndarray:
    """Return the bin, 0 to bins - 1, of each sorted row.

    Bins hold equal weight as far as ties allow: rows of equal score share the bin in which the
    middle of their weight falls, so the order of the input plays no part.

    Examples
    --------
    >>> rows = SortedScores.of(np.zeros(4), np.array([0.1, 0.2, 0.3, 0.4]))
    >>> equal_mass_bins(rows, np.ones(4), 2)
    array([0, 0, 1, 1])
    """
    mass = rows.group_sums(weights)
    middle = np.cumsum(mass) - mass / 2
    group_bins = np.minimum((bins * middle / mass.sum()).astype(np.int64), bins - 1)
    return np.repeat(group_bins, np.diff(np.r_[rows.starts, len(rows.p)]))


def weighted_calibration_error(rows: SortedScores, weights: np.ndarray, bins: int = 20) -> float:
    """Return the expected calibration error over equal-mass bins.

    Examples
    --------
    >>> rows = SortedScores.of(np.array([0.0, 1.0]), np.array([0.25, 0.75]))
    >>> weighted_calibration_error(rows, np.ones(2), bins=2)
    0.25
    """
    bin_of_row = equal_mass_bins(rows, weights, bins)
    gaps = np.bincount(bin_of_row, weights * (rows.p - rows.y), minlength=bins)
    return float(np.abs(gaps).sum() / weights.sum())

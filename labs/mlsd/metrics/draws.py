"""A metric taken on resampled rows, or on resampled clusters with all their rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from mlsd.metrics.calibration import calibration_ratio, expected_calibration_error
from mlsd.metrics.classification import auc, average_precision, log_loss, normalized_entropy
from mlsd.metrics.inputs import (
    check_labels,
    check_probabilities,
    check_scores,
    check_weights,
)
from mlsd.metrics.resampling import cluster_codes, resampled_weights
from mlsd.metrics.weighted import (
    SortedScores,
    divide,
    entropy,
    row_losses,
    weighted_auc,
    weighted_average_precision,
    weighted_calibration_error,
)
from mlsd.runtime import InputError

Metric = Callable[[np.ndarray, np.ndarray], float]

# A ratio of sums: from labels and probabilities to the numerator and the count or rate below it.
_ADDITIVE: dict[Metric, tuple[Callable, Callable]] = {
    log_loss: (
        lambda y, p: (row_losses(y, p), np.ones(len(y))),
        lambda loss, rows: divide(loss, rows),
    ),
    normalized_entropy: (
        lambda y, p: (row_losses(y, p), y, np.ones(len(y))),
        lambda loss, ones, rows: divide(divide(loss, rows), entropy(divide(ones, rows))),
    ),
    calibration_ratio: (lambda y, p: (p, y), divide),
}
_SORTED: dict[Metric, Callable[[SortedScores, np.ndarray], float]] = {
    auc: weighted_auc,
    average_precision: weighted_average_precision,
    expected_calibration_error: weighted_calibration_error,
}


def bootstrap_draws(
    metric: Metric,
    y: ArrayLike,
    p: ArrayLike,
    *,
    sample_weight: ArrayLike | None = None,
    clusters: ArrayLike | None = None,
    repetitions: int = 200,
    seed: int = 0,
) -> np.ndarray:
    """Return the metric on resampled rows, or on resampled clusters with all their rows.

    Two calls with the same clusters (or the same number of rows), repetitions and seed resample the
    same rows, so their draws are paired.

    Parameters
    ----------
    metric : callable
        From labels and predictions to a number. Those of this package are resampled by weights;
        any other is called on the repeated rows, with their `sample_weight` where there are any.
    y : array of 0/1, shape (n,)
        Labels.
    p : array, shape (n,)
        Predictions.
    sample_weight : array, shape (n,), or None
        How many rows each one stands for; it goes with the row into each resample.
    clusters : array, shape (n,), or None
        What is drawn independently, the user for instance; None draws rows.
    repetitions : int
        Number of draws.
    seed : int
        Of the resampling.

    Returns
    -------
    ndarray, shape (repetitions,)
        NaN where a resample leaves the metric undefined, for want of a click for instance.

    Raises
    ------
    InputError
        Where the metric raises it on the whole, and if `clusters` or `repetitions` do not fit.

    References
    ----------
    Efron, "Bootstrap methods: another look at the jackknife", Annals of Statistics 1979; clusters
    as in Field and Welsh, "Bootstrapping clustered data", JRSS B 2007.

    Examples
    --------
    >>> bootstrap_draws(log_loss, [0, 1, 0], [0.5, 0.5, 0.5], repetitions=2).round(3)
    array([0.693, 0.693])
    """
    y = check_labels(y)
    p = check_scores(y, p)
    metric(y, p, **weighting(sample_weight))
    codes, count = cluster_codes(clusters, len(y))
    drawn = resampled_weights(count, repetitions, seed)
    if metric in _ADDITIVE:
        weights = check_weights(y, sample_weight)
        parts = [weights * part for part in _ADDITIVE[metric][0](y, check_probabilities(y, p))]
        return _additive_draws(metric, parts, codes, drawn)
    rows = _Rows(y, p, None if sample_weight is None else check_weights(y, sample_weight), codes)
    evaluate = rows.sorted_by(metric) if metric in _SORTED else rows.repeated_by(metric)
    return np.array([evaluate(weight) for weight in drawn])


def present_mean(values: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
    """Return the mean of the values that are there, weighted where weights are given.

    Examples
    --------
    >>> present_mean([1.0, 4.0, float("nan")], [2.0, 1.0, 9.0])
    2.0
    """
    if sample_weight is None:
        return float(np.nanmean(values))
    values = np.asarray(values, dtype=np.float64)
    present = ~np.isnan(values)
    return float(np.average(values[present], weights=np.asarray(sample_weight)[present]))


def mean_draws(
    values: ArrayLike,
    *,
    sample_weight: ArrayLike | None = None,
    clusters: ArrayLike | None = None,
    repetitions: int = 200,
    seed: int = 0,
) -> np.ndarray:
    """Return the mean of `values` on resampled rows or clusters, shape (repetitions,).

    Parameters
    ----------
    values : array, shape (n,), NaN where absent
    sample_weight, clusters, repetitions, seed
        As in `bootstrap_draws`, whose draws these are paired with.

    Raises
    ------
    InputError
        As `mean_interval`.

    Examples
    --------
    >>> mean_draws([0.5, 0.5, float("nan")], repetitions=2)
    array([0.5, 0.5])
    """
    values = np.asarray(values, dtype=np.float64)
    present = ~np.isnan(values)
    if not present.any():
        raise InputError("no value to take the mean of; at least one has to be a number")
    codes, count = cluster_codes(clusters, len(values))
    weights = np.ones(len(values)) if sample_weight is None else np.asarray(sample_weight)
    values, weights, codes = values[present], weights[present], codes[present]
    sums = np.bincount(codes, weights * values, minlength=count)
    rows = np.bincount(codes, weights, minlength=count)
    drawn = resampled_weights(count, repetitions, seed)
    return np.array([divide(weight @ sums, weight @ rows) for weight in drawn])


def weighting(sample_weight: ArrayLike | None) -> dict[str, ArrayLike]:
    """Return what a metric is called with; one that knows no weights is called without.

    Examples
    --------
    >>> weighting(None), weighting([2, 1])
    ({}, {'sample_weight': [2, 1]})
    """
    return {} if sample_weight is None else {"sample_weight": sample_weight}


def _additive_draws(
    metric: Metric, parts: list[np.ndarray], codes: np.ndarray, drawn: Iterator[np.ndarray]
) -> np.ndarray:
    by_cluster = np.stack([np.bincount(codes, part) for part in parts])
    return _ADDITIVE[metric][1](*np.array([by_cluster @ weight for weight in drawn]).T)


@dataclass(frozen=True)
class _Rows:
    """Labels, predictions, weights or None, and clusters of the rows to be resampled."""

    y: np.ndarray
    p: np.ndarray
    weights: np.ndarray | None
    codes: np.ndarray

    def sorted_by(self, metric: Metric) -> Callable[[np.ndarray], float]:
        rows, function = SortedScores.of(self.y, self.p), _SORTED[metric]
        codes = self.codes[rows.order]
        own = 1.0 if self.weights is None else self.weights[rows.order]
        return lambda drawn: function(rows, drawn[codes] * own)

    def repeated_by(self, metric: Metric) -> Callable[[np.ndarray], float]:
        def evaluate(drawn: np.ndarray) -> float:
            rows = np.repeat(np.arange(len(self.y)), drawn[self.codes])
            options = weighting(None if self.weights is None else self.weights[rows])
            try:
                return metric(self.y[rows], self.p[rows], **options)
            except InputError:
                return np.nan

        return evaluate

"""A metric taken on resampled rows, or on resampled clusters with all their rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import ArrayLike

from mlsd.metrics.calibration import calibration_ratio, expected_calibration_error
from mlsd.metrics.classification import auc, average_precision, log_loss, normalized_entropy
from mlsd.metrics.inputs import check_labels, check_probabilities, check_scores
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
        any other is called on the repeated rows.
    y : array of 0/1, shape (n,)
        Labels.
    p : array, shape (n,)
        Predictions.
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
    metric(y, p)
    codes, count = cluster_codes(clusters, len(y))
    weights = resampled_weights(count, repetitions, seed)
    if metric in _ADDITIVE:
        return _additive_draws(metric, check_probabilities(y, p), y, codes, weights)
    evaluate = _sorted_evaluator(metric, y, p, codes) or _repeated_evaluator(metric, y, p, codes)
    return np.array([evaluate(weight) for weight in weights])


def mean_draws(
    values: ArrayLike,
    *,
    clusters: ArrayLike | None = None,
    repetitions: int = 200,
    seed: int = 0,
) -> np.ndarray:
    """Return the mean of `values` on resampled rows or clusters, shape (repetitions,).

    Parameters
    ----------
    values : array, shape (n,), NaN where absent
    clusters, repetitions, seed
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
    sums = np.bincount(codes[present], values[present], minlength=count)
    rows = np.bincount(codes[present], minlength=count)
    weights = resampled_weights(count, repetitions, seed)
    return np.array([divide(weight @ sums, weight @ rows) for weight in weights])


def _additive_draws(
    metric: Metric, p: np.ndarray, y: np.ndarray, codes: np.ndarray, weights: Iterator[np.ndarray]
) -> np.ndarray:
    components, finish = _ADDITIVE[metric]
    by_cluster = np.stack([np.bincount(codes, part) for part in components(y, p)])
    return finish(*np.array([by_cluster @ weight for weight in weights]).T)


def _sorted_evaluator(
    metric: Metric, y: np.ndarray, p: np.ndarray, codes: np.ndarray
) -> Callable[[np.ndarray], float] | None:
    if metric not in _SORTED:
        return None
    rows = SortedScores.of(y, p)
    codes = codes[rows.order]
    return lambda weight: _SORTED[metric](rows, weight[codes].astype(np.float64))


def _repeated_evaluator(
    metric: Metric, y: np.ndarray, p: np.ndarray, codes: np.ndarray
) -> Callable[[np.ndarray], float]:
    def evaluate(weight: np.ndarray) -> float:
        rows = np.repeat(np.arange(len(y)), weight[codes])
        try:
            return metric(y[rows], p[rows])
        except InputError:
            return np.nan

    return evaluate

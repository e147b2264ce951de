"""Confidence intervals of metrics by the bootstrap: over rows, over clusters, and paired."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from mlsd.metrics.draws import Metric, bootstrap_draws, mean_draws, present_mean, weighting
from mlsd.runtime import InputError


@dataclass(frozen=True)
class Interval:
    """An estimate with the ends of its confidence interval.

    Examples
    --------
    >>> difference = Interval(-0.02, -0.03, -0.01)
    >>> print(difference, difference.excludes(0))
    -0.0200 [-0.0300, -0.0100] True
    """

    estimate: float
    low: float
    high: float

    def excludes(self, value: float) -> bool:
        """Return whether `value` lies outside; a difference that does not exclude 0 is a tie."""
        return not self.low <= value <= self.high

    def __str__(self) -> str:
        return f"{self.estimate:.4f} [{self.low:.4f}, {self.high:.4f}]"


def bootstrap_interval(
    metric: Metric,
    y: ArrayLike,
    p: ArrayLike,
    *,
    sample_weight: ArrayLike | None = None,
    clusters: ArrayLike | None = None,
    repetitions: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> Interval:
    """Return the metric with its percentile bootstrap interval.

    Parameters are those of `bootstrap_draws`, and `level`, the nominal coverage. The expected
    calibration error, a sum of absolute values, only grows under resampling: its interval says how
    much is noise, and may lie above the estimate.

    Raises
    ------
    InputError
        As `bootstrap_draws`, and if `level` is not between 0 and 1.

    Examples
    --------
    >>> from mlsd.metrics import auc
    >>> bootstrap_interval(auc, [0, 0, 1, 1], [0.1, 0.2, 0.3, 0.4], repetitions=50)
    Interval(estimate=1.0, low=1.0, high=1.0)
    """
    options = weighting(sample_weight)
    draws = bootstrap_draws(
        metric, y, p, clusters=clusters, repetitions=repetitions, seed=seed, **options
    )
    estimate = float(metric(np.asarray(y), np.asarray(p), **options))
    return _percentile_interval(estimate, draws, level)


def paired_interval(
    metric: Metric,
    y: ArrayLike,
    p_a: ArrayLike,
    p_b: ArrayLike,
    *,
    sample_weight: ArrayLike | None = None,
    clusters: ArrayLike | None = None,
    repetitions: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> Interval:
    """Return the metric of `p_a` minus that of `p_b`, both on the same resampled rows.

    What moves both predictions alike cancels, so the interval is far narrower than two apart.
    Parameters are those of `bootstrap_interval`.

    Raises
    ------
    InputError
        As `bootstrap_interval`.

    Examples
    --------
    >>> from mlsd.metrics import log_loss
    >>> y, p = [0, 1, 0, 1], [0.2, 0.7, 0.3, 0.6]
    >>> paired_interval(log_loss, y, p, p, repetitions=20)
    Interval(estimate=0.0, low=0.0, high=0.0)
    """
    options = weighting(sample_weight)
    a, b = (
        bootstrap_draws(
            metric, y, p, clusters=clusters, repetitions=repetitions, seed=seed, **options
        )
        for p in (p_a, p_b)
    )
    estimates = [float(metric(np.asarray(y), np.asarray(p), **options)) for p in (p_a, p_b)]
    return _percentile_interval(estimates[0] - estimates[1], a - b, level)


def mean_interval(
    values: ArrayLike,
    *,
    sample_weight: ArrayLike | None = None,
    clusters: ArrayLike | None = None,
    repetitions: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> Interval:
    """Return the mean of `values`, a ranking metric by user for instance, with its interval.

    Parameters
    ----------
    values : array, shape (n,)
        NaN values count as absent, as those of users without a relevant item.
    sample_weight, clusters, repetitions, level, seed
        As in `bootstrap_interval`.

    Raises
    ------
    InputError
        If no value is there, or `clusters`, `repetitions` or `level` do not fit.

    Examples
    --------
    >>> mean_interval([0.5, 0.5, float("nan")], repetitions=10)
    Interval(estimate=0.5, low=0.5, high=0.5)
    """
    draws = mean_draws(
        values, sample_weight=sample_weight, clusters=clusters, repetitions=repetitions, seed=seed
    )
    return _percentile_interval(present_mean(values, sample_weight), draws, level)


def _percentile_interval(estimate: float, draws: np.ndarray, level: float) -> Interval:
    if not 0 < level < 1:
        raise InputError(f"level is {level}; it has to lie between 0 and 1, as 0.95 does")
    if np.isnan(draws).all():
        return Interval(estimate, np.nan, np.nan)
    low, high = np.nanquantile(draws, [(1 - level) / 2, (1 + level) / 2])
    return Interval(estimate, float(low), float(high))

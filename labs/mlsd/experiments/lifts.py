"""Relative lifts of means and ratios by the delta method, for arms and for twins.

Every function takes one value per unit of randomisation (a user, a window of time), because rows
of one unit are not independent.
"""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike

from mlsd.metrics import Interval
from mlsd.runtime import InputError


def mean_lift(control: ArrayLike, treatment: ArrayLike, *, level: float = 0.95) -> Interval:
    """Return the relative lift of the mean per unit, with its interval by the delta method.

    Parameters
    ----------
    control, treatment : array, shape (n,) and (m,)
        One value per unit.
    level : float
        Nominal coverage.

    Raises
    ------
    InputError
        As `ratio_lift`.

    Examples
    --------
    >>> print(mean_lift([1.0, 2.0, 3.0, 2.0], [2.0, 3.0, 2.0, 3.0]))
    0.2500 [-0.3246, 0.8246]
    """
    one, two = np.ones(len(np.asarray(control))), np.ones(len(np.asarray(treatment)))
    return ratio_lift((control, one), (treatment, two), level=level)


def ratio_lift(
    control: tuple[ArrayLike, ArrayLike],
    treatment: tuple[ArrayLike, ArrayLike],
    *,
    level: float = 0.95,
) -> Interval:
    """Return the relative lift of a ratio of sums, with its interval by the delta method.

    Parameters
    ----------
    control, treatment : pair of arrays
        Numerator and denominator of each unit: clicks and impressions of a user, for instance.
    level : float
        Nominal coverage.

    Raises
    ------
    InputError
        If an arm has fewer than two units, or the control's ratio is not positive.

    Notes
    -----
    With :math:`R = \\sum y / \\sum x`, the variance of R is that of :math:`y - R x` over
    :math:`n \\bar x^2`; the log of the lift adds the relative variances of both arms (Deng,
    Knoblich, Lu 2018, KDD).

    Examples
    --------
    >>> clicks, views = np.array([1.0, 0.0, 2.0, 1.0]), np.array([10.0, 5.0, 15.0, 10.0])
    >>> round(ratio_lift((clicks, views), (2 * clicks, views)).estimate, 6)
    1.0
    """
    (base, base_variance), (other, other_variance) = (_ratio(*arm) for arm in (control, treatment))
    if not base > 0:
        raise InputError("ratio_lift: the control's ratio has to be positive")
    quotient = other / base
    error = np.sqrt(other_variance + quotient**2 * base_variance) / base
    reach = NormalDist().inv_cdf((1 + level) / 2) * error
    return Interval(float(quotient - 1), float(quotient - 1 - reach), float(quotient - 1 + reach))


def paired_ratio_lift(
    control: tuple[ArrayLike, ArrayLike],
    treatment: tuple[ArrayLike, ArrayLike],
    *,
    level: float = 0.95,
) -> Interval:
    """Return the relative lift of a ratio of sums where the same units appear on both sides.

    For twin worlds: what a unit does under both policies is alike, so that the interval of the
    difference is narrower than `ratio_lift` of the same numbers.

    Parameters
    ----------
    control, treatment : pair of arrays, shape (n,) each
        Numerator and denominator of each unit, in the same order on both sides.
    level : float
        Nominal coverage.

    Raises
    ------
    InputError
        As `ratio_lift`, or if the sides have different numbers of units.

    Examples
    --------
    >>> watched, visits = np.array([1.0, 3.0, 2.0, 4.0]), np.array([2.0, 3.0, 2.0, 4.0])
    >>> twice = paired_ratio_lift((watched, visits), (2 * watched, visits))
    >>> round(twice.estimate, 6), bool(twice.low > 0)
    (1.0, True)
    """
    (base, base_pull), (other, other_pull) = (_pull(*arm) for arm in (control, treatment))
    if not base > 0:
        raise InputError("paired_ratio_lift: the control's ratio has to be positive")
    if len(base_pull) != len(other_pull):
        raise InputError("paired_ratio_lift: give the same units on both sides")
    quotient = other / base
    pull = (other_pull - quotient * base_pull) / base
    reach = NormalDist().inv_cdf((1 + level) / 2) * pull.std(ddof=1) / np.sqrt(len(pull))
    return Interval(float(quotient - 1), float(quotient - 1 - reach), float(quotient - 1 + reach))


def ratio_spread(numerator: ArrayLike, denominator: ArrayLike) -> float:
    """Return the standard deviation of a unit's pull on a ratio of sums, over the ratio.

    What `users_per_arm` takes as `spread` where the metric is a ratio, such as clicks per view.

    Parameters
    ----------
    numerator, denominator : array, shape (n,)
        One value per unit each.

    Raises
    ------
    InputError
        As `ratio_lift`.

    Examples
    --------
    >>> round(ratio_spread([1.0, 3.0, 2.0, 2.0], [1.0, 1.0, 1.0, 1.0]), 3)
    0.408
    """
    ratio, pull = _pull(numerator, denominator)
    if not ratio > 0:
        raise InputError("ratio_spread: the ratio has to be positive")
    return float(pull.std(ddof=1) / ratio)


def _ratio(numerator: ArrayLike, denominator: ArrayLike) -> tuple[float, float]:
    """Return a ratio of sums and its variance."""
    ratio, pull = _pull(numerator, denominator)
    return ratio, pull.var(ddof=1) / len(pull)


def _pull(numerator: ArrayLike, denominator: ArrayLike) -> tuple[float, np.ndarray]:
    """Return a ratio of sums and how far each unit pulls it, shape (n,), with mean 0."""
    y, x = np.asarray(numerator, dtype=float), np.asarray(denominator, dtype=float)
    if y.shape != x.shape or y.ndim != 1 or len(y) < 2:
        raise InputError("ratio_lift: give numerator and denominator of two units or more")
    if not x.sum() > 0:
        raise InputError("ratio_lift: the denominators have to add up to more than 0")
    ratio = y.sum() / x.sum()
    return ratio, (y - ratio * x) / x.mean()

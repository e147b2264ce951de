"""Statistics of A/B tests: sample size and ratio, CUPED, sequential looks, many metrics.

Every function takes one value per unit of randomisation (a user, a window of time), because rows
of one unit are not independent.
"""

from __future__ import annotations

from functools import lru_cache
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike
from scipy import optimize, stats

from mlsd.runtime import InputError

BOUNDARIES = ("pocock", "obrien_fleming")
_NODES = 200


def users_per_arm(
    spread: float, lift: float, *, significance: float = 0.05, power: float = 0.8
) -> float:
    """Return the users that each arm needs to detect a relative lift of a mean.

    Parameters
    ----------
    spread : float
        Standard deviation of the metric over users, as a multiple of its mean.
    lift : float
        Relative difference of the two means.
    significance : float
        Of the two-sided test.
    power : float
        Probability to detect that lift.

    Notes
    -----
    :math:`2 (z_{1-\\alpha/2} + z_{1-\\beta})^2 s^2 / \\ell^2` with spread s and lift l.

    Examples
    --------
    >>> round(users_per_arm(2.0, 0.1))
    6279
    """
    quantile = NormalDist().inv_cdf
    return 2 * ((quantile(1 - significance / 2) + quantile(power)) * spread / lift) ** 2


def sample_ratio_p_value(counts: ArrayLike, shares: ArrayLike | None = None) -> float:
    """Return how probable counts as far from the planned shares are (chi-square test).

    Parameters
    ----------
    counts : array of int, shape (arms,)
        Units seen in each arm.
    shares : array, shape (arms,), or None
        Planned shares; equal ones for None.

    Returns
    -------
    float
        Below 0.001 the test is usually declared void: a sample-ratio mismatch (Fabijan et al.
        2019, KDD).

    Raises
    ------
    InputError
        With fewer than two arms, no units, or shares that do not fit.

    Examples
    --------
    >>> round(sample_ratio_p_value([8_000, 8_300]), 4)
    0.0188
    """
    seen = np.asarray(counts, dtype=float)
    planned = np.ones(len(seen)) if shares is None else np.asarray(shares, dtype=float)
    if seen.ndim != 1 or len(seen) < 2 or seen.sum() <= 0:
        raise InputError("sample_ratio_p_value: give the counts of two arms or more")
    if planned.shape != seen.shape or (planned <= 0).any():
        raise InputError("sample_ratio_p_value: give one positive share per arm")
    expected = seen.sum() * planned / planned.sum()
    statistic = ((seen - expected) ** 2 / expected).sum()
    return float(stats.chi2.sf(statistic, len(seen) - 1))


def cuped(outcome: ArrayLike, covariates: ArrayLike) -> np.ndarray:
    """Return the outcome less what was known of each unit before the test (CUPED).

    Parameters
    ----------
    outcome : array, shape (n,)
        One value per unit, of all arms together.
    covariates : array, shape (n,) or (n, k)
        Facts from before the test, so that no arm can have changed them.

    Returns
    -------
    ndarray, shape (n,)
        With the mean of `outcome`: compare arms on it as on the outcome itself.

    Raises
    ------
    InputError
        If the numbers of rows differ.

    Notes
    -----
    :math:`y - (x - \\bar x) \\theta` with the least-squares :math:`\\theta`; the variance that is
    left is :math:`1 - R^2` (Deng et al. 2013, WSDM).

    Examples
    --------
    >>> cuped([1.0, 3.0, 5.0], [0.0, 1.0, 2.0]).round(6).tolist()
    [3.0, 3.0, 3.0]
    """
    y, x = np.asarray(outcome, dtype=float), np.asarray(covariates, dtype=float)
    if len(y) != len(x):
        raise InputError(f"cuped: {len(y)} outcomes and {len(x)} rows of covariates")
    centred = x.reshape(len(y), -1) - x.reshape(len(y), -1).mean(axis=0)
    theta = np.linalg.lstsq(centred, y - y.mean(), rcond=None)[0]
    return y - centred @ theta


def sequential_boundary(
    looks: int, *, significance: float = 0.05, shape: str = "obrien_fleming"
) -> np.ndarray:
    """Return the z value that each of several looks at a test has to pass, shape (looks,).

    Parameters
    ----------
    looks : int
        Equally spaced in what is known; the last one ends the test.
    significance : float
        Probability that any look passes though there is no effect.
    shape : str
        ``"pocock"``: the same value at each look; ``"obrien_fleming"``: high at first and close to
        the value of a single look at the end.

    Raises
    ------
    InputError
        For no look, or an unknown shape.

    Notes
    -----
    The scale is found by integrating, look by look, the density of the sum of what was seen as
    long as no look has passed (Armitage, McPherson, Rowe 1969).

    Examples
    --------
    >>> sequential_boundary(5, shape="pocock").round(2).tolist()
    [2.41, 2.41, 2.41, 2.41, 2.41]
    >>> sequential_boundary(5).round(2).tolist()
    [4.56, 3.23, 2.63, 2.28, 2.04]
    """
    if looks < 1:
        raise InputError(f"sequential_boundary: looks={looks}; give 1 or more")
    if shape not in BOUNDARIES:
        raise InputError(f"sequential_boundary: shape={shape!r}; choose among {BOUNDARIES}")
    return _boundary(looks, significance, shape).copy()


@lru_cache(maxsize=64)
def _boundary(looks: int, significance: float, shape: str) -> np.ndarray:
    """Return a boundary; kept, since an analysis of many tests asks for the same ones."""
    seen = np.arange(1, looks + 1)
    relative = np.ones(looks) if shape == "pocock" else np.sqrt(looks / seen)
    scale = optimize.brentq(
        lambda c: false_alarm_probability(c * relative) - significance, 1e-3, 10.0, xtol=1e-6
    )
    return scale * relative


def false_alarm_probability(boundary: ArrayLike) -> float:
    """Return how probably any look passes its z value though there is no effect.

    Parameters
    ----------
    boundary : array, shape (looks,)
        Of equally spaced looks.

    Examples
    --------
    >>> [round(false_alarm_probability([1.96] * looks), 3) for looks in (1, 2, 14)]
    [0.05, 0.083, 0.22]
    """
    z = np.asarray(boundary, dtype=float)
    limits = z * np.sqrt(np.arange(1, len(z) + 1))
    nodes, weights = np.polynomial.legendre.leggauss(_NODES)
    place, inside = limits[0] * nodes, stats.norm.pdf(limits[0] * nodes)
    for previous, limit in zip(limits, limits[1:]):
        step = stats.norm.pdf(limit * nodes[:, None] - place)
        place, inside = limit * nodes, step @ (previous * weights * inside)
    return float(1 - limits[-1] * weights @ inside)


def holm(p_values: ArrayLike) -> np.ndarray:
    """Return p values adjusted for their number, so that one false alarm in all stays as rare.

    Parameters
    ----------
    p_values : array, shape (metrics,)

    Notes
    -----
    The smallest is multiplied by the number of metrics, the next by one less, and so on; none
    falls below a smaller one's (Holm 1979).

    Examples
    --------
    >>> holm([0.01, 0.04, 0.03]).round(3).tolist()
    [0.03, 0.06, 0.06]
    """
    p = np.asarray(p_values, dtype=float)
    order = np.argsort(p)
    raised = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(raised, 1.0)
    return adjusted

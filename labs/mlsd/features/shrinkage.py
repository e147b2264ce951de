"""Rates of few impressions, held near what is expected of them."""

from __future__ import annotations

import numpy as np

_LEAST_STRENGTH = 1.0


def shrunk_rate(
    clicks: np.ndarray, impressions: np.ndarray, prior: np.ndarray | float, strength: float
) -> np.ndarray:
    """Return ``(c + s m) / (n + s)``, the mean of a Beta posterior.

    Parameters
    ----------
    clicks, impressions : ndarray, shape (k,)
        c and n; weighted or decayed counts qualify.
    prior : ndarray, shape (k,), or float
        m, the rate expected without having seen any.
    strength : float
        s, the weight of the prior in impressions.

    Examples
    --------
    >>> shrunk_rate(np.array([2.0, 0.0]), np.array([2.0, 0.0]), 0.5, 2.0)
    array([0.75, 0.5 ])
    """
    return (clicks + strength * prior) / (impressions + strength)


def moment_strength(
    clicks: np.ndarray, impressions: np.ndarray, expected: np.ndarray, *, most: float
) -> float:
    """Return the strength of a common prior by the method of moments.

    Clicks of a key with n impressions and expected rate m, if beta-binomial with strength s, have
    variance ``n m (1 - m) (1 + (n - 1) / (s + 1))``. The sum of squared deviations, each over n,
    agrees with it where ``1 / (s + 1)`` is the excess over binomial noise,
    ``sum((c - n m)**2 / n - m (1 - m)) / sum((n - 1) m (1 - m))``.

    Parameters
    ----------
    clicks, impressions, expected : ndarray, shape (keys,)
        c, n above 0, and n m.
    most : float
        What it is where clicks vary no more than by chance, and the most that it can be. At least
        it is 1.

    Returns
    -------
    float
        In impressions.

    Examples
    --------
    >>> moment_strength(np.array([0, 500]), np.full(2, 500), np.full(2, 250.0), most=1e4)
    1.0
    """
    variance = expected / impressions * (1 - expected / impressions)
    excess = np.sum((clicks - expected) ** 2 / impressions - variance)
    scale = np.sum(np.maximum(impressions - 1, 0) * variance)
    if excess * most <= scale:
        return most
    return max(float(scale / excess) - 1, _LEAST_STRENGTH)

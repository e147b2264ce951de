"""What the populations of worlds are drawn with, and the hours at which people are awake."""

from __future__ import annotations

import numpy as np

# Activity by hour, quiet before dawn and busiest in the evening; and by weekday from Monday on.
HOUR_CURVE = np.array(
    [45, 28, 18, 13, 11, 14, 25, 45, 65, 78, 86, 92, 98, 96, 93, 94, 98, 106, 118, 132, 145, 142]
    + [118, 80],
    float,
)
WEEKDAY_CURVE = np.array([1.02, 1.0, 0.99, 0.98, 0.96, 0.99, 1.06])


def zipf_shares(count: int, exponent: float) -> np.ndarray:
    """Return shares proportional to rank to the power of minus `exponent`, shape (count,).

    Examples
    --------
    >>> zipf_shares(2, 1.0).round(3).tolist()
    [0.667, 0.333]
    """
    weights = np.arange(1, count + 1) ** -exponent
    return weights / weights.sum()


def draw_codes(
    rng: np.random.Generator, shares: np.ndarray, count: int, dtype: type = np.int8
) -> np.ndarray:
    """Return `count` codes 0, 1, ... drawn by their shares, which sum to 1.

    Examples
    --------
    >>> draw_codes(np.random.default_rng(0), np.array([0.0, 1.0]), 3)
    array([1, 1, 1], dtype=int8)
    """
    return np.searchsorted(np.cumsum(shares)[:-1], rng.random(count)).astype(dtype)


def draw_normal(rng: np.random.Generator, sd: float, *shape: int) -> np.ndarray:
    """Return normal numbers of mean 0 as float32, of the given shape.

    Examples
    --------
    >>> draw_normal(np.random.default_rng(0), 1.0, 2, 3).shape
    (2, 3)
    """
    return rng.standard_normal(shape, dtype=np.float32) * np.float32(sd)


def sigmoid(logit: np.ndarray) -> np.ndarray:
    """Return 1 / (1 + exp(-logit)).

    Examples
    --------
    >>> float(sigmoid(np.array(0.0)))
    0.5
    """
    return 1 / (1 + np.exp(-logit))

"""Integers scrambled the same way in every run and on every machine."""

from __future__ import annotations

import numpy as np

GOLDEN = np.uint64(0x9E3779B97F4A7C15)
"""2**64 over the golden ratio, odd: the step of SplitMix64."""


def mix64(values: np.ndarray) -> np.ndarray:
    """Scramble 64 bits so that each output bit depends on every input bit, without collisions.

    Parameters
    ----------
    values : ndarray of uint64

    Returns
    -------
    ndarray of uint64, same shape

    References
    ----------
    The finish of SplitMix64: Steele, Lea and Flood, Fast Splittable Pseudorandom Number Generators,
    OOPSLA 2014.

    Examples
    --------
    >>> [hex(value) for value in mix64(np.array([1, 2], dtype=np.uint64))]
    ['0x5692161d100b05e5', '0xdbd238973a2b148a']
    """
    mixed = values ^ (values >> np.uint64(30))
    mixed *= np.uint64(0xBF58476D1CE4E5B9)
    mixed ^= mixed >> np.uint64(27)
    mixed *= np.uint64(0x94D049BB133111EB)
    mixed ^= mixed >> np.uint64(31)
    return mixed

"""Luck as a function of what it is about, so that twin worlds share it.

A uniform number drawn for a key depends on the world's seed, the stream's name and the key, never
on what was drawn before. Two policies that show the same ad on the same request meet the same luck.
"""

from __future__ import annotations

import zlib
from functools import lru_cache

import numpy as np

from mlsd.runtime.hashing import GOLDEN, mix64

_MANTISSA = 2.0**-53


def hashed_uniform(seed: int, stream: str, key: np.ndarray) -> np.ndarray:
    """Return one uniform number in (0, 1) per key.

    Parameters
    ----------
    seed : int
        Non-negative.
    stream : str
        Numbers of different streams are independent.
    key : ndarray of int, shape (n,)

    Returns
    -------
    ndarray of float64, shape (n,)

    Notes
    -----
    SplitMix64 (Steele, Lea, Flood 2014) started from a mix of seed and stream, at step `key`.

    Examples
    --------
    >>> first = hashed_uniform(7, "clicks", np.array([1, 2]))
    >>> bool(hashed_uniform(7, "clicks", np.array([2]))[0] == first[1])
    True
    """
    state = key.astype(np.uint64)
    state += np.uint64(1)
    state *= GOLDEN
    state += _start(seed, stream)
    return ((mix64(state) >> np.uint64(11)) + 0.5) * _MANTISSA


@lru_cache(maxsize=1_024)
def _start(seed: int, stream: str) -> np.ndarray:
    """Return where a stream starts, shape (1,): worlds draw from few streams, many times each."""
    return mix64(np.array([(seed << 32) ^ zlib.crc32(stream.encode())], np.uint64) + GOLDEN)


def generator(seed: int, stream: str, *key: int) -> np.random.Generator:
    """Return a generator whose numbers depend on seed, stream and key alone.

    Examples
    --------
    >>> bool(generator(7, "day", 3).random() == generator(7, "day", 3).random())
    True
    """
    return np.random.Generator(np.random.SFC64([seed, zlib.crc32(stream.encode()), *key]))

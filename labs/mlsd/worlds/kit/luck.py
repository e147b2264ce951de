"""Luck as a function of what it is about, so that twin worlds share it.

A uniform number drawn for a key depends on the world's seed, the stream's name and the key, never
on what was drawn before. Two policies that show the same ad on the same request meet the same luck.
"""

from __future__ import annotations

import zlib

import numpy as np

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX_ONE = np.uint64(0xBF58476D1CE4E5B9)
_MIX_TWO = np.uint64(0x94D049BB133111EB)
_MANTISSA = 2.0**-53


def _mix(values: np.ndarray) -> np.ndarray:
    values = (values ^ (values >> np.uint64(30))) * _MIX_ONE
    values = (values ^ (values >> np.uint64(27))) * _MIX_TWO
    return values ^ (values >> np.uint64(31))


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
    start = _mix(np.array([(seed << 32) ^ zlib.crc32(stream.encode())], np.uint64) + _GOLDEN)
    state = start + (key.astype(np.uint64) + np.uint64(1)) * _GOLDEN
    return ((_mix(state) >> np.uint64(11)) + 0.5) * _MANTISSA


def generator(seed: int, stream: str, *key: int) -> np.random.Generator:
    """Return a generator whose numbers depend on seed, stream and key alone.

    Examples
    --------
    >>> bool(generator(7, "day", 3).random() == generator(7, "day", 3).random())
    True
    """
    return np.random.Generator(np.random.SFC64([seed, zlib.crc32(stream.encode()), *key]))

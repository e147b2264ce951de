"""Crosses of columns: one id for each combination of their values."""

from __future__ import annotations

import numpy as np

from mlsd.features.encoders import hash_buckets
from mlsd.features.entities import Columns
from mlsd.runtime.hashing import GOLDEN


def combination_ids(X: Columns, names: tuple[str, ...]) -> np.ndarray:
    """Return one id per row for a combination of columns, the same in every run.

    Parameters
    ----------
    X : mapping of str to array, shape (n,) each, or DataFrame
    names : tuple of str
        The order counts: the same columns in another order give other ids.

    Returns
    -------
    ndarray of int64, shape (n,)
        Non-negative. Of a million combinations, two share an id in one case in ten million.

    Raises
    ------
    InputError
        If a column is missing.

    Examples
    --------
    >>> ids = combination_ids({"device": ["tv", "tv"], "hour": [7, 8]}, ("device", "hour"))
    >>> bool(ids[0] == ids[1])
    False
    """
    mixed = np.uint64(0)
    for hashed in hash_buckets(X, names, 62).T:
        # Not a sum: (1, 2) and (2, 1) differ, since the first value is scrambled once more.
        mixed = (mixed ^ hashed.astype(np.uint64)) * GOLDEN
        mixed ^= mixed >> np.uint64(29)
    return (mixed >> np.uint64(1)).astype(np.int64)

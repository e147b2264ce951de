"""What is drawn again and again by the bootstrap: rows, or clusters with all their rows."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike

from mlsd.runtime import InputError


def cluster_codes(clusters: ArrayLike | None, rows: int) -> tuple[np.ndarray, int]:
    """Return the unit that each row belongs to, shape (rows,), and how many units there are.

    Parameters
    ----------
    clusters : array, shape (rows,), or None
        None makes every row a unit of its own.
    rows : int

    Raises
    ------
    InputError
        If there is not one cluster per row.

    Examples
    --------
    >>> cluster_codes(["ann", "bob", "ann"], 3)
    (array([0, 1, 0]), 2)
    """
    if clusters is None:
        return np.arange(rows), rows
    clusters = np.asarray(clusters)
    if clusters.shape != (rows,):
        raise InputError(f"clusters has shape {clusters.shape}; pass one per row, shape ({rows},)")
    names, codes = np.unique(clusters, return_inverse=True)
    return codes, len(names)


def resampled_weights(count: int, repetitions: int, seed: int) -> Iterator[np.ndarray]:
    """Yield how often each of `count` units is drawn, shape (count,), `repetitions` times.

    Raises
    ------
    InputError
        For fewer than one repetition.

    Examples
    --------
    >>> [int(weights.sum()) for weights in resampled_weights(5, 2, seed=0)]
    [5, 5]
    """
    if repetitions < 1:
        raise InputError(f"repetitions is {repetitions}; there has to be at least one")
    random = np.random.default_rng(seed)
    return (
        np.bincount(random.integers(count, size=count, dtype=np.int32), minlength=count)
        for _ in range(repetitions)
    )

"""Corpora of item vectors of any size: grown from learned ones, or without structure."""

from __future__ import annotations

import numpy as np
from sklearn.cluster import KMeans

# Shares of an own and a borrowed deviation whose squares sum to 1: spreads stay as they are.
_OWN, _BORROWED = 0.8, 0.6
_NORM_JITTER = 0.1


def grown_corpus(
    vectors: np.ndarray, items: int, seed: int, *, groups: int = 64
) -> tuple[np.ndarray, np.ndarray]:
    """Return a corpus that looks like learned vectors, and the item that each one was grown from.

    The directions of the vectors are clustered. A new item takes a real one, goes to the centre of
    its cluster, adds 0.8 of the item's own deviation from it and 0.6 of that of another item of the
    cluster, and has the item's norm, give or take a tenth. So clusters keep their sizes and
    covariances, and norms their distribution, while no two vectors are equal (a smoothed
    bootstrap).

    Parameters
    ----------
    vectors : array, shape (real items, width)
        Those without direction (all zeros) are left out.
    items, seed : int
    groups : int
        Clusters of directions.

    Returns
    -------
    grown : array of float32, shape (items, width)
    parent : array of int, shape (items,)
        Row of `vectors`.

    Examples
    --------
    >>> learned = np.random.default_rng(0).normal(size=(100, 8))
    >>> grown, parent = grown_corpus(learned, 1_000, seed=1, groups=4)
    >>> grown.shape, int(parent.max()) < 100
    ((1000, 8), True)
    """
    rng = np.random.default_rng(seed)
    norms = np.linalg.norm(vectors, axis=1)
    rows = np.flatnonzero(norms > 1e-6)
    directions = vectors[rows] / norms[rows, None]
    found = KMeans(groups, n_init=1, random_state=seed).fit(directions)
    group = found.labels_
    deviations = directions - found.cluster_centers_[group]
    members, sizes = np.argsort(group, kind="stable"), np.bincount(group, minlength=groups)
    own = rng.integers(0, len(rows), items)
    first = np.cumsum(sizes) - sizes
    other = members[first[group[own]] + rng.integers(0, sizes[group[own]])]
    grown = found.cluster_centers_[group[own]]
    grown = grown + _OWN * deviations[own] + _BORROWED * deviations[other]
    lengths = norms[rows[own]] * np.exp(rng.normal(0, _NORM_JITTER, items))
    grown *= (lengths / np.linalg.norm(grown, axis=1))[:, None]
    return grown.astype(np.float32), rows[own]


def structureless_corpus(items: int, width: int, seed: int) -> np.ndarray:
    """Return independent normal vectors, shape (items, width): nothing an index could use.

    Examples
    --------
    >>> structureless_corpus(5, 3, seed=0).shape
    (5, 3)
    """
    return np.random.default_rng(seed).normal(size=(items, width)).astype(np.float32)

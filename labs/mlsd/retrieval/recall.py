"""How much of the exact answer an index finds."""

from __future__ import annotations

import numpy as np

from mlsd.retrieval.base import NO_ITEM, VectorIndex, When


def found_share(found: np.ndarray, wanted: np.ndarray, *, there: np.ndarray | None = None) -> float:
    """Return the share of the ids in `wanted` that stand in the same row of `found`.

    Parameters
    ----------
    found, wanted : array of int, shapes (queries, m) and (queries, k)
        -1 is no id, and is not counted.
    there : array of bool, shape (queries, k), optional
        Which of the wanted are ids, where another filler than -1 is in use.

    Returns
    -------
    float
        NaN where nothing is wanted.

    Examples
    --------
    >>> found_share(np.array([[3, 1], [2, -1]]), np.array([[1, 2], [2, -1]])).__round__(2)
    0.67
    """
    there = wanted != NO_ITEM if there is None else there
    hit = (wanted[:, :, None] == found[:, None, :]).any(axis=2) & there
    return float(hit.sum() / there.sum()) if there.any() else float("nan")


def index_recall(
    index: VectorIndex,
    exact: VectorIndex,
    queries: np.ndarray,
    k: int,
    *,
    allowed: np.ndarray | None = None,
    when: When = "before",
    over_fetch: int = 4,
) -> float:
    """Return the share of the exact k best items that the index finds, mean over queries.

    Parameters
    ----------
    index : VectorIndex
    exact : FlatIndex
        Of the same vectors; it filters before the search.
    queries : array, shape (queries, width)
    k : int
    allowed, when, over_fetch
        How `index` is searched, see `VectorIndex.search`.

    Returns
    -------
    float
        NaN where nothing is allowed.

    Examples
    --------
    >>> from mlsd.retrieval import FlatIndex, PQIndex
    >>> vectors = np.random.default_rng(0).normal(size=(300, 8))
    >>> flat = FlatIndex().build(vectors, np.arange(300))
    >>> coarse = PQIndex(subvectors=4, bits=4).build(vectors, np.arange(300))
    >>> index_recall(flat, flat, vectors[:9], 5), index_recall(coarse, flat, vectors[:9], 5) < 1
    (1.0, True)
    """
    found, _ = index.search(queries, k, allowed=allowed, when=when, over_fetch=over_fetch)
    wanted, scores = exact.search(queries, k, allowed=allowed)
    return found_share(found, wanted, there=np.isfinite(scores))

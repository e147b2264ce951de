"""Turn the search for the largest inner product into one for the nearest vector."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import faiss
import numpy as np

from mlsd.retrieval.base import SearchCost, VectorIndex, When
from mlsd.runtime import InputError


def with_equal_norms(vectors: np.ndarray) -> np.ndarray:
    """Return vectors with one coordinate more, by which all of them have the norm of the longest.

    To a vector x is added ``sqrt(M**2 - |x|**2)``, with M the largest norm. A query with 0 in that
    place keeps its inner products, and its nearest vectors are those of the largest ones.

    Parameters
    ----------
    vectors : array, shape (items, width)

    Returns
    -------
    array of float32, shape (items, width + 1)

    References
    ----------
    Y. Bachrach et al., Speeding Up the Xbox Recommender System Using a Euclidean Transformation for
    Inner-Product Spaces, RecSys 2014.

    Examples
    --------
    >>> with_equal_norms(np.array([[3.0, 4.0], [0.0, 3.0]]))
    array([[3., 4., 0.],
           [0., 3., 4.]], dtype=float32)
    """
    squares = (np.asarray(vectors, np.float64) ** 2).sum(axis=1)
    missing = np.sqrt(np.maximum(squares.max(initial=0) - squares, 0))
    return np.column_stack([vectors, missing]).astype(np.float32)


@dataclass(kw_only=True, eq=False)
class EqualNormsIndex(VectorIndex):
    """An index over vectors that were given equal norms (`with_equal_norms`).

    Clusters and graphs are made for distances. Where norms differ much, as those of popular and
    rare items do, an inner product is none, and they look in the wrong places.

    Parameters
    ----------
    index : VectorIndex
        Not built yet.
    multiple : int
        Zeros are added until the width is a multiple of it, for codes that need one.

    Examples
    --------
    >>> from mlsd.retrieval import IVFIndex
    >>> index = EqualNormsIndex(index=IVFIndex(clusters=2, probes=1))
    >>> index.build(np.diag([1.0, 2.0, 3.0]), np.array([7, 8, 9])).search(np.eye(3)[:1], 1)[0]
    array([[7]])
    """

    index: VectorIndex
    multiple: int = 1

    def build(self, vectors: np.ndarray, ids: np.ndarray) -> Self:
        """Index the vectors with equal norms; see `VectorIndex.build`."""
        vectors = np.asarray(vectors)
        if vectors.ndim != 2 or self.multiple < 1:
            raise InputError(
                f"vectors have shape {vectors.shape}, multiple is {self.multiple}; "
                "give one row for each, and 1 or more"
            )
        self.width_ = vectors.shape[1]
        self.index.build(self._padded(with_equal_norms(vectors)), ids)
        self.ids_ = self.index.ids_
        return self

    def search(
        self,
        queries: np.ndarray,
        k: int,
        *,
        allowed: np.ndarray | None = None,
        when: When = "before",
        over_fetch: int = 4,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Search as `VectorIndex.search` does, for queries of the width of the vectors given."""
        wide = self._wide(queries)
        return self.index.search(wide, k, allowed=allowed, when=when, over_fetch=over_fetch)

    def cost(self, queries: np.ndarray, k: int, *, allowed: np.ndarray | None = None) -> SearchCost:
        """Return what a query looks at; see `VectorIndex.cost`."""
        return self.index.cost(self._wide(queries), k, allowed=allowed)

    @property
    def memory_bytes(self) -> int:
        """Bytes of the index, its wider vectors among them."""
        return self.index.memory_bytes

    def _empty(self, width: int, items: int) -> faiss.Index:
        return self.index._empty(width, items)

    def _parameters(self, selector: faiss.IDSelector | None, k: int) -> faiss.SearchParameters:
        return self.index._parameters(selector, k)

    def _cost(self, queries: np.ndarray, k: int, kept: np.ndarray | None) -> SearchCost:
        return self.index._cost(queries, k, kept)

    def _wide(self, queries: np.ndarray) -> np.ndarray:
        queries = np.asarray(queries, np.float32)
        if not hasattr(self, "ids_"):
            raise InputError("EqualNormsIndex is empty; call build first")
        if queries.ndim != 2 or queries.shape[1] != self.width_:
            raise InputError(
                f"queries have shape {queries.shape}; the index holds vectors of {self.width_}"
            )
        return self._padded(np.pad(queries, ((0, 0), (0, 1))))

    def _padded(self, vectors: np.ndarray) -> np.ndarray:
        return np.pad(vectors, ((0, 0), (0, -vectors.shape[1] % self.multiple)))

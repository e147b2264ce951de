"""What every index does around FAISS: ids, checks, filters, the bytes it takes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal, Self

import faiss
import numpy as np
import pandas as pd

from mlsd.retrieval.candidates import NO_ITEM
from mlsd.runtime import InputError

When = Literal["before", "after"]
FLOAT_BYTES = 4


@dataclass(frozen=True)
class SearchCost:
    """What one query makes an index look at, mean over queries; the same on every machine.

    Attributes
    ----------
    vectors : float
        How many the query is compared with: of items, centres of clusters among them, or codes.
    bytes : float
        How many are read for that: of vectors, codes, centres, and the links of a graph.
    """

    vectors: float
    bytes: float


class VectorIndex(ABC):
    """Base of the indexes: vectors in, the ids of the largest inner products out.

    A subclass stores its arguments, and writes `_empty`, the FAISS index of a width and a number
    of vectors, `_parameters`, how it is searched, and `_cost`, what that looks at.

    Attributes
    ----------
    ids_ : array, shape (items,)
    width_ : int
        Length of a vector.

    Notes
    -----
    A graph or a codebook is built on one thread, so that the same vectors give the same index.
    """

    def build(self, vectors: np.ndarray, ids: np.ndarray) -> Self:
        """Index the vectors, forgetting any earlier ones.

        Parameters
        ----------
        vectors : array, shape (items, width)
            Converted to float32.
        ids : array, shape (items,)
            Integers or text, each once.

        Raises
        ------
        InputError
            If the shapes do not fit, an id stands twice, a vector is not finite, or the index
            needs more vectors than there are.
        """
        vectors, ids = _checked_vectors(vectors), np.asarray(ids)
        if ids.shape != (len(vectors),):
            raise InputError(f"ids have shape {ids.shape}; there are {len(vectors)} vectors")
        places = pd.Index(ids)
        if not places.is_unique:
            raise InputError(f"ids hold {ids[places.duplicated()][0]!r} twice; give each item once")
        self.ids_, self._places, self.width_ = ids, places, vectors.shape[1]
        self._index = self._empty(self.width_, len(vectors))
        with _one_thread():
            self._index.train(vectors)
            self._index.add(vectors)
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
        """Return the ids of the best items of each query and their scores, best first.

        Parameters
        ----------
        queries : array, shape (queries, width)
        k : int
            At least 1.
        allowed : array of ids, optional
            The only items that may be returned, for all queries alike; ids unknown to the index
            are passed over.
        when : str
            ``"before"``: the search itself skips what is not allowed. ``"after"``: it finds
            ``over_fetch * k`` items, and what is not allowed is thrown away.
        over_fetch : int
            At least 1.

        Returns
        -------
        ids : array, shape (queries, k)
            Where fewer than k items were found, -1 for integer ids and None for others.
        scores : array of float32, shape (queries, k)
            ``-inf`` where there is no item.
        """
        if not hasattr(self, "_index"):
            raise InputError(f"{type(self).__name__} is empty; call build first")
        if k < 1 or over_fetch < 1:
            raise InputError(f"k is {k} and over_fetch is {over_fetch}; give 1 or more")
        if when not in ("before", "after"):
            raise InputError(f"when is {when!r}; choose 'before' or 'after'")
        queries = _checked_vectors(queries, self.width_)
        if allowed is None:
            return self._named(*self._find(queries, k))
        kept = self._mask(allowed)
        if when == "before":
            return self._named(*self._find(queries, k, kept))
        scores, places = self._find(queries, k * over_fetch)
        fits = (places >= 0) & kept[places]
        return self._named(*first_that_fit(scores, places, fits, k))

    def cost(self, queries: np.ndarray, k: int, *, allowed: np.ndarray | None = None) -> SearchCost:
        """Return what a query looks at while its k best items are searched for.

        Parameters
        ----------
        queries : array, shape (queries, width)
        k : int
            With a filter after the search, the number that is fetched.
        allowed : array of ids, optional
            As for a filter before the search. What a flat or an inverted file leaves out is not
            compared; a graph walks through it.
        """
        queries = _checked_vectors(queries, self.width_)
        return self._cost(queries, k, None if allowed is None else self._mask(allowed))

    @property
    def memory_bytes(self) -> int:
        """Bytes of the FAISS index as it is saved, which is what it holds, and of the ids."""
        return faiss.serialize_index(self._index).nbytes + self.ids_.nbytes

    def __len__(self) -> int:
        return len(self.ids_)

    @abstractmethod
    def _empty(self, width: int, items: int) -> faiss.Index:
        """Return an index for so many items of a width, without any of them."""

    @abstractmethod
    def _parameters(self, selector: faiss.IDSelector | None, k: int) -> faiss.SearchParameters:
        """Return how the k best of those that a selector lets through are searched for."""

    @abstractmethod
    def _cost(self, queries: np.ndarray, k: int, kept: np.ndarray | None) -> SearchCost:
        """Return what is looked at while the k best of those that are kept are searched for."""

    def _find(
        self, queries: np.ndarray, k: int, kept: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        k_found = min(k, len(self))
        # The selector reads the bits in place: they have to outlive the search.
        bits = None if kept is None else np.packbits(kept, bitorder="little")
        selector = None if bits is None else faiss.IDSelectorBitmap(bits)
        scores, places = self._index.search(
            queries, k_found, params=self._parameters(selector, k_found)
        )
        short = ((0, 0), (0, k - k_found))
        return np.pad(scores, short), np.pad(places, short, constant_values=-1)

    def _mask(self, allowed: np.ndarray) -> np.ndarray:
        places = self._places.get_indexer(np.asarray(allowed))
        mask = np.zeros(len(self), dtype=bool)
        mask[places[places >= 0]] = True
        return mask

    def _named(self, scores: np.ndarray, places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        whole = self.ids_.dtype.kind in "iu"
        ids = (self.ids_ if whole else self.ids_.astype(object))[places]
        ids[places < 0] = NO_ITEM if whole else None
        return ids, np.where(places < 0, np.float32(-np.inf), scores)


def first_that_fit(
    scores: np.ndarray, items: np.ndarray, fits: np.ndarray, k: int
) -> tuple[np.ndarray, np.ndarray]:
    """Move what fits to the front of each row, in its order, and cut after k.

    Examples
    --------
    >>> found = np.array([[0.9, 0.8, 0.7]]), np.array([[5, 6, 7]])
    >>> first_that_fit(*found, np.array([[False, True, True]]), 2)[1]
    array([[6, 7]])
    """
    order = np.argsort(~fits, axis=1, kind="stable")[:, :k]
    items = np.where(fits, items, NO_ITEM)
    return np.take_along_axis(scores, order, 1), np.take_along_axis(items, order, 1)


def _checked_vectors(vectors: np.ndarray, width: int | None = None) -> np.ndarray:
    array = np.ascontiguousarray(vectors, dtype=np.float32)
    if array.ndim != 2 or (width is None and not array.size):
        raise InputError(f"vectors have shape {array.shape}; give one row for each")
    if width is not None and array.shape[1] != width:
        raise InputError(f"queries are {array.shape[1]} wide; the index holds vectors of {width}")
    if not np.isfinite(array).all():
        row = np.flatnonzero(~np.isfinite(array).all(axis=1))[0]
        raise InputError(f"vector {row} is not finite; look at what it was made from")
    return array


@contextmanager
def _one_thread() -> Iterator[None]:
    threads = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    try:
        yield
    finally:
        faiss.omp_set_num_threads(threads)

"""An index that knows which embedding it was built from, and answers no other."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np

from mlsd.retrieval.agreement import require_one_version
from mlsd.retrieval.base import VectorIndex, When


def embedding_version(vectors: np.ndarray, ids: np.ndarray) -> str:
    """Return a name that is equal for equal item vectors of equal items, and for no others.

    Parameters
    ----------
    vectors : array, shape (items, width)
    ids : array, shape (items,)

    Examples
    --------
    >>> one = embedding_version(np.eye(2), np.array([1, 2]))
    >>> one == embedding_version(np.eye(2), np.array([1, 2])), len(one)
    (True, 16)
    >>> one == embedding_version(-np.eye(2), np.array([1, 2]))
    False
    """
    digest = hashlib.blake2b(digest_size=8)
    digest.update(repr((np.shape(vectors), np.asarray(ids).tolist())).encode())
    digest.update(np.ascontiguousarray(vectors, dtype=np.float32).tobytes())
    return digest.hexdigest()


@dataclass(frozen=True)
class VersionedIndex:
    """An index beside the version of the embedding it was built from.

    Two trainings of one model agree on nothing but the width of their vectors: their axes are
    turned against each other. A query of one against the index of the other finds items that look
    like any others, and no number of the index shows that they are arbitrary.

    Attributes
    ----------
    index : VectorIndex
        Built.
    version : str
        Such as `embedding_version` gives, or the name of the training.

    Examples
    --------
    >>> from mlsd.retrieval import FlatIndex
    >>> index = VersionedIndex(FlatIndex().build(np.eye(2), np.array([7, 8])), "monday")
    >>> index.search(np.array([[0.0, 1.0]]), 1, version="monday")[0]
    array([[8]])
    >>> index.search(np.array([[0.0, 1.0]]), 1, version="tuesday")
    Traceback (most recent call last):
    ...
    mlsd.retrieval.agreement.WrongVersionError: the index is of embedding 'monday', the query ...
    """

    index: VectorIndex
    version: str

    def search(
        self,
        queries: np.ndarray,
        k: int,
        *,
        version: str,
        allowed: np.ndarray | None = None,
        when: When = "before",
        over_fetch: int = 4,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Search as `VectorIndex.search` does, for queries of the version given.

        Raises
        ------
        WrongVersionError
            If the version is not that of the index.
        """
        require_one_version(self.version, version)
        return self.index.search(queries, k, allowed=allowed, when=when, over_fetch=over_fetch)

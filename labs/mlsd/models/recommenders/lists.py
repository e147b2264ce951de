"""From scores to lists: what every recommender of a fixed corpus does around its model."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator

import numpy as np

from mlsd.models.corpus import Corpus
from mlsd.runtime import InputError

# Bound the memory of a table of scores: so many users at a time, or fewer of a large corpus.
USERS_AT_ONCE = 1024
_CELLS_AT_ONCE = 1 << 24


class ListRecommender(ABC):
    """A recommender that makes its lists from a table of scores.

    A subclass sets `_corpus` in `fit` and writes `_score_pool`.
    """

    _corpus: Corpus

    def recommend(
        self,
        user_ids: np.ndarray,
        k: int,
        *,
        exclude_seen: bool = True,
        candidates: np.ndarray | None = None,
        histories: np.ndarray | None = None,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return item ids and scores, both of shape (users, k), best first.

        Parameters
        ----------
        user_ids : array, shape (users,)
        k : int
            At least 1.
        exclude_seen : bool
            Leave out what the user had in training and what stands in the history.
        candidates : array of item ids, optional
            Items to choose from, for all users alike; all that the model knows where absent.
        histories : array of item ids, shape (users, length), optional
            What each user had, newest last; -1, or None among text ids, where there is nothing.

        Raises
        ------
        InputError
            If `k` is below 1, or the histories have another shape.
        """
        users = np.asarray(user_ids)
        pool = self._pool(candidates)
        told = checked_histories(histories, len(users))
        size = self._corpus.item_ids.size if pool is None else len(pool)
        parts = []
        for rows in blocks(len(users), min(USERS_AT_ONCE, _CELLS_AT_ONCE // max(size, 1))):
            past = None if told is None else told[rows]
            parts.append(
                self._corpus.best(
                    users[rows],
                    k,
                    lambda users, pool, past=past: self._score_pool(users, pool, past),
                    exclude_seen=exclude_seen,
                    candidates=pool,
                    histories=past,
                )
            )
        items, scores = zip(*parts)
        return np.concatenate(items), np.concatenate(scores)

    def _pool(self, candidates: np.ndarray | None) -> np.ndarray | None:
        """Return the items to choose from, each once and sorted; None for those of the corpus."""
        return None if candidates is None else np.unique(np.asarray(candidates))

    @abstractmethod
    def _score_pool(
        self, users: np.ndarray, pool: np.ndarray, histories: np.ndarray | None
    ) -> np.ndarray:
        """Return the score of each user and item of the pool, shape (users, items)."""


def checked_histories(histories: np.ndarray | None, users: int) -> np.ndarray | None:
    """Return histories as an array with a row for each user, None where there are none.

    Raises
    ------
    InputError
        If they have another shape.

    Examples
    --------
    >>> checked_histories([[3, -1]], 1)
    array([[ 3, -1]])
    """
    if histories is None:
        return None
    array = np.asarray(histories)
    if array.ndim != 2 or len(array) != users:
        raise InputError(f"histories have shape {array.shape}; give one row for {users} users")
    return array


def blocks(rows: int, size: int) -> Iterator[slice]:
    """Yield slices of at most `size` rows; one that is empty where there is no row.

    Examples
    --------
    >>> list(blocks(5, 3))
    [slice(0, 3, None), slice(3, 6, None)]
    """
    return (slice(start, start + size) for start in range(0, max(rows, 1), max(size, 1)))

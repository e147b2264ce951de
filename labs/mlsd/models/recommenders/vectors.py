"""Recommenders whose score is an inner product: what they do around their vectors."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from mlsd.models.corpus import Corpus
from mlsd.models.recommenders.sequences import ABSENT, Sequences
from mlsd.runtime import InputError

_BLOCK_CELLS = 1 << 24


class VectorRecommender:
    """Base of the recommenders that score by the inner product of a user's and an item's vector.

    A subclass sets `_corpus`, `_sequences`, `item_ids_` (sorted), `item_vectors_` and
    `_unknown_vector` in `fit`, and writes `_encode`.

    Attributes
    ----------
    item_ids_ : array, shape (items,)
        What is recommended, sorted.
    item_vectors_ : array of float32, shape (items, dim)
        For an index; queries of it are `user_vectors`.
    """

    history_length: int
    _corpus: Corpus
    _sequences: Sequences
    _unknown_vector: np.ndarray

    def user_vectors(self, user_ids: np.ndarray, histories: np.ndarray | None = None) -> np.ndarray:
        """Return the vectors of users, shape (users, dim), float32.

        Parameters
        ----------
        user_ids : array, shape (users,)
        histories : array of item ids, shape (users, length), optional
            Newest last, padded with -1 (None for text ids); unknown items are passed over. What
            the users had in training where absent.

        Raises
        ------
        InputError
            If the histories have another shape, or there was no `fit`.
        """
        users, known = np.asarray(user_ids), self._fitted().rows(user_ids)
        past = (
            self._sequences.last(known, self.history_length)
            if histories is None
            else self._coded(_checked_histories(histories, len(users)))
        )
        parts = [self._encode(users[rows], past[rows]) for rows in _blocks(len(users), 1024)]
        return np.concatenate(parts) if parts else self.item_vectors_[:0]

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
            Leave out what the user interacted with in training, and what is in the history given.
        candidates : array, optional
            Items to choose from, for all users alike; all of `item_ids_` where absent.
        histories : array of item ids, shape (users, length), optional
            See `user_vectors`.
        """
        users = np.asarray(user_ids)
        vectors = self.user_vectors(users, histories).astype(np.float64)
        pool = self.item_ids_ if candidates is None else np.unique(np.asarray(candidates))
        pool_vectors = self._vectors_of(pool)
        found = []
        for rows in _blocks(len(users), max(_BLOCK_CELLS // max(len(pool), 1), 1)):
            scores = vectors[rows] @ pool_vectors.T
            if exclude_seen and histories is not None:
                scores[_history_mask(np.asarray(histories)[rows], pool)] = -np.inf
            found.append(
                self._corpus.best(
                    users[rows],
                    k,
                    lambda users, pool, table=scores: table,
                    exclude_seen=exclude_seen,
                    candidates=pool,
                )
            )
        items, scores = zip(*found) if found else ([pool[:0].reshape(0, k)], [np.zeros((0, k))])
        return np.concatenate(items), np.concatenate(scores)

    def score(self, user_ids: np.ndarray, item_ids: np.ndarray) -> np.ndarray:
        """Return the inner product of each pair, shape (n,), with the histories of the training."""
        users, rows = np.unique(np.asarray(user_ids), return_inverse=True)
        vectors = self.user_vectors(users).astype(np.float64)
        return np.einsum("nd,nd->n", vectors[rows], self._vectors_of(np.asarray(item_ids)))

    def _encode(self, user_ids: np.ndarray, past: Tensor) -> np.ndarray:
        """Return vectors of users from their ids and past items, places in `item_ids_` or -1."""
        raise NotImplementedError

    def _fitted(self) -> Corpus:
        if not hasattr(self, "item_vectors_"):
            raise InputError(f"{type(self).__name__} is not fitted; call fit first")
        return self._corpus

    def _vectors_of(self, item_ids: np.ndarray) -> np.ndarray:
        places = pd.Index(self.item_ids_).get_indexer(item_ids)
        vectors = np.vstack([self.item_vectors_, self._unknown_vector])
        return vectors[places].astype(np.float64)

    def _coded(self, histories: np.ndarray) -> Tensor:
        """Return the last known items of each history as places, moved to its end."""
        places = pd.Index(self.item_ids_).get_indexer(histories.ravel()).reshape(histories.shape)
        order = np.argsort(places != ABSENT, axis=1, kind="stable")[:, -self.history_length :]
        return torch.from_numpy(np.take_along_axis(places, order, axis=1).astype(np.int64))


def _checked_histories(histories: np.ndarray, users: int) -> np.ndarray:
    array = np.asarray(histories)
    if array.ndim != 2 or len(array) != users:
        raise InputError(f"histories have shape {array.shape}; give one row for {users} users")
    return array


def _history_mask(histories: np.ndarray, pool: np.ndarray) -> np.ndarray:
    places = pd.Index(pool).get_indexer(histories.ravel())
    rows = np.repeat(np.arange(len(histories)), histories.shape[1])
    mask = np.zeros((len(histories), len(pool)), dtype=bool)
    mask[rows[places >= 0], places[places >= 0]] = True
    return mask


def _blocks(rows: int, size: int) -> Iterator[slice]:
    return (slice(start, start + size) for start in range(0, rows, size))

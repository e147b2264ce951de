"""Recommenders whose score is an inner product: what they do around their vectors."""

from __future__ import annotations

from abc import abstractmethod

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from mlsd.models.corpus import Corpus
from mlsd.models.recommenders.lists import (
    USERS_AT_ONCE,
    ListRecommender,
    blocks,
    checked_histories,
)
from mlsd.models.recommenders.sequences import ABSENT, Sequences
from mlsd.runtime import InputError


class VectorRecommender(ListRecommender):
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
            else self._coded(checked_histories(histories, len(users)))
        )
        if not len(users):
            return self.item_vectors_[:0]
        parts = blocks(len(users), USERS_AT_ONCE)
        return np.concatenate([self._encode(users[rows], past[rows]) for rows in parts])

    def _pool(self, candidates: np.ndarray | None) -> np.ndarray:
        self._fitted()
        return self.item_ids_ if candidates is None else super()._pool(candidates)

    def _score_pool(
        self, users: np.ndarray, pool: np.ndarray, histories: np.ndarray | None
    ) -> np.ndarray:
        vectors = self.user_vectors(users, histories).astype(np.float64)
        return vectors @ self._vectors_of(pool).T

    def score(self, user_ids: np.ndarray, item_ids: np.ndarray) -> np.ndarray:
        """Return the inner product of each pair, shape (n,), with the histories of the training."""
        users, rows = np.unique(np.asarray(user_ids), return_inverse=True)
        vectors = self.user_vectors(users).astype(np.float64)
        return np.einsum("nd,nd->n", vectors[rows], self._vectors_of(np.asarray(item_ids)))

    @abstractmethod
    def _encode(self, user_ids: np.ndarray, past: Tensor) -> np.ndarray:
        """Return vectors of users from their ids and past items, places in `item_ids_` or -1."""

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

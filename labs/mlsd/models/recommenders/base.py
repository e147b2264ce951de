"""What recommenders on the user-item matrix share: whom they know, and by what."""

from __future__ import annotations

from abc import abstractmethod
from typing import Self

import numpy as np
import pandas as pd
from scipy import sparse

from mlsd.models.corpus import Corpus
from mlsd.models.recommenders.lists import (
    USERS_AT_ONCE,
    ListRecommender,
    blocks,
    checked_histories,
)
from mlsd.runtime import InputError


class MatrixRecommender(ListRecommender):
    """A recommender that scores all items of the training from a row of the user-item matrix.

    A subclass learns in `_learn` and scores users of the training in `_of_users`; one that can
    score any row of the matrix is a `FoldingRecommender`.

    Attributes
    ----------
    folds_in : bool
        Whether a history that was not in the training can be scored.
    user_ids_, item_ids_ : array
        Users and items in training, sorted.

    Notes
    -----
    A user is known by the history that `recommend` is given, where the model folds in and the
    history holds an item of the training; else by the training; a user known by neither gets the
    most popular items, scored by their interactions. An item unseen in training scores 0.
    """

    folds_in = False

    def fit(
        self,
        interactions: pd.DataFrame,
        *,
        users: pd.DataFrame | None = None,
        items: pd.DataFrame | None = None,
        valid: pd.DataFrame | None = None,
    ) -> Self:
        """Learn from `interactions`: `user_id`, `item_id` and, where it has one, `weight`.

        Raises
        ------
        InputError
            If a column is missing, there is no row, or an argument of the constructor is wrong.
        """
        self._corpus = Corpus(interactions)
        self.user_ids_, self.item_ids_ = self._corpus.user_ids, self._corpus.item_ids
        self._popularity = self._corpus.matrix.sum(axis=0).astype(np.float32)
        self._learn(users=users, valid=valid)
        return self

    def _score_pool(
        self, users: np.ndarray, pool: np.ndarray, histories: np.ndarray | None
    ) -> np.ndarray:
        return self._columns(self.score_table(users, histories=histories), pool)

    def score(self, user_ids: np.ndarray, item_ids: np.ndarray) -> np.ndarray:
        """Return one score per pair, shape (n,); 0 for an item unseen in training."""
        users, row = np.unique(np.asarray(user_ids), return_inverse=True)
        column = self._corpus.positions(item_ids)
        scores = np.zeros(len(row))
        for rows in blocks(len(users), USERS_AT_ONCE):
            table = self.score_table(users[rows])
            own = np.flatnonzero((row >= rows.start) & (row < rows.stop) & (column >= 0))
            scores[own] = table[row[own] - rows.start, column[own]]
        return scores

    def score_table(
        self, user_ids: np.ndarray, *, histories: np.ndarray | None = None
    ) -> np.ndarray:
        """Return the score of every item of `item_ids_`, shape (users, items), float32."""
        users = np.asarray(user_ids)
        histories = checked_histories(histories, len(users))
        rows = self._corpus.rows(users)
        table = np.empty((len(users), len(self.item_ids_)), dtype=np.float32)
        told = np.zeros(len(users), dtype=bool)
        if histories is not None:
            told = self._score_histories(histories, table)
        known = ~told & (rows >= 0)
        if known.all():
            return self._of_users(rows)
        table[known] = self._of_users(rows[known])
        others = ~told & (rows < 0)
        table[others] = self._of_strangers(users[others])
        return table

    def profiles(self) -> sparse.csr_array:
        """Return who had what in training, shape (users, items), in the order of the ids."""
        return self._corpus.matrix

    @abstractmethod
    def _learn(self, *, users: pd.DataFrame | None, valid: pd.DataFrame | None) -> None:
        """Learn from `self._corpus`."""

    @abstractmethod
    def _of_users(self, rows: np.ndarray) -> np.ndarray:
        """Return the scores of users of the training, shape (users, items)."""

    def _score_histories(self, histories: np.ndarray, table: np.ndarray) -> np.ndarray:
        """Write scores into the rows of the table that histories tell of; return which these are.

        Without folding in there are none.
        """
        return np.zeros(len(histories), dtype=bool)

    def _of_strangers(self, users: np.ndarray) -> np.ndarray:
        return np.tile(self._popularity, (len(users), 1))

    def _columns(self, table: np.ndarray, pool: np.ndarray) -> np.ndarray:
        if pool is self.item_ids_:
            return table
        place = self._corpus.positions(pool)
        return np.where(place >= 0, table[:, np.maximum(place, 0)], np.float32(0))


class FoldingRecommender(MatrixRecommender):
    """A matrix recommender that scores a history which was not in the training.

    A subclass scores rows of the matrix, whoever they are, in `_of_profiles`.
    """

    folds_in = True

    @abstractmethod
    def _of_profiles(self, profiles: sparse.csr_array) -> np.ndarray:
        """Return the scores of rows of the user-item matrix, shape (rows, items)."""

    def _of_users(self, rows: np.ndarray) -> np.ndarray:
        return self._of_profiles(self._corpus.matrix[rows])

    def _score_histories(self, histories: np.ndarray, table: np.ndarray) -> np.ndarray:
        profiles = self._corpus.profiles(histories)
        told = np.diff(profiles.indptr) > 0
        if self.folds_in and told.any():
            table[told] = self._of_profiles(profiles[told])
        return told & self.folds_in


def check_range(
    name: str, value: float, low: float, high: float = np.inf, *, low_allowed: bool = True
) -> None:
    """Raise an `InputError` if an argument is not a number between two limits.

    Examples
    --------
    >>> check_range("dropout", 0.5, 0.0, 1.0)
    """
    if low < value < high or (low_allowed and value == low):
        return
    edge = "at least" if low_allowed else "above"
    raise InputError(
        f"{name} is {value!r}; give a number {edge} {low:g}"
        + (f" and below {high:g}" if high < np.inf else "")
    )

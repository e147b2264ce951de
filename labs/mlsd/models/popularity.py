"""The recommender that asks nothing about the user: what most people chose."""

from __future__ import annotations

from typing import Self

import numpy as np
import pandas as pd

from mlsd.models.corpus import Corpus
from mlsd.models.recommenders.lists import ListRecommender
from mlsd.runtime import InputError


class PopularityRecommender(ListRecommender):
    """Ranks items by their number of interactions, recent ones counting more if so wished.

    An item's score is ``sum(0.5 ** ((last - ts) / half_life))`` over its interactions, `last` being
    the latest time in the data; without a half-life it is their number. Where they have a column
    `weight`, each counts that much. Ties go to the item that sorts first.

    Parameters
    ----------
    half_life : float, optional
        In the unit of `ts` (seconds).

    Attributes
    ----------
    item_ids_ : array
        Items in training, sorted.
    scores_ : array of float64
        One an item of `item_ids_`.

    Notes
    -----
    A user unseen in training gets the same list with nothing excluded. An item unseen in training
    scores 0. Where fewer than k items are left for a user, the row is filled up with a missing item
    (-1 for integer ids, None for others) whose score is ``-inf``.

    Examples
    --------
    >>> log = pd.DataFrame({"user_id": [1, 1, 2, 3], "item_id": [10, 20, 10, 30]})
    >>> items, scores = PopularityRecommender().fit(log).recommend([1, 9], 2)
    >>> items
    array([[30, -1],
           [10, 20]])
    """

    def __init__(self, *, half_life: float | None = None) -> None:
        self.half_life = half_life

    def fit(
        self,
        interactions: pd.DataFrame,
        *,
        users: pd.DataFrame | None = None,
        items: pd.DataFrame | None = None,
        valid: pd.DataFrame | None = None,
    ) -> Self:
        """Count `interactions` (`user_id`, `item_id`, and `ts` where there is a half-life).

        Raises
        ------
        InputError
            If a column is missing, there is no row, or the half-life is not above 0.
        """
        self._corpus = Corpus(interactions, () if self.half_life is None else ("ts",))
        self.item_ids_ = self._corpus.item_ids
        self.scores_ = np.bincount(self._corpus.item_codes, self._weights(interactions))
        return self

    def _weights(self, interactions: pd.DataFrame) -> np.ndarray | None:
        weights = self._corpus.weights
        if self.half_life is None:
            return weights
        if not self.half_life > 0:
            raise InputError(f"half_life is {self.half_life!r}; give seconds above 0, or None")
        ts = interactions["ts"].to_numpy(np.float64)
        decay = 0.5 ** ((ts.max() - ts) / self.half_life)
        return decay if weights is None else decay * weights

    def _score_pool(
        self, users: np.ndarray, pool: np.ndarray, histories: np.ndarray | None
    ) -> np.ndarray:
        return np.tile(self._item_scores(pool), (len(users), 1))

    def score(self, user_ids: np.ndarray, item_ids: np.ndarray) -> np.ndarray:
        """Return the item's score for each pair, shape (n,); 0 for an unseen item."""
        return self._item_scores(np.asarray(item_ids))

    def _item_scores(self, item_ids: np.ndarray) -> np.ndarray:
        position = self._corpus.positions(item_ids)
        return np.where(position >= 0, self.scores_[position], 0.0)

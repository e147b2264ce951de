"""The recommender that asks nothing about the user: what most people chose."""

from __future__ import annotations

from typing import Self

import numpy as np
import pandas as pd

from mlsd.runtime import InputError

NO_ITEM = -1


class PopularityRecommender:
    """Ranks items by their number of interactions, recent ones counting more if so wished.

    An item's score is ``sum(0.5 ** ((last - ts) / half_life))`` over its interactions, `last` being
    the latest time in the data; without a half-life it is their number. Ties go to the item that
    sorts first.

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
        needed = ["user_id", "item_id"] + ([] if self.half_life is None else ["ts"])
        missing = [name for name in needed if name not in interactions]
        if missing:
            raise InputError(f"interactions: column {missing[0]!r} is missing")
        if len(interactions) == 0:
            raise InputError("interactions: no row; there is nothing to count")
        codes, self.item_ids_ = pd.factorize(interactions["item_id"].to_numpy(), sort=True)
        self.scores_ = np.bincount(codes, self._weights(interactions))
        user_codes, self._user_ids = pd.factorize(interactions["user_id"].to_numpy(), sort=True)
        self._seen = np.unique(np.column_stack([user_codes, codes]), axis=0)
        return self

    def _weights(self, interactions: pd.DataFrame) -> np.ndarray | None:
        if self.half_life is None:
            return None
        if not self.half_life > 0:
            raise InputError(f"half_life is {self.half_life!r}; give seconds above 0, or None")
        ts = interactions["ts"].to_numpy(np.float64)
        return 0.5 ** ((ts.max() - ts) / self.half_life)

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
            Leave out what the user interacted with in training.
        candidates : array, optional
            Items to choose from, for all users alike; all items of the training where absent.
        histories : array, optional
            Not used: popularity does not depend on the user.
        """
        if k < 1:
            raise InputError(f"k is {k}; ask for at least one item")
        users = np.asarray(user_ids)
        pool = self.item_ids_ if candidates is None else np.unique(np.asarray(candidates))
        scores = np.tile(self._item_scores(pool), (len(users), 1))
        if exclude_seen:
            scores[self._seen_mask(users, pool)] = -np.inf
        order = np.argsort(-scores, axis=1, kind="stable")[:, :k]
        return _padded(pool[order], np.take_along_axis(scores, order, axis=1), k)

    def score(self, user_ids: np.ndarray, item_ids: np.ndarray) -> np.ndarray:
        """Return the item's score for each pair, shape (n,); 0 for an unseen item."""
        return self._item_scores(np.asarray(item_ids))

    def _item_scores(self, item_ids: np.ndarray) -> np.ndarray:
        position = pd.Index(self.item_ids_).get_indexer(item_ids)
        return np.where(position >= 0, self.scores_[position], 0.0)

    def _seen_mask(self, users: np.ndarray, pool: np.ndarray) -> np.ndarray:
        known = pd.Index(self._user_ids).get_indexer(users)
        column = pd.Index(pool).get_indexer(self.item_ids_)
        first = np.searchsorted(self._seen[:, 0], known, side="left")
        count = np.searchsorted(self._seen[:, 0], known, side="right") - first
        row = np.repeat(np.arange(len(users)), count)
        within = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
        place = column[self._seen[np.repeat(first, count) + within, 1]]
        mask = np.zeros((len(users), len(pool)), dtype=bool)
        mask[row[place >= 0], place[place >= 0]] = True
        return mask


def _padded(items: np.ndarray, scores: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    filler = NO_ITEM if items.dtype.kind in "iu" else None
    short = ((0, 0), (0, k - items.shape[1]))
    items = np.pad(items if filler == NO_ITEM else items.astype(object), short)
    scores = np.pad(scores, short, constant_values=-np.inf)
    items[np.isneginf(scores)] = filler
    return items, scores

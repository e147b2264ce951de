"""Recommend what an index finds: the serving side of a model with vectors."""

from __future__ import annotations

import numpy as np
import pandas as pd

from mlsd.models.base import Recommender
from mlsd.models.corpus import NO_ITEM
from mlsd.retrieval.base import VectorIndex, first_that_fit


class IndexedRecommender:
    """Recommends the items that an index finds for the vector of a user.

    Parameters
    ----------
    index : VectorIndex
        Built, with whole numbers as ids.
    user_ids : array, shape (users,)
    user_vectors : array, shape (users, width)
        Queries of the index.
    seen : DataFrame
        `user_id` and `item_id` of what users had in training.
    others : Recommender
        Answers for users without a vector.

    Notes
    -----
    So many items are fetched beyond k that those a user has seen can be left out. A row that still
    runs short ends in -1, which an exact index does only where the corpus does.

    Examples
    --------
    >>> from mlsd.models import PopularityRecommender
    >>> from mlsd.retrieval import FlatIndex
    >>> seen = pd.DataFrame({"user_id": [1], "item_id": [7]})
    >>> flat = FlatIndex().build(np.eye(3), np.array([7, 8, 9]))
    >>> user = np.array([[0.9, 0.5, 0.1]])
    >>> others = PopularityRecommender().fit(seen)
    >>> IndexedRecommender(flat, np.array([1]), user, seen, others).recommend([1], 2)[0]
    array([[8, 9]])
    """

    def __init__(
        self,
        index: VectorIndex,
        user_ids: np.ndarray,
        user_vectors: np.ndarray,
        seen: pd.DataFrame,
        others: Recommender,
    ) -> None:
        self.index = index
        self.others = others
        self._users = pd.Index(user_ids)
        self._vectors = np.asarray(user_vectors, np.float32)
        pairs = seen[["user_id", "item_id"]].drop_duplicates()
        self._seen = pd.MultiIndex.from_frame(pairs)
        self._most_seen = pairs["user_id"].value_counts()

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
            Leave out what the user had in training.
        candidates : array, optional
            A filter within the search.
        histories : array, optional
            Not used: a user's vector stays as it was trained.
        """
        users = np.asarray(user_ids)
        items = np.full((len(users), k), NO_ITEM, self.index.ids_.dtype)
        scores = np.full((len(users), k), -np.inf, np.float32)
        row = self._users.get_indexer(users)
        known = row >= 0
        if known.any():
            items[known], scores[known] = self._search(
                users[known], row[known], k, exclude_seen, candidates
            )
        if not known.all():
            items[~known], scores[~known] = self.others.recommend(
                users[~known], k, exclude_seen=exclude_seen, candidates=candidates
            )
        return items, scores

    def score(self, user_ids: np.ndarray, item_ids: np.ndarray) -> np.ndarray:
        """Return the scores of `others`: an index searches, and scores no pair of its own."""
        return self.others.score(user_ids, item_ids)

    def _search(
        self,
        users: np.ndarray,
        row: np.ndarray,
        k: int,
        exclude_seen: bool,
        candidates: np.ndarray | None,
    ) -> tuple[np.ndarray, np.ndarray]:
        seen = self._most_seen.reindex(users).max() if exclude_seen else 0
        wanted = k + int(np.nan_to_num(seen))
        items, scores = self.index.search(self._vectors[row], wanted, allowed=candidates)
        if not exclude_seen:
            return items, scores
        pairs = pd.MultiIndex.from_arrays([np.repeat(users, wanted), items.ravel()])
        fits = ~pairs.isin(self._seen).reshape(items.shape) & (items != NO_ITEM)
        scores, items = first_that_fit(scores, items, fits, k)
        return items, np.where(items == NO_ITEM, np.float32(-np.inf), scores)

"""Popularity within the segment of a user: what people like them chose."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from mlsd.models.recommenders.base import MatrixRecommender, check_range
from mlsd.runtime import InputError

NO_SEGMENT = -1


class SegmentPopularityRecommender(MatrixRecommender):
    """Ranks items by their share of the interactions in the user's segment.

    A segment is one combination of the users' attributes. With ``n(s, i)`` interactions of segment
    s with item i, ``n(s)`` of all its interactions and ``p(i)`` the item's share of everybody's,
    the score is ``(n(s, i) + strength * p(i)) / (n(s) + strength)``, so that a small segment
    borrows from all.

    Parameters
    ----------
    by : sequence of str, optional
        Columns of `users` that make a segment; all but `user_id` where absent.
    strength : float
        Interactions that the share of everybody is worth.

    Attributes
    ----------
    shares_ : ndarray of float32, shape (segments, items)

    Notes
    -----
    A user with a row in `users` needs no interaction to be in a segment. One without a row, and
    everybody where `users` is not given, gets the share of everybody, ``p(i)``. Histories change no
    score. An item unseen in training scores 0.

    Examples
    --------
    >>> log = pd.DataFrame({"user_id": [1, 2, 2], "item_id": [10, 20, 30]})
    >>> people = pd.DataFrame({"user_id": [1, 2, 3], "country": ["NL", "DE", "NL"]})
    >>> model = SegmentPopularityRecommender(strength=1.0).fit(log, users=people)
    >>> model.recommend([3], 1)[0]
    array([[10]])
    """

    def __init__(self, *, by: Sequence[str] | None = None, strength: float = 100.0) -> None:
        self.by = by
        self.strength = strength

    def _learn(self, *, users: pd.DataFrame | None, valid: pd.DataFrame | None) -> None:
        check_range("strength", self.strength, 0.0, low_allowed=False)
        self._people, self._segments = self._segmented(users)
        matrix = self._corpus.matrix
        self._everybody = (self._popularity / self._popularity.sum()).astype(np.float32)
        segments = self._segment_of(self._corpus.user_ids)
        known = np.flatnonzero(segments != NO_SEGMENT)
        counts = np.zeros((self._segments.max(initial=NO_SEGMENT) + 1, matrix.shape[1]), np.float32)
        pairs = matrix[known].tocoo()
        np.add.at(counts, (segments[known][pairs.row], pairs.col), pairs.data)
        prior = self.strength * self._everybody
        self.shares_ = (counts + prior) / (counts.sum(axis=1, keepdims=True) + self.strength)

    def _segmented(self, users: pd.DataFrame | None) -> tuple[pd.Index, np.ndarray]:
        if users is None:
            return pd.Index([]), np.empty(0, dtype=np.int64)
        by = [n for n in users if n != "user_id"] if self.by is None else list(self.by)
        missing = [name for name in ("user_id", *by) if name not in users]
        if missing:
            raise InputError(f"users: column {missing[0]!r} is missing")
        if not by:
            raise InputError("users: no attribute beside 'user_id'; there is nothing to segment by")
        if users["user_id"].duplicated().any():
            raise InputError("users: a user has two rows; give one for each")
        segments = users.groupby(by, dropna=False, observed=True).ngroup()
        return pd.Index(users["user_id"]), segments.to_numpy()

    def _segment_of(self, user_ids: np.ndarray) -> np.ndarray:
        row = self._people.get_indexer(np.asarray(user_ids))
        return np.where(row >= 0, np.append(self._segments, NO_SEGMENT)[row], NO_SEGMENT)

    def _of_users(self, rows: np.ndarray) -> np.ndarray:
        return self._of_strangers(self._corpus.user_ids[rows])

    def _of_strangers(self, users: np.ndarray) -> np.ndarray:
        return np.vstack([self.shares_, self._everybody])[self._segment_of(users)]

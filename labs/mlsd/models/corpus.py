"""Who chose what: the ids behind a recommender, and the best new items for each user."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from mlsd.runtime import InputError

NO_ITEM = -1
# From users and items to the score of each pair, shape (users, items).
ScoreTable = Callable[[np.ndarray, np.ndarray], np.ndarray]


class Corpus:
    """Users and items of a training, and which users had which items.

    Parameters
    ----------
    interactions : DataFrame
        With `user_id` and `item_id`.
    needs : sequence of str
        Further columns that have to be there.

    Attributes
    ----------
    user_ids, item_ids : array
        Sorted.
    seen : ndarray of int, shape (pairs, 2)
        Each user with each item once, as positions in `user_ids` and `item_ids`, in order.
    item_codes : ndarray of int, shape (n,)
        Position in `item_ids` of each interaction.

    Raises
    ------
    InputError
        If a column is missing, or there is no row.

    Examples
    --------
    >>> corpus = Corpus(pd.DataFrame({"user_id": [1, 1, 2], "item_id": [10, 20, 10]}))
    >>> corpus.best([1, 2], 1, lambda users, items: np.ones((len(users), len(items))))[0]
    array([[-1],
           [20]])
    """

    def __init__(self, interactions: pd.DataFrame, needs: Sequence[str] = ()) -> None:
        missing = [n for n in ("user_id", "item_id", *needs) if n not in interactions]
        if missing:
            raise InputError(f"interactions: column {missing[0]!r} is missing")
        if len(interactions) == 0:
            raise InputError("interactions: no row; there is nothing to count")
        users, items = (interactions[name].to_numpy() for name in ("user_id", "item_id"))
        self.item_codes, self.item_ids = pd.factorize(items, sort=True)
        user_codes, self.user_ids = pd.factorize(users, sort=True)
        self.seen = np.unique(np.column_stack([user_codes, self.item_codes]), axis=0)

    def positions(self, item_ids: np.ndarray) -> np.ndarray:
        """Return where items stand in `item_ids`, -1 for those unseen in training."""
        return pd.Index(self.item_ids).get_indexer(np.asarray(item_ids))

    def rows(self, user_ids: np.ndarray) -> np.ndarray:
        """Return where users stand in `user_ids`, -1 for those unseen in training."""
        return pd.Index(self.user_ids).get_indexer(np.asarray(user_ids))

    def best(
        self,
        user_ids: np.ndarray,
        k: int,
        score: ScoreTable,
        *,
        exclude_seen: bool = True,
        candidates: np.ndarray | None = None,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return item ids and scores, both of shape (users, k), best first.

        Ties go to the item that sorts first. A row with too few items is filled up with a missing
        one (-1 for integer ids, None for others) whose score is ``-inf``.
        """
        if k < 1:
            raise InputError(f"k is {k}; ask for at least one item")
        users = np.asarray(user_ids)
        pool = self.item_ids if candidates is None else np.unique(np.asarray(candidates))
        scores = np.array(score(users, pool), dtype=np.float64)
        if exclude_seen:
            scores[self._seen_mask(users, pool)] = -np.inf
        order = np.argsort(-scores, axis=1, kind="stable")[:, :k]
        return _padded(pool[order], np.take_along_axis(scores, order, axis=1), k)

    def _seen_mask(self, users: np.ndarray, pool: np.ndarray) -> np.ndarray:
        known, column = self.rows(users), pd.Index(pool).get_indexer(self.item_ids)
        first = np.searchsorted(self.seen[:, 0], known, side="left")
        count = np.searchsorted(self.seen[:, 0], known, side="right") - first
        row = np.repeat(np.arange(len(users)), count)
        within = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
        place = column[self.seen[np.repeat(first, count) + within, 1]]
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

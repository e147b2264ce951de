"""Who chose what: ids, a sparse matrix of users and items, and the best new items for each user."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
from scipy import sparse

from mlsd.runtime import InputError

NO_ITEM = -1
# From users and items to the score of each pair, shape (users, items).
ScoreTable = Callable[[np.ndarray, np.ndarray], np.ndarray]


class Corpus:
    """Users and items of a training, and which users had which items.

    Parameters
    ----------
    interactions : DataFrame
        With `user_id` and `item_id`, and `weight` where some interactions count more than others.
    needs : sequence of str
        Further columns that have to be there.

    Attributes
    ----------
    user_ids, item_ids : array
        Sorted.
    matrix : sparse CSR array of float32, shape (users, items)
        1 where a user had an item, however often; with a column `weight`, the sum of the weights.
    seen : ndarray of int, shape (pairs, 2)
        Each user with each item once, as positions in `user_ids` and `item_ids`, in order.
    item_codes : ndarray of int, shape (n,)
        Position in `item_ids` of each interaction.
    weights : ndarray of float64, shape (n,), or None
        The column `weight`.

    Raises
    ------
    InputError
        If a column is missing, there is no row, or a weight is not a finite number above 0.

    Examples
    --------
    >>> corpus = Corpus(pd.DataFrame({"user_id": [1, 1, 2], "item_id": [10, 20, 10]}))
    >>> corpus.matrix.toarray()
    array([[1., 1.],
           [1., 0.]], dtype=float32)
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
        self.weights = _checked_weights(interactions)
        self.matrix = self._as_matrix(user_codes)
        self.seen = np.column_stack(self.matrix.nonzero())
        self._users, self._items = pd.Index(self.user_ids), pd.Index(self.item_ids)

    def _as_matrix(self, user_codes: np.ndarray) -> sparse.csr_array:
        values = np.ones(len(user_codes)) if self.weights is None else self.weights
        shape = (len(self.user_ids), len(self.item_ids))
        matrix = sparse.coo_array((values, (user_codes, self.item_codes)), shape).tocsr()
        matrix.sum_duplicates()
        if self.weights is None:
            matrix.data[:] = 1.0
        return matrix.astype(np.float32)

    def positions(self, item_ids: np.ndarray) -> np.ndarray:
        """Return where items stand in `item_ids`, -1 for those unseen in training."""
        return self._items.get_indexer(np.asarray(item_ids))

    def rows(self, user_ids: np.ndarray) -> np.ndarray:
        """Return where users stand in `user_ids`, -1 for those unseen in training."""
        return self._users.get_indexer(np.asarray(user_ids))

    def profiles(self, histories: np.ndarray) -> sparse.csr_array:
        """Return a matrix like `matrix` for users who need not be in it, shape (users, items).

        Parameters
        ----------
        histories : array of item ids, shape (users, length)
            What is missing (-1 or None) or unseen in training is left out.
        """
        user, places = _told_places(histories, self._items)
        ones, shape = np.ones(len(user), np.float32), (len(histories), len(self.item_ids))
        found = sparse.coo_array((ones, (user, places)), shape).tocsr()
        found.sum_duplicates()
        found.data[:] = 1.0
        return found

    def best(
        self,
        user_ids: np.ndarray,
        k: int,
        score: ScoreTable,
        *,
        exclude_seen: bool = True,
        candidates: np.ndarray | None = None,
        histories: np.ndarray | None = None,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return item ids and scores, both of shape (users, k), best first.

        Ties go to the item that sorts first. A row with too few items is filled up with a missing
        one (-1 for integer ids, None for others) whose score is ``-inf``. What stands in
        `histories`, shape (users, length), counts as seen too.
        """
        if k < 1:
            raise InputError(f"k is {k}; ask for at least one item")
        users = np.asarray(user_ids)
        pool = self.item_ids if candidates is None else np.unique(np.asarray(candidates))
        scores = np.asarray(score(users, pool))
        losses = -(scores if scores.dtype.kind == "f" else scores.astype(np.float64))
        if exclude_seen:
            losses[self._seen_places(self._seen_by(users), pool)] = np.inf
            if histories is not None:
                losses[_told_places(histories, pd.Index(pool))] = np.inf
        order = _smallest(losses, min(k, len(pool)))
        return _padded(pool[order], -np.take_along_axis(losses, order, axis=1), k)

    def _seen_by(self, users: np.ndarray) -> sparse.csr_array:
        rows = self.rows(users)
        known = sparse.diags_array((rows >= 0).astype(np.float32))
        return (known @ self.matrix[np.maximum(rows, 0)]).tocsr()

    def _seen_places(
        self, seen: sparse.csr_array, pool: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        row, column = seen.nonzero()
        if pool is not self.item_ids:
            column = pd.Index(pool).get_indexer(self.item_ids)[column]
        return row[column >= 0], column[column >= 0]


def _told_places(histories: np.ndarray, items: pd.Index) -> tuple[np.ndarray, np.ndarray]:
    """Return the user and the position in `items` of what stands in histories and is among them."""
    histories = np.asarray(histories)
    if histories.ndim != 2:
        raise InputError(f"histories have {histories.ndim} dimensions; give a row for each user")
    places = items.get_indexer(histories.ravel())
    user = np.repeat(np.arange(len(histories)), histories.shape[1])
    return user[places >= 0], places[places >= 0]


def _checked_weights(interactions: pd.DataFrame) -> np.ndarray | None:
    if "weight" not in interactions:
        return None
    weights = interactions["weight"].to_numpy(np.float64)
    wrong = ~(np.isfinite(weights) & (weights > 0))
    if wrong.any():
        row = int(np.argmax(wrong))
        raise InputError(
            f"interactions: weight is {weights[row]:g} in row {row}; give numbers above 0"
        )
    return weights


def _smallest(values: np.ndarray, k: int) -> np.ndarray:
    """Return the columns of the k smallest values of each row, in order; the first wins a tie."""
    if k == 0:
        return np.empty((len(values), 0), dtype=np.intp)
    columns = np.argpartition(values, k - 1, axis=1)[:, :k]
    columns.sort(axis=1)
    found = np.take_along_axis(values, columns, axis=1)
    within = np.argsort(found, axis=1, kind="stable")
    columns = np.take_along_axis(columns, within, axis=1)
    # The partition keeps any of those that tie for the last place.
    last = np.max(found, axis=1, keepdims=True)
    tied = ((values <= last).sum(axis=1) > k) & np.isfinite(last[:, 0])
    columns[tied] = np.argsort(values[tied], axis=1, kind="stable")[:, :k]
    return columns


def _padded(items: np.ndarray, scores: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    filler = NO_ITEM if items.dtype.kind in "iu" else None
    short = ((0, 0), (0, k - items.shape[1]))
    items = np.pad(items if filler == NO_ITEM else items.astype(object), short)
    scores = np.pad(scores, short, constant_values=-np.inf)
    items[np.isneginf(scores)] = filler
    return items, scores

"""Each user's items in the order of time, and what stood before a place in it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from torch.nn import functional

from mlsd.models.scorer import as_weights
from mlsd.runtime import InputError

ABSENT = -1


def items_before(items: Tensor, places: Tensor, starts: Tensor, length: int) -> Tensor:
    """Return the last items before each place, newest last, -1 where there is none.

    Parameters
    ----------
    items : Tensor of int, shape (n,)
        Sequences one after another.
    places, starts : Tensor of int, shape (rows,)
        Where to look back from, and where the sequence of that place starts.
    length : int

    Returns
    -------
    Tensor of int, shape (rows, length)

    Examples
    --------
    >>> items_before(torch.tensor([5, 6, 7, 8]), torch.tensor([2, 4]), torch.tensor([0, 3]), 3)
    tensor([[-1,  5,  6],
            [-1, -1,  8]])
    """
    back = places[:, None] - torch.arange(length, 0, -1, device=places.device)
    if not len(items):
        return torch.full_like(back, ABSENT)
    return torch.where(back >= starts[:, None], items[back.clamp_min(0)], ABSENT)


class Sequences:
    """Items of all users in one array, user after user, each in the order of time.

    Parameters
    ----------
    users : array of int, shape (n,)
        From 0 to `user_count` - 1.
    items : array of int, shape (n,)
    ts : array, shape (n,), optional
        Rows of one time keep their order; so do all rows of a user where it is absent.
    user_count : int

    Attributes
    ----------
    order : ndarray of int, shape (n,)
        The row at each place.
    items : Tensor of int64, shape (n,)
        By place.
    starts, stops : Tensor of int64, shape (user_count,)
        First place of each user, and the one after the last.
    users : ndarray of int, shape (n,)
        By place.

    Examples
    --------
    >>> watched = Sequences(np.array([1, 0, 1]), np.array([7, 8, 9]), np.array([5, 1, 3]),
    ...                     user_count=2)
    >>> watched.last(np.array([1, 0, -1]), 2)
    tensor([[ 9,  7],
            [-1,  8],
            [-1, -1]])
    """

    def __init__(
        self,
        users: np.ndarray,
        items: np.ndarray,
        ts: np.ndarray | None = None,
        *,
        user_count: int,
    ) -> None:
        self.order = np.lexsort((users,) if ts is None else (ts, users))
        self.items = torch.from_numpy(items[self.order].astype(np.int64))
        self.users = users[self.order]
        edges = np.searchsorted(self.users, np.arange(user_count + 1))
        self.starts, self.stops = torch.from_numpy(edges[:-1]), torch.from_numpy(edges[1:])

    @property
    def start_of_place(self) -> Tensor:
        """First place of the user of each place, shape (n,)."""
        return self.starts[torch.from_numpy(self.users)]

    def last(self, users: np.ndarray, length: int) -> Tensor:
        """Return the last items of users, shape (users, length); none of user -1."""
        # One more user, without items, stands for those who are unknown.
        rows = torch.from_numpy(np.asarray(users))
        starts, stops = (functional.pad(each, (0, 1))[rows] for each in (self.starts, self.stops))
        return items_before(self.items, stops, starts, length)


class LearningSequences:
    """The sequences of a training, and those of its validation rows behind them.

    Parameters
    ----------
    interactions : DataFrame
        `user_id`, `item_id`; `ts` and `weight` where it has them.
    valid : DataFrame or None
        In the same form. Its rows stand after all others of their user.
    items : Index
        The items that are known; validation rows of any other are passed over.

    Attributes
    ----------
    user_ids : array
        Of both, sorted.
    sequences : Sequences
        Users are places in `user_ids`, items are places in `items`.
    weights : Tensor of float32, shape (n,)
        By place; 1 each where the interactions have none.
    held : Tensor of bool, shape (n,)
        Whether a place is one of validation.

    Raises
    ------
    InputError
        If a weight is negative or missing, or `valid` lacks a column.

    Examples
    --------
    >>> log = pd.DataFrame({"user_id": [1, 1], "item_id": [7, 8], "ts": [5, 3]})
    >>> both = LearningSequences(log, log.iloc[:1].assign(ts=0), pd.Index([7, 8]))
    >>> both.sequences.items, both.held
    (tensor([1, 0, 0]), tensor([False, False,  True]))
    """

    def __init__(
        self, interactions: pd.DataFrame, valid: pd.DataFrame | None, items: pd.Index
    ) -> None:
        names = [n for n in ("user_id", "item_id", "ts", "weight") if n in interactions]
        later = interactions[:0] if valid is None else valid
        missing = [name for name in names if name not in later]
        if missing:
            raise InputError(f"valid: column {missing[0]!r} is missing")
        rows = pd.concat([interactions[names], later.loc[later["item_id"].isin(items), names]])
        held = np.arange(len(rows)) >= len(interactions)
        users, self.user_ids = pd.factorize(rows["user_id"].to_numpy(), sort=True)
        ts = rows["ts"].to_numpy() if "ts" in rows else np.zeros(len(rows))
        moment = np.empty(len(rows), dtype=np.int64)
        moment[np.lexsort((ts, held))] = np.arange(len(rows))
        places = items.get_indexer(rows["item_id"])
        self.sequences = Sequences(users, places, moment, user_count=len(self.user_ids))
        order = self.sequences.order
        weights = rows["weight"].to_numpy() if "weight" in rows else np.ones(len(rows))
        weights = as_weights(weights, len(rows))[order]
        self.weights = torch.from_numpy(weights.astype(np.float32))
        self.held = torch.from_numpy(held[order])

"""Metrics of ranked lists that were drawn from the full corpus, never from a sample of it."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
from numpy.typing import ArrayLike

from mlsd.runtime import InputError

Relevant = Sequence[Collection[int]]
FILLER = -1


def ranking_by_user(recommended: ArrayLike, relevant: Relevant, k: int) -> dict[str, np.ndarray]:
    """Return recall, ndcg, average precision and reciprocal rank at `k` of every user.

    With hits ``h_i`` (1 where the item at rank i is relevant) and ``R`` relevant items:
    recall ``sum h_i / R``; ndcg ``sum h_i / log2(i + 1)`` over its value for ``min(R, k)`` leading
    hits; average precision ``sum h_i precision_i / min(R, k)``; reciprocal rank ``1 / i`` of the
    first hit, 0 without one.

    Parameters
    ----------
    recommended : array of item ids, shape (users, at least k)
        Best first, chosen from all items; -1 fills a list that is too short.
    relevant : sequence of collections of item ids
        One per user; repetitions count once.
    k : int
        Cut-off rank.

    Returns
    -------
    dict of str to ndarray, shape (users,)
        Keys ``recall``, ``ndcg``, ``average_precision``, ``reciprocal_rank``; NaN for users without
        a relevant item.

    Raises
    ------
    InputError
        If the lengths differ, `k` does not fit, or a list recommends an item twice.

    References
    ----------
    Järvelin and Kekäläinen, "Cumulated gain-based evaluation of IR techniques", ACM TOIS 2002;
    Krichene and Rendle, "On sampled metrics for item recommendation", KDD 2020 (why full corpus).

    Examples
    --------
    >>> ranking_by_user([[7, 3], [5, 1]], [{3, 9}, {5}], k=2)["recall"]
    array([0.5, 1. ])
    """
    hits, counts = _hits(recommended, relevant, k)
    ranks = np.arange(1, k + 1)
    gains = 1 / np.log2(ranks + 1)
    best = np.minimum(counts, k).astype(np.int64)
    ideal = np.r_[np.nan, np.cumsum(gains)][best]
    reachable = np.where(best > 0, best, np.nan)
    precision = np.cumsum(hits, axis=1) / ranks
    return {
        "recall": hits.sum(axis=1) / np.where(counts > 0, counts, np.nan),
        "ndcg": hits @ gains / ideal,
        "average_precision": (hits * precision).sum(axis=1) / reachable,
        "reciprocal_rank": np.where(best > 0, (hits / ranks).max(axis=1), np.nan),
    }


def recall_at_k(recommended: ArrayLike, relevant: Relevant, k: int) -> float:
    """Return the share of relevant items found among the first `k`, mean over users that have any.

    Parameters and errors as in `ranking_by_user`; also an error if no user has a relevant item.

    Examples
    --------
    >>> recall_at_k([[7, 3], [5, 1]], [{3, 9}, {5}], k=2)
    0.75
    """
    return _mean_over_users(ranking_by_user(recommended, relevant, k)["recall"])


def ndcg_at_k(recommended: ArrayLike, relevant: Relevant, k: int) -> float:
    """Return normalized discounted cumulative gain at `k`, mean over users with a relevant item.

    Parameters and errors as in `ranking_by_user`; also an error if no user has a relevant item.

    Examples
    --------
    >>> round(ndcg_at_k([[7, 3], [5, 1]], [{3}, {5}], k=2), 4)
    0.8155
    """
    return _mean_over_users(ranking_by_user(recommended, relevant, k)["ndcg"])


def average_precision_at_k(recommended: ArrayLike, relevant: Relevant, k: int) -> float:
    """Return average precision at `k`, mean over users with a relevant item (known as MAP).

    Parameters and errors as in `ranking_by_user`; also an error if no user has a relevant item.

    Examples
    --------
    >>> average_precision_at_k([[7, 3], [5, 1]], [{3}, {5}], k=2)
    0.75
    """
    return _mean_over_users(ranking_by_user(recommended, relevant, k)["average_precision"])


def _mean_over_users(values: np.ndarray) -> float:
    if np.isnan(values).all():
        raise InputError("no user has a relevant item; a ranking metric needs at least one")
    return float(np.nanmean(values))


def _hits(recommended: ArrayLike, relevant: Relevant, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Return hits of shape (users, k) and the number of relevant items, shape (users,)."""
    lists = checked_lists(recommended, k)
    if len(lists) != len(relevant):
        raise InputError(f"recommended has {len(lists)} users and relevant has {len(relevant)}")
    wanted = [_item_ids(sorted(set(items)), "relevant") for items in relevant]
    counts = np.array([len(items) for items in wanted])
    users = np.arange(len(lists))
    codes = np.unique(np.concatenate([lists.ravel(), *wanted]), return_inverse=True)[1]
    pairs = np.r_[np.repeat(users, k), np.repeat(users, counts)] * (codes.max() + 1) + codes
    hits = np.isin(pairs[: lists.size], pairs[lists.size :]).reshape(lists.shape)
    return hits & (lists != FILLER), counts


def checked_lists(recommended: ArrayLike, k: int) -> np.ndarray:
    """Return the first `k` items of each list, int64 of shape (users, k).

    Raises
    ------
    InputError
        If there is no list, `k` does not fit, or a list recommends an item twice.

    Examples
    --------
    >>> checked_lists([[7, 3, -1]], 2)
    array([[7, 3]])
    """
    lists = _item_ids(recommended, "recommended")
    if lists.ndim != 2 or not len(lists):
        raise InputError(f"recommended has shape {lists.shape}; pass one row of items a user")
    if not 1 <= k <= lists.shape[1]:
        raise InputError(f"k is {k}; the lists allow 1 to {lists.shape[1]}")
    ordered = np.sort(lists[:, :k], axis=1)
    twice = ((ordered[:, 1:] == ordered[:, :-1]) & (ordered[:, 1:] != FILLER)).any(axis=1)
    if twice.any():
        raise InputError(f"recommended[{np.argmax(twice)}] holds an item twice; remove repetitions")
    return lists[:, :k]


def _item_ids(values: ArrayLike, name: str) -> np.ndarray:
    array = np.asarray(values)
    if array.size and array.dtype.kind not in "iu":
        raise InputError(f"{name} holds {array.dtype} values; item ids have to be integers")
    return array.astype(np.int64)

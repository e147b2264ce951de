"""The candidates of several sources together, each with who found it, how high, and how sure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from mlsd.models.base import Recommender
from mlsd.retrieval.base import NO_ITEM
from mlsd.runtime import InputError

NOT_FOUND = -1


@dataclass(frozen=True)
class Candidates:
    """What several sources found for each user, every item once.

    Attributes
    ----------
    sources : tuple of str
    items : ndarray of int, shape (users, width)
        By the best rank that any source gave, the earlier source first; -1 where a row has ended.
    ranks : ndarray of int16, shape (users, width, sources)
        From 0 on; -1 where the source did not find the item.
    scores : ndarray of float32, shape (users, width, sources)
        NaN where the source did not find the item.
    """

    sources: tuple[str, ...]
    items: np.ndarray
    ranks: np.ndarray
    scores: np.ndarray

    def __len__(self) -> int:
        """Return the number of users."""
        return len(self.items)

    @property
    def counts(self) -> np.ndarray:
        """Number of candidates of each user."""
        return (self.items != NO_ITEM).sum(axis=1)

    @property
    def first_source(self) -> np.ndarray:
        """Number of the source with the best rank of each candidate, int8, shape (users, width)."""
        ranks = np.where(self.ranks == NOT_FOUND, np.iinfo(np.int16).max, self.ranks)
        return ranks.argmin(axis=2).astype(np.int8)

    def keep(self, width: int) -> Candidates:
        """Return the first `width` candidates of each user."""
        columns = slice(width)
        return Candidates(
            self.sources, self.items[:, columns], self.ranks[:, columns], self.scores[:, columns]
        )

    def up_to(self, k: int, sources: tuple[str, ...] | None = None) -> np.ndarray:
        """Return the items if only some sources had been asked, for `k` items each.

        Returns
        -------
        ndarray of int, shape (users, width)
            As `items`, with -1 also where none of these sources would have found the item.
        """
        chosen = [self.sources.index(name) for name in sources or self.sources]
        ranks = self.ranks[:, :, chosen]
        found = ((ranks != NOT_FOUND) & (ranks < k)).any(axis=2)
        return np.where(found, self.items, NO_ITEM)

    def take(self, rows: np.ndarray) -> Candidates:
        """Return the candidates of a choice of users, by position."""
        return Candidates(self.sources, self.items[rows], self.ranks[rows], self.scores[rows])


class CandidateUnion:
    """Asks several recommenders for candidates and merges their lists.

    Parameters
    ----------
    sources : mapping of str to Recommender
        Fitted, by name.
    per_source : int
        Length of each list.

    Raises
    ------
    InputError
        If there is no source, or `per_source` is below 1.

    Examples
    --------
    >>> import pandas as pd
    >>> from mlsd.models import ItemCosineRecommender, PopularityRecommender
    >>> log = pd.DataFrame({"user_id": [1, 1, 2, 3, 3], "item_id": [10, 20, 10, 10, 30]})
    >>> sources = {"popular": PopularityRecommender(), "similar": ItemCosineRecommender()}
    >>> union = CandidateUnion({n: m.fit(log) for n, m in sources.items()}, per_source=2)
    >>> found = union.collect(np.array([2]))
    >>> found.items.tolist(), found.ranks[0].tolist()
    ([[20, 30]], [[0, 0], [1, 1]])
    """

    def __init__(self, sources: Mapping[str, Recommender], *, per_source: int = 100) -> None:
        if not sources:
            raise InputError("there is no source; name at least one recommender")
        if per_source < 1:
            raise InputError(f"per_source is {per_source}; ask for at least one item")
        self.sources = dict(sources)
        self.per_source = per_source

    def collect(
        self,
        user_ids: np.ndarray,
        *,
        candidates: np.ndarray | None = None,
        histories: np.ndarray | None = None,
        exclude_seen: bool = True,
    ) -> Candidates:
        """Return the candidates of each user; the arguments are those of `recommend`."""
        lists = [
            source.recommend(
                user_ids,
                self.per_source,
                exclude_seen=exclude_seen,
                candidates=candidates,
                histories=histories,
            )
            for source in self.sources.values()
        ]
        items, scores = (np.stack(each, axis=2) for each in zip(*lists))
        return _merged(tuple(self.sources), items, scores)


def _merged(sources: tuple[str, ...], items: np.ndarray, scores: np.ndarray) -> Candidates:
    """Merge lists, shape (users, k, sources), into candidates."""
    user, rank, source = np.nonzero(items != NO_ITEM)
    found, score = items[user, rank, source], scores[user, rank, source]
    span = int(items.max(initial=0)) + 1
    pair, entry = np.unique(user * span + found, return_inverse=True)
    ranks = np.full((len(pair), len(sources)), NOT_FOUND, np.int16)
    values = np.full((len(pair), len(sources)), np.nan, np.float32)
    ranks[entry, source], values[entry, source] = rank, score
    place = np.where(ranks == NOT_FOUND, np.iinfo(np.int16).max, ranks)
    row = pair // span
    order = np.lexsort((place.argmin(axis=1), place.min(axis=1), row))
    counts = np.bincount(row, minlength=len(items))
    column = np.arange(len(order)) - np.repeat(np.cumsum(counts) - counts, counts)
    shape = (len(items), int(counts.max(initial=0)))
    union = Candidates(
        sources,
        np.full(shape, NO_ITEM, np.int32),
        np.full((*shape, len(sources)), NOT_FOUND, np.int16),
        np.full((*shape, len(sources)), np.nan, np.float32),
    )
    at = (row[order], column)
    union.items[at] = pair[order] % span
    union.ranks[at], union.scores[at] = ranks[order], values[order]
    return union


def union_recall(found: np.ndarray, relevant: list[np.ndarray]) -> np.ndarray:
    """Return the share of each user's relevant items that are among those found, shape (users,).

    What the value falls short of 1 by, no ranker can make good.

    Parameters
    ----------
    found : ndarray of int, shape (users, width)
        Candidates; -1 for none.
    relevant : list of ndarray
        Of each user; NaN where a user has none.

    Examples
    --------
    >>> union_recall(np.array([[3, 5, -1]]), [np.array([5, 9])])
    array([0.5])
    """
    if len(found) != len(relevant):
        raise InputError(f"found has {len(found)} users and relevant {len(relevant)}")
    pairs = zip(found, relevant)
    return np.array([np.isin(own, row).mean() if len(own) else np.nan for row, own in pairs])

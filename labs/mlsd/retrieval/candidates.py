"""Candidates of several sources in one table: arrays alone, so that a service may use them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

NO_ITEM = -1
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

    def fused(self) -> np.ndarray:
        """Return a score from ranks alone, the sum of 1 / (60 + rank), shape (users, width).

        Reciprocal rank fusion: the order to fall back to where no ranker answers. Ranks count from
        1 here; where a row has ended the score is 0.

        References
        ----------
        Cormack, Clarke and Buettcher, "Reciprocal rank fusion outperforms Condorcet and individual
        rank learning methods", SIGIR 2009.
        """
        return np.where(self.ranks == NOT_FOUND, 0, 1 / (61.0 + self.ranks)).sum(axis=2)

    def take(self, rows: np.ndarray) -> Candidates:
        """Return the candidates of a choice of users, by position."""
        return Candidates(self.sources, self.items[rows], self.ranks[rows], self.scores[rows])


def merge_lists(sources: tuple[str, ...], items: np.ndarray, scores: np.ndarray) -> Candidates:
    """Merge the lists of several sources.

    Parameters
    ----------
    sources : tuple of str
    items : ndarray of int, shape (users, k, sources)
        Best first; -1 where a list has ended.
    scores : ndarray, shape (users, k, sources)

    Examples
    --------
    >>> lists = np.array([[[4, 7], [5, 4]]])
    >>> merge_lists(("a", "b"), lists, np.zeros(lists.shape)).items.tolist()
    [[4, 7, 5]]
    """
    if not sources:
        nobody, nothing = (np.zeros((len(items), 0, *more), np.int32) for more in ((), (0,)))
        return Candidates((), nobody, nothing.astype(np.int16), nothing.astype(np.float32))
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

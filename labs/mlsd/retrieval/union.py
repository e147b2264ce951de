"""The candidates of several sources together, each with who found it, how high, and how sure."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from mlsd.models.base import Recommender
from mlsd.retrieval.candidates import Candidates, merge_lists
from mlsd.runtime import InputError


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
        return merge_lists(tuple(self.sources), items, scores)


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

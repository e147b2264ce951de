"""Everything that a request of the ad case looks up, as one saved form."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mlsd.serving.pair_counters import PairCounters
from mlsd.serving.tables import CandidateFeatures, FeatureTable, HistoryTable

CONTEXT = ("user_id", "publisher_id", "device", "hour", "weekday")


@dataclass(frozen=True, eq=False)
class AdFeatures:
    """Features of ads, users and publishers as of one moment.

    Attributes
    ----------
    moment : float
        Seconds since the origin.
    tables : mapping of str to FeatureTable
        By `ad_id`, `user_id` and, where something is counted of them, `publisher_id`.
    pairs : tuple of PairCounters or HistoryTable
    live_ads : ndarray of int64
        Ads that can be shown.
    users_by_activity : ndarray of int64
        Users seen in the log, the most active first.
    sizes : mapping of str to int
        Number of values of each name of the context but the user.
    """

    moment: float
    tables: dict[str, FeatureTable]
    pairs: tuple[PairCounters | HistoryTable, ...]
    live_ads: np.ndarray
    users_by_activity: np.ndarray
    sizes: dict[str, int]

    def lookup(self) -> CandidateFeatures:
        """Return what joins a request's context and candidates with these features."""
        return CandidateFeatures(self.tables, context=CONTEXT, pairs=self.pairs)

"""Deploy a scorer: predict every candidate, let the auction do the rest."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from mlsd.features.lookup import FeatureLookup
from mlsd.models.base import Scorer
from mlsd.runtime import InputError
from mlsd.worlds.ad_click import Actions
from mlsd.worlds.base import CandidateRequests


class ScorerPolicy:
    """Ranks candidates by bid times the predicted click-through rate of a scorer.

    Parameters
    ----------
    scorer : Scorer
        Already fitted; deployment does not refit it.
    counters, histories : FeatureLookup or None
        Looked up for each candidate before the scorer is asked, and updated from the events that
        the world hands back.
    rank_by : str
        ``"market"``: the world's own rule for its billing. ``"bid"``: the bid alone.
        ``"expected_value"``: bid times predicted click-through rate, whatever is billed.

    Raises
    ------
    InputError
        For another `rank_by`, when the policy acts.

    Notes
    -----
    Position is an effect of the slot, not of the ad, so every candidate is scored as if it stood
    in the top slot.
    """

    def __init__(
        self,
        scorer: Scorer,
        *,
        counters: FeatureLookup | None = None,
        histories: FeatureLookup | None = None,
        rank_by: str = "market",
    ) -> None:
        self.scorer = scorer
        self.counters = counters
        self.histories = histories
        self.rank_by = rank_by

    def act(self, requests: CandidateRequests) -> Actions:
        """Return the predicted click-through rate of each candidate, shape (n, k)."""
        columns = requests.columns(position=0)
        shape = requests.candidates["ad_id"].shape
        now = np.repeat(requests.ts, shape[1])
        for features in self._lookups():
            columns = columns | features.lookup(columns, now)
        predicted = self.scorer.predict_proba(columns)[:, 1].reshape(shape)
        return Actions(predicted_ctr=predicted, rank_score=self._rank_score(requests, predicted))

    def _rank_score(self, requests: CandidateRequests, predicted: np.ndarray) -> np.ndarray | None:
        if self.rank_by == "market":
            return None
        if self.rank_by == "bid":
            return requests.candidates["bid"]
        if self.rank_by == "expected_value":
            return requests.candidates["bid"] * predicted
        raise InputError(f"rank_by is {self.rank_by!r}; choose market, bid or expected_value")

    def observe(self, events: Mapping[str, pd.DataFrame]) -> None:
        """Count newly known impressions and remember newly known clicks."""
        if len(events["impressions"]):
            for features in self._lookups():
                features.update(events["impressions"])

    def _lookups(self) -> list[FeatureLookup]:
        return [each for each in (self.counters, self.histories) if each is not None]

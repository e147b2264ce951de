"""Deploy a scorer: predict every candidate, let the auction do the rest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import numpy as np
import pandas as pd

from mlsd.models.base import Scorer
from mlsd.runtime import InputError
from mlsd.worlds.base import Actions, RequestBatch


class CounterLookup(Protocol):
    """The streaming twin of a counter feature set."""

    def update(self, events: pd.DataFrame) -> None:
        """Count labelled impressions in the order in which their labels became known."""
        ...

    def lookup(self, columns: Mapping[str, np.ndarray], now: float) -> dict[str, np.ndarray]:
        """Return counter columns, shape (n,) each, as known at `now`."""
        ...


class ScorerPolicy:
    """Ranks candidates by bid times the predicted click-through rate of a scorer.

    Parameters
    ----------
    scorer : Scorer
        Already fitted; deployment does not refit it.
    counters : CounterLookup or None
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
        self, scorer: Scorer, *, counters: CounterLookup | None = None, rank_by: str = "market"
    ) -> None:
        self.scorer = scorer
        self.counters = counters
        self.rank_by = rank_by

    def act(self, requests: RequestBatch) -> Actions:
        """Return the predicted click-through rate of each candidate, shape (n, k)."""
        columns = requests.columns(position=0)
        shape = requests.candidates["ad_id"].shape
        if self.counters is not None:
            now = np.repeat(requests.ts, shape[1])
            columns = columns | self.counters.lookup(columns, now)
        predicted = self.scorer.predict_proba(columns)[:, 1].reshape(shape)
        return Actions(predicted_ctr=predicted, rank_score=self._rank_score(requests, predicted))

    def _rank_score(self, requests: RequestBatch, predicted: np.ndarray) -> np.ndarray | None:
        if self.rank_by == "market":
            return None
        if self.rank_by == "bid":
            return requests.candidates["bid"]
        if self.rank_by == "expected_value":
            return requests.candidates["bid"] * predicted
        raise InputError(f"rank_by is {self.rank_by!r}; choose market, bid or expected_value")

    def observe(self, events: Mapping[str, pd.DataFrame]) -> None:
        """Count newly known impressions and clicks."""
        if self.counters is not None and len(events["impressions"]):
            self.counters.update(events["impressions"])

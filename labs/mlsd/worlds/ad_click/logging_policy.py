"""The policy that made the history: yesterday's smoothed click-through rate of each ad."""

from __future__ import annotations

import numpy as np

from mlsd.runtime.times import DAY
from mlsd.worlds.ad_click.actions import Actions
from mlsd.worlds.base import CandidateRequests
from mlsd.worlds.logs import Tables


class LoggingPolicy:
    """Predicts an ad's clicks over its impressions as of last midnight, smoothed.

    Parameters
    ----------
    strength : float
        Impressions' worth of the overall rate that is added to each ad; an ad never shown is
        given the overall rate.
    initial_rate : float
        Overall rate before anything is known.

    Notes
    -----
    It does not correct for position, user or spam: what it logs is biased in the way in which real
    logs are.
    """

    def __init__(self, *, strength: float = 200.0, initial_rate: float = 0.02) -> None:
        self.strength = strength
        self.initial_rate = initial_rate
        self._counts = np.zeros((2, 0))
        self._rates = np.zeros(0, np.float32)
        self._overall = initial_rate
        self._day = -1

    def act(self, requests: CandidateRequests) -> Actions:
        """Return each candidate's rate as of last midnight, shape (n, k)."""
        ad = requests.candidates["ad_id"]
        day = int(requests.ts[0] // DAY)
        if day != self._day:
            self._refresh(day)
        if ad.max() >= len(self._rates):
            unseen = np.full(int(ad.max()) + 1 - len(self._rates), self._overall, np.float32)
            self._rates = np.concatenate([self._rates, unseen])
        return Actions(predicted_ctr=np.take(self._rates, ad))

    def observe(self, events: Tables) -> None:
        """Count settled impressions and their clicks."""
        impressions = events["impressions"]
        ad = impressions["ad_id"].to_numpy()
        if len(ad):
            length = max(int(ad.max()) + 1, self._counts.shape[1])
            grown = np.zeros((2, length))
            grown[:, : self._counts.shape[1]] = self._counts
            grown[0] += np.bincount(ad, minlength=length)
            grown[1] += np.bincount(ad, impressions["click"].to_numpy(), minlength=length)
            self._counts = grown

    def _refresh(self, day: int) -> None:
        shown, clicked = self._counts
        if shown.sum() > 0:
            self._overall = clicked.sum() / shown.sum()
        smoothed = (clicked + self.strength * self._overall) / (shown + self.strength)
        self._rates = smoothed.astype(np.float32)
        self._day = day

"""How widely a catalogue is shown: coverage and inequality, with intervals by group of users."""

from __future__ import annotations

import numpy as np

from mlsd.metrics import gini
from mlsd.worlds.kit.luck import generator
from mlsd.worlds.kit.tally import REPETITIONS, Measures, Tally

GROUPS = 64
SHOWN_OFTEN = 20
EXPOSURE_UNITS = {
    "coverage": f"share of available items shown at least {SHOWN_OFTEN} times",
    "creator_gini": "inequality of impressions over creators, 0 equal to 1 one has all",
}


class ExposureTally(Tally):
    """A tally that also knows what was shown, by item and by group of users.

    Parameters
    ----------
    units : int
    measures : Measures
        Its `units` end with those of `EXPOSURE_UNITS`, which its `values` leave out.
    owner : ndarray of int, shape (items,)
        The creator of each item.
    available : ndarray of bool, shape (items,)
        Which items could be shown in the span.
    span : range
        Days.
    often : int
        Coverage is the share of available items that are counted so many times, or more.

    Notes
    -----
    Neither measure is a ratio of sums over users, so their draws are the estimate plus the
    jackknife influence of each of 64 groups of users, weighted as in a bootstrap.
    """

    def __init__(
        self,
        units: int,
        measures: Measures,
        *,
        owner: np.ndarray,
        available: np.ndarray,
        span: range,
        often: int = SHOWN_OFTEN,
    ) -> None:
        super().__init__(units, measures, first_day=span.start, days=len(span))
        self.owner = owner
        self.available = available
        self.often = often
        self.shown = np.zeros((GROUPS, len(owner)), np.int64)

    def add_exposures(self, user: np.ndarray, item: np.ndarray) -> None:
        """Count impressions of items, shape (n,), by the users, shape (n,), who saw them."""
        np.add.at(self.shown, (user % GROUPS, item), 1)

    def estimates(self) -> np.ndarray:
        """Return the measures, shape (measures,)."""
        return np.append(super().estimates(), self._exposure(self.shown.sum(axis=0)))

    def draws(self, seed: int) -> np.ndarray:
        """Return bootstrap draws of the measures, shape (repetitions, measures)."""
        total = self.shown.sum(axis=0)
        without = np.array([self._exposure(total - group) for group in self.shown])
        influence = (without.mean(axis=0) - without) * (GROUPS - 1) / GROUPS
        weights = generator(seed, "exposure").poisson(1.0, (REPETITIONS, GROUPS)) - 1
        return np.hstack([super().draws(seed), self._exposure(total) + weights @ influence])

    def _exposure(self, shown: np.ndarray) -> np.ndarray:
        often = (shown[self.available] >= self.often).mean()
        by_creator = np.bincount(self.owner, shown)
        present = np.bincount(self.owner, self.available) > 0
        unequal = gini(by_creator[present]) if shown.any() else np.nan
        return np.array([often, unequal])

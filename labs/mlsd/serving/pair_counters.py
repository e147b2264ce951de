"""Counters of pairs of a user and an item: few of all pairs exist, and every pair has a rate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from mlsd.features.counter_rates import RatePriors, log_odds, shrinking_prior
from mlsd.features.shrinkage import shrunk_rate


@dataclass(frozen=True, eq=False)
class PairCounters:
    """Counters of pairs as of one moment, as `ServingCounters` gives them.

    A pair that was never counted has no impressions, and the rate that its user's and its item's
    rates lead to expect: what the model read in training for such rows.

    Attributes
    ----------
    key, item : str
        Columns of the pair.
    rate_names, view_names : tuple of str
        Count and rate of each half-life, one half-life after the other; views of each. Empty where
        the pair is not counted so.
    starts : ndarray of int64, shape (keys + 2,)
        Where each key's pairs begin; the last key stands for unknown ones and has none.
    items : ndarray of int64, shape (pairs,)
        Ascending within a key.
    sums : ndarray of float64, shape (pairs + 1, 2, half-lives)
        Impressions and clicks; zeros in the last row, for pairs never counted.
    views : ndarray of float32, shape (pairs + 1, half-lives)
        ``log(1 + views)``.
    of_key : ndarray of float64, shape (keys + 1, half-lives)
        How far the key's own log-odds are from those of all rows; 0 where it has no rate.
    of_item : ndarray of float64, shape (items + 1, half-lives)
    base_rate, strength : float
        Of the prior.

    Examples
    --------
    >>> sums, none = np.array([[[3.0], [1.0]], [[0.0], [0.0]]]), np.zeros((0, 1))
    >>> pairs = PairCounters("user", "ad", ("count", "rate"), (), np.array([0, 1, 1]),
    ...     np.array([7]), sums, none, np.zeros((2, 1)), np.zeros((9, 1)), 0.5, 1.0)
    >>> pairs.columns(0, np.array([7, 8]))["rate"].round(2)
    array([-0.51,  0.  ], dtype=float32)
    """

    key: str
    item: str
    rate_names: tuple[str, ...]
    view_names: tuple[str, ...]
    starts: np.ndarray
    items: np.ndarray
    sums: np.ndarray
    views: np.ndarray
    of_key: np.ndarray
    of_item: np.ndarray
    base_rate: float
    strength: float

    @cached_property
    def _priors(self) -> RatePriors:
        return RatePriors(self.base_rate, {})

    def columns(self, value: int, items: np.ndarray) -> Mapping[str, np.ndarray]:
        """Return the counters of one key and n items, float32, shape (n,) each."""
        key = value if 0 <= value < len(self.of_key) - 1 else len(self.of_key) - 1
        pairs = self._find(key, items)
        columns = self._rates(key, items, pairs) if self.rate_names else {}
        if self.view_names:
            columns |= dict(zip(self.view_names, self.views[pairs].T))
        return columns

    def _find(self, key: int, items: np.ndarray) -> np.ndarray:
        """Return the place of each pair, the last place where there is none, shape (n,)."""
        first, last = self.starts[key], self.starts[key + 1]
        if first == last:
            return np.full(len(items), len(self.items))
        counted = self.items[first:last]
        place = np.minimum(np.searchsorted(counted, items), len(counted) - 1)
        return np.where(counted[place] == items, first + place, len(self.items))

    def _rates(self, key: int, items: np.ndarray, pairs: np.ndarray) -> dict[str, np.ndarray]:
        last = len(self.of_item) - 1
        of_item = self.of_item[np.where((items >= 0) & (items < last), items, last)]
        singles = ((self.key,), (self.item,))
        base = self._priors.base_log_odds
        deviations = dict(zip(singles, (self.of_key[key], of_item)))
        pair = (self.key, self.item)
        prior = shrinking_prior(pair, (*singles, pair), deviations, base)
        impressions, clicks = np.moveaxis(self.sums[pairs], 1, 0)
        rate = shrunk_rate(clicks, impressions, prior, self.strength)
        logs = (log_odds(rate) - base + base).astype(np.float32)
        counts = np.log1p(impressions).astype(np.float32)
        by_half_life = (column for pair in zip(counts.T, logs.T) for column in pair)
        return dict(zip(self.rate_names, by_half_life))

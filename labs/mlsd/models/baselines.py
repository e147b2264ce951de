"""The rungs without features: one rate for all, and rates by key shrunk towards it."""

from __future__ import annotations

from typing import Literal

import numpy as np

from mlsd.features.encoders import VocabularyEncoder
from mlsd.features.shrinkage import moment_strength, shrunk_rate
from mlsd.models.scorer import Arrays, ColumnScorer
from mlsd.runtime import InputError

_STRONGEST = 1e9


class GlobalRate(ColumnScorer):
    """The share of clicks in training, for every row.

    It reads no column; an unseen id changes nothing.

    Attributes
    ----------
    rate_ : float
        Clicks per impression in training.

    Examples
    --------
    >>> model = GlobalRate().fit({"ad_id": [1, 1, 2, 2]}, [1, 0, 0, 0])
    >>> model.predict_proba({"ad_id": [3]})
    array([[0.75, 0.25]])
    """

    def __init__(self) -> None:
        pass

    def _learn(self, columns, y, weights, valid) -> None:
        self.rate_ = float(np.average(y, weights=weights))

    def _probability(self, columns: Arrays, rows: int) -> np.ndarray:
        return np.full(rows, self.rate_)


class SmoothedRate(ColumnScorer):
    """Click rate by key, each level shrunk to the level before it, the first to the global rate.

    With c clicks in n impressions of a row's key, and the estimate m of the level before, the
    level's estimate is ``(c + strength * m) / (n + strength)``: the mean of a Beta posterior whose
    prior has mean m and weighs `strength` impressions.

    Parameters
    ----------
    levels : tuple of tuples of str
        Keys, coarse to fine, each one column or a combination.
    strength : float or "auto"
        In impressions. ``"auto"`` takes for each level the method-of-moments estimate of a
        beta-binomial (`mlsd.features.shrinkage.moment_strength`).

    Attributes
    ----------
    rate_ : float
        Clicks per impression in training.
    strengths_ : tuple of float
        One per level.

    Notes
    -----
    A key unseen in training has n = 0 and so gets the estimate of the level before it.

    Examples
    --------
    >>> model = SmoothedRate(levels=(("ad_id",),), strength=2.0)
    >>> model = model.fit({"ad_id": ["a", "a", "b", "b"]}, [1, 1, 0, 0])
    >>> model.predict_proba({"ad_id": ["a", "new"]})[:, 1]
    array([0.75, 0.5 ])
    """

    def __init__(
        self,
        *,
        levels: tuple[tuple[str, ...], ...] = (("ad_id",),),
        strength: float | Literal["auto"] = "auto",
    ) -> None:
        self.levels = levels
        self.strength = strength

    def _columns(self) -> tuple[str, ...]:
        return tuple(name for level in self.levels for name in level)

    def _learn(self, columns, y, weights, valid) -> None:
        if self.strength != "auto" and not self.strength > 0:
            raise InputError(f"strength is {self.strength!r}; give a number above 0 or 'auto'")
        weights = np.ones(len(y)) if weights is None else weights
        self.rate_ = float(np.average(y, weights=weights))
        self.tables_, self.strengths_ = [], ()
        estimate = np.full(len(y), self.rate_)
        for level in self.levels:
            table = _RateTable(level, columns, y, weights)
            key = table.find(columns)
            strength = self.strength
            if strength == "auto":
                strength = table.strength(key, weights * estimate)
            self.tables_.append(table)
            self.strengths_ += (float(strength),)
            estimate = table.shrink(key, estimate, strength)

    def _probability(self, columns: Arrays, rows: int) -> np.ndarray:
        estimate = np.full(rows, self.rate_)
        for table, strength in zip(self.tables_, self.strengths_):
            estimate = table.shrink(table.find(columns), estimate, strength)
        return estimate


class _RateTable:
    """Clicks and impressions by key of one level; the last entry stands for unseen keys."""

    def __init__(self, names, columns: Arrays, y: np.ndarray, weights: np.ndarray) -> None:
        self.encoder = VocabularyEncoder(names).fit(columns)
        self.keys, key = np.unique(self._packed(columns), return_inverse=True)
        size = len(self.keys) + 1
        self.impressions = np.bincount(key, weights, minlength=size)
        self.clicks = np.bincount(key, weights * y, minlength=size)

    def _packed(self, columns: Arrays) -> np.ndarray:
        packed = np.zeros(1, dtype=np.int64)
        for codes, size in zip(self.encoder.transform(columns).T, self.encoder.sizes_):
            packed = packed * size + codes
        return packed

    def find(self, columns: Arrays) -> np.ndarray:
        """Position of each row's key, the last position where it is unseen."""
        packed = self._packed(columns)
        position = np.searchsorted(self.keys, packed)
        known = self.keys[np.minimum(position, len(self.keys) - 1)] == packed
        return np.where(known, position, len(self.keys))

    def shrink(self, key: np.ndarray, estimate: np.ndarray, strength: float) -> np.ndarray:
        """Posterior mean of each row's key around the estimate of the level before."""
        return shrunk_rate(self.clicks[key], self.impressions[key], estimate, strength)

    def strength(self, key: np.ndarray, expected: np.ndarray) -> float:
        """Strength of the prior by the method of moments, given the expected clicks of each row."""
        expected = np.bincount(key, expected, minlength=len(self.impressions))
        seen = self.impressions > 0
        return moment_strength(
            self.clicks[seen], self.impressions[seen], expected[seen], most=_STRONGEST
        )

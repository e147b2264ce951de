"""Fitted scorers as a service runs them: arrays, look-ups, networks in ONNX Runtime.

Each class is one saved form, and its fields are what is saved; `fitted` says which class answers
for which fitted scorer. A score is the log-odds of a click.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
from onnxruntime import InferenceSession
from scipy.special import logit

from mlsd.features.shrinkage import shrunk_rate
from mlsd.serving.compiled.encoding import HashedIds, IdCodes, NumberScale, RequestColumns
from mlsd.serving.onnx_session import open_session


class ServedScorer(Protocol):
    """Scores the candidates of a request."""

    def score(self, columns: RequestColumns) -> np.ndarray:
        """Return the log-odds of a click for each candidate, float64, shape (n,)."""
        ...


@dataclass(frozen=True, eq=False)
class ConstantScore:
    """The same log-odds for every candidate.

    Examples
    --------
    >>> ConstantScore(-2.0).score(RequestColumns({"ad_id": np.arange(2)}))
    array([-2., -2.])
    """

    value: float

    def score(self, columns: RequestColumns) -> np.ndarray:
        """Return shape (n,)."""
        return np.full(columns.rows, self.value)


@dataclass(frozen=True, eq=False)
class RateLevel:
    """Clicks and impressions by key of one level; the last entry is for unseen keys.

    Attributes
    ----------
    codes : IdCodes
    widths : ndarray of int64, shape (fields,)
        Codes of each field; a key packs one code of each.
    keys : ndarray of int64, shape (k,)
        Ascending.
    clicks, impressions : ndarray of float64, shape (k + 1,)
    strength : float
        Of the level before, in impressions.
    """

    codes: IdCodes
    widths: np.ndarray
    keys: np.ndarray
    clicks: np.ndarray
    impressions: np.ndarray
    strength: float

    def shrink(self, columns: RequestColumns, estimate: np.ndarray) -> np.ndarray:
        """Return the level's rates around the estimate of the level before, shape (n,)."""
        packed = np.zeros(columns.rows, dtype=np.int64)
        for codes, width in zip(self.codes.of(columns).T, self.widths):
            packed = packed * width + codes
        place = np.searchsorted(self.keys, packed)
        known = self.keys[np.minimum(place, len(self.keys) - 1)] == packed
        place = np.where(known, place, len(self.keys))
        return shrunk_rate(self.clicks[place], self.impressions[place], estimate, self.strength)


@dataclass(frozen=True, eq=False)
class RateLevels:
    """Rates by key, each level shrunk to the one before: a fitted `SmoothedRate`."""

    base_rate: float
    levels: tuple[RateLevel, ...]

    def score(self, columns: RequestColumns) -> np.ndarray:
        """Return shape (n,)."""
        estimate = np.full(columns.rows, self.base_rate)
        for level in self.levels:
            estimate = level.shrink(columns, estimate)
        return logit(estimate)


@dataclass(frozen=True, eq=False)
class KeyOffsets:
    """Offsets of the log-odds by the value of one column or combination.

    Attributes
    ----------
    names : tuple of str
    keys : ndarray of int64, shape (k,)
        From `combination_ids`, ascending.
    offsets : ndarray of float64, shape (k,)
    """

    names: tuple[str, ...]
    keys: np.ndarray
    offsets: np.ndarray

    def of(self, columns: RequestColumns) -> np.ndarray:
        """Return the offset of each candidate, 0 where its key is unknown, shape (n,)."""
        # Here, since pandas comes along: only a service of this model pays for it.
        from mlsd.features.crosses import combination_ids

        ids = combination_ids({name: columns[name] for name in self.names}, self.names)
        place = np.minimum(np.searchsorted(self.keys, ids), len(self.keys) - 1)
        return np.where(self.keys[place] == ids, self.offsets[place], 0.0)


@dataclass(frozen=True, eq=False)
class SummedOffsets:
    """A base and the offsets of several keys: the means of a fitted `KalmanRate`."""

    base: float
    levels: tuple[KeyOffsets, ...]

    def score(self, columns: RequestColumns) -> np.ndarray:
        """Return shape (n,)."""
        return self.base + sum(level.of(columns) for level in self.levels)


@dataclass(frozen=True, eq=False)
class LinearScore:
    """Weights of hashed ids and of scaled numbers.

    Attributes
    ----------
    intercept : float
    hashed : HashedIds or None
    used : ndarray of int64, shape (k,)
        Buckets with a weight.
    weights : ndarray of float64, shape (k,)
    scale : NumberScale or None
    number_weights : ndarray of float64, shape (numbers,)
    """

    intercept: float
    hashed: HashedIds | None
    used: np.ndarray
    weights: np.ndarray
    scale: NumberScale | None
    number_weights: np.ndarray

    @cached_property
    def _by_bucket(self) -> np.ndarray:
        table = np.zeros(2**self.hashed.bits)
        table[self.used] = self.weights
        return table

    def score(self, columns: RequestColumns) -> np.ndarray:
        """Return shape (n,)."""
        score = np.full(columns.rows, self.intercept)
        if self.hashed is not None:
            score += self._by_bucket[self.hashed.of(columns)].sum(axis=1)
        if self.scale is not None:
            score += self.scale.of(columns) @ self.number_weights
        return score


@dataclass(frozen=True, eq=False)
class PastItems:
    """Histories of the request's user, coded as the candidates' own columns are.

    Attributes
    ----------
    names : tuple of str
        History columns, shape (n, length) each.
    fields : tuple of int
        Field of the codes that each history shares.
    pad : int
        Value of a place without an item, whose code is -1.
    """

    names: tuple[str, ...]
    fields: tuple[int, ...]
    pad: int

    def of(self, columns: RequestColumns, codes: IdCodes) -> np.ndarray:
        """Return codes of shape (n, length, histories), int64."""
        tables = [columns[name] for name in self.names]
        absent = np.logical_and.reduce([table == self.pad for table in tables])
        past = [codes.of_field(table, field) for table, field in zip(tables, self.fields)]
        return np.where(absent[..., None], -1, np.stack(past, axis=-1))


@dataclass(frozen=True, eq=False)
class NetworkScore:
    """A network as ONNX; its inputs are `codes`, `numbers` and, with histories, `past`.

    Attributes
    ----------
    graph : bytes
        Gives `scores`, before the sigmoid.
    codes : IdCodes or None
    scale : NumberScale or None
    past : PastItems or None
    """

    graph: bytes
    codes: IdCodes | None
    scale: NumberScale | None
    past: PastItems | None

    @cached_property
    def _session(self) -> InferenceSession:
        return open_session(self.graph)

    @cached_property
    def _inputs(self) -> set[str]:
        return {each.name for each in self._session.get_inputs()}

    def score(self, columns: RequestColumns) -> np.ndarray:
        """Return shape (n,)."""
        rows = columns.rows
        inputs = {
            "codes": np.empty((rows, 0), np.int64) if not self.codes else self.codes.of(columns),
            "numbers": np.empty((rows, 0), np.float32)
            if not self.scale
            else self.scale.of(columns),
        }
        if self.past is not None:
            inputs["past"] = self.past.of(columns, self.codes)
        read = {name: values for name, values in inputs.items() if name in self._inputs}
        (scores,) = self._session.run(None, read)
        return scores.astype(np.float64)


@dataclass(frozen=True, eq=False)
class WeightedScores:
    """A weighted sum of scores.

    Attributes
    ----------
    members : tuple of ServedScorer
    weights : ndarray of float64, shape (members,)
    intercept : float
    limit : float
        Largest absolute score of a member that counts.
    """

    members: tuple[ServedScorer, ...]
    weights: np.ndarray
    intercept: float
    limit: float

    def score(self, columns: RequestColumns) -> np.ndarray:
        """Return shape (n,)."""
        total = np.full(columns.rows, self.intercept)
        for member, weight in zip(self.members, self.weights):
            total += weight * np.clip(member.score(columns), -self.limit, self.limit)
        return total

"""The streaming twin of `CounterFeatures`: counts events as they come, answers for any moment.

State is one number per entity, half-life and count, in arrays; every operation is vectorised over
a batch of events or candidates.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import numpy as np

from mlsd.data.log import ColumnRoles
from mlsd.features.counter_rates import Entity, Key, Pair, RatePriors, rate_columns
from mlsd.features.entities import Columns, GrowingIndex, take_column
from mlsd.features.log_moments import Refresh, refreshed
from mlsd.features.timeline import EntityTimeline
from mlsd.features.windows import finite_column
from mlsd.runtime import InputError

# Beyond this many half-lives of growth the sums are scaled down, far from overflow.
_MOST_GROWTH = 256.0


class CounterDefinition(Protocol):
    """What is counted, and what it is called: `CounterFeatures` is one."""

    entities: tuple[Entity, ...]
    half_lives: tuple[float, ...]
    refresh: Refresh
    views: tuple[Entity, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns, in the order in which they come."""
        ...

    def rate_names(self, entity: Entity) -> list[str]:
        """Return the names of an entity's counts and rates, one half-life after the other."""
        ...

    def named(
        self, rates: Mapping[Key, Pair], views: Mapping[Key, np.ndarray]
    ) -> dict[str, np.ndarray]:
        """Return columns by name, given counts and rates, and views, by entity and half-life."""
        ...


class ServingCounters:
    """Counters of a deployment.

    Parameters
    ----------
    features : CounterDefinition
        What is counted; not changed.
    roles : ColumnRoles
        Of the log that the features were made for: what the columns of events are called.
    priors : RatePriors
        As in training.

    Notes
    -----
    An event counts for lookups after its `known_at`; events may come in any order, also ahead of
    it. Lookups go forward in time: one that lies before an event which an earlier lookup has
    already counted is refused. With nightly counters a lookup sees the state of the last midnight,
    as the training rows did; views are fresh.
    """

    def __init__(self, features: CounterDefinition, roles: ColumnRoles, priors: RatePriors) -> None:
        self.features = features
        self.roles = roles
        self.priors = priors
        self._slots = _EntitySlots((*features.entities, *features.views))
        self._labelled = {e: _Store(features.half_lives, 2) for e in features.entities}
        self._views = {e: _Store(features.half_lives, 1) for e in features.views}
        self._rows_seen = 0
        self._newest = -np.inf

    def update(self, events: Columns) -> None:
        """Count labelled impressions.

        Parameters
        ----------
        events : DataFrame or mapping of str to array, shape (n,) each
            Entities, label, time and, where the log has them, `known_at` and weight.

        Raises
        ------
        InputError
            If a column is missing, or a time or a weight is not finite.
        """
        label = take_column(events, self.roles.label).astype(np.float64)
        arrival = self._arrival(events, len(label))
        if not len(label):
            return
        slots = self._slots.find_or_add(events)
        impressions = self._weights(events, len(label))
        for entity, store in self._labelled.items():
            store.add(slots[entity], arrival, np.stack([impressions, impressions * label]))
        for entity, store in self._views.items():
            store.add(slots[entity], arrival, impressions[None])
        self._newest = max(self._newest, float(arrival.max()))

    def lookup(
        self, columns: Columns, now: np.ndarray | float | None = None
    ) -> dict[str, np.ndarray]:
        """Return the counter columns of candidates.

        Parameters
        ----------
        columns : DataFrame or mapping of str to array, shape (n,) each
            The entities.
        now : float, ndarray of shape (n,), or None
            Moment of each row, seconds on the log's clock; None for after all events so far.

        Returns
        -------
        dict of str to ndarray, shape (n,), float32
            Names and order as in ``CounterFeatures.names``.

        Raises
        ------
        InputError
            If a column is missing or the lookup goes back in time.
        """
        return self._columns(*self.sums(columns, now))

    def sums(
        self, columns: Columns, now: np.ndarray | float | None = None
    ) -> tuple[dict[Entity, np.ndarray], dict[Entity, np.ndarray]]:
        """Return what the counter columns of candidates are made of: decayed sums by entity.

        Parameters and errors are those of `lookup`.

        Returns
        -------
        dict of entity to ndarray, shape (half-lives, 2, n), float64
            Impressions and clicks.
        dict of entity to ndarray, shape (half-lives, 1, n), float64
            Views.
        """
        slots = self._slots.find(columns)
        rows = len(next(iter(slots.values()), ()))
        if now is None:
            now = np.nextafter(self._newest, np.inf) if self._rows_seen else 0.0
        fresh = np.broadcast_to(np.asarray(now, dtype=np.float64), (rows,))
        as_of = refreshed(fresh, self.features.refresh)
        labelled = {e: store.at(slots[e], as_of) for e, store in self._labelled.items()}
        views = {e: store.at(slots[e], fresh) for e, store in self._views.items()}
        return labelled, views

    def _columns(
        self, labelled: Mapping[Entity, np.ndarray], views: Mapping[Entity, np.ndarray]
    ) -> dict[str, np.ndarray]:
        features = self.features
        rates = rate_columns(
            features.entities, features.half_lives, self.priors, lambda e: labelled[e]
        )
        seen = {
            (entity, half_life): np.log1p(views[entity][index, 0]).astype(np.float32)
            for index, half_life in enumerate(features.half_lives)
            for entity in features.views
        }
        return features.named(rates, seen)

    def _weights(self, events: Columns, rows: int) -> np.ndarray:
        if self.roles.weight is None:
            return np.ones(rows)
        return finite_column(events, self.roles.weight).astype(np.float64)

    def _arrival(self, events: Columns, rows: int) -> np.ndarray:
        first, self._rows_seen = self._rows_seen, self._rows_seen + rows
        name = self.roles.known_at or self.roles.time
        if name is None:
            return np.arange(first, first + rows, dtype=np.float64)
        return finite_column(events, name).astype(np.float64)


class _EntitySlots:
    """Numbers 0, 1, ... for the entities of each key; -1 for what was never counted."""

    def __init__(self, entities: tuple[Entity, ...]) -> None:
        self._values = {name: GrowingIndex() for entity in entities for name in entity}
        self._pairs = {
            entity[:size]: GrowingIndex()
            for entity in entities
            for size in range(2, len(entity) + 1)
        }

    def find_or_add(self, columns: Columns) -> dict[Entity, np.ndarray]:
        """Return the slot of each row by entity, with new slots for new ones."""
        values = self._values.items()
        found = {(n,): index.find_or_add(take_column(columns, n)) for n, index in values}
        for entity, pairs in self._in_order():
            found[entity] = pairs.find_or_add(_paired(found[entity[:-1]], found[entity[-1:]]))
        return found

    def find(self, columns: Columns) -> dict[Entity, np.ndarray]:
        """Return the slot of each row by entity, shape (n,) each."""
        found = {(n,): index.find(take_column(columns, n)) for n, index in self._values.items()}
        for entity, pairs in self._in_order():
            first, second = found[entity[:-1]], found[entity[-1:]]
            slots = pairs.find(_paired(first, second))
            found[entity] = np.where((first < 0) | (second < 0), -1, slots)
        return found

    def _in_order(self) -> list[tuple[Entity, GrowingIndex]]:
        return sorted(self._pairs.items(), key=lambda item: len(item[0]))


class _Store:
    """Decayed sums of one entity: those of arrivals that all lookups see, and the others."""

    def __init__(self, half_lives: tuple[float, ...], width: int) -> None:
        self.half_lives = half_lives
        # The last column stays zero: it answers for unknown entities, whose slot is -1.
        self.sums = np.zeros((len(half_lives), width, 1))
        self.landmark = np.full(len(half_lives), -np.inf)
        self.folded_to = -np.inf
        self.slots = np.zeros(0, dtype=np.int64)
        self.arrival = np.zeros(0)
        self.values = np.zeros((width, 0))

    def add(self, slots: np.ndarray, arrival: np.ndarray, values: np.ndarray) -> None:
        """Keep events until lookups have passed them."""
        self.slots = np.append(self.slots, slots)
        self.arrival = np.append(self.arrival, arrival)
        self.values = np.append(self.values, values, axis=1)

    def at(self, slots: np.ndarray, as_of: np.ndarray) -> np.ndarray:
        """Return the sums as of each row, shape (half-lives, width, rows)."""
        if not len(as_of):
            return np.zeros((*self.sums.shape[:2], 0))
        self._fold(as_of.min())
        sums = self.sums[:, :, np.minimum(slots, self.sums.shape[2] - 1)]
        for index, half_life in enumerate(self.half_lives):
            sums[index] *= _decay(as_of - self.landmark[index], half_life)
        return sums + self._recent(slots, as_of)

    def _fold(self, moment: float) -> None:
        """Move what arrived before `moment` into the sums."""
        if moment <= self.folded_to:
            raise InputError(
                f"a lookup as of {moment:g} comes after one that counted events until "
                f"{self.folded_to:g}; look up in the order of time"
            )
        due = self.arrival < moment
        if not due.any():
            return
        slots, arrival, values = self.slots[due], self.arrival[due], self.values[:, due]
        self.slots, self.arrival = self.slots[~due], self.arrival[~due]
        self.values = self.values[:, ~due]
        self.folded_to = max(self.folded_to, float(arrival.max()))
        self._grow(int(slots.max()) + 1)
        for index, half_life in enumerate(self.half_lives):
            self._rescale(index, half_life)
            weight = _decay(self.landmark[index] - arrival, half_life)
            for sums, amounts in zip(self.sums[index], values):
                np.add.at(sums, slots, amounts * weight)

    def _grow(self, slots: int) -> None:
        size = self.sums.shape[2] - 1
        if slots > size:
            more = np.zeros((*self.sums.shape[:2], max(slots, 2 * size) - size))
            self.sums = np.concatenate([self.sums, more], axis=2)

    def _rescale(self, index: int, half_life: float) -> None:
        if np.isinf(half_life):
            return
        growth = (self.folded_to - self.landmark[index]) / half_life
        if growth > _MOST_GROWTH:
            self.sums[index] *= np.exp2(-growth)
            self.landmark[index] = self.folded_to

    def _recent(self, slots: np.ndarray, as_of: np.ndarray) -> np.ndarray | float:
        """Return sums of what arrived between the first and the last of the moments."""
        due = self.arrival < as_of.max()
        if not due.any():
            return 0.0
        timeline = EntityTimeline(self.slots[due], self.arrival[due])
        codes = np.where(slots < 0, timeline.codes.max() + 1, slots)
        positions = timeline.positions(codes, as_of, "left")
        recent = np.empty((*self.sums.shape[:2], len(slots)))
        for index, half_life in enumerate(self.half_lives):
            for row, amounts in enumerate(self.values[:, due]):
                states = timeline.decayed(amounts[timeline.order], half_life)
                recent[index, row] = timeline.decayed_at(states, half_life, codes, as_of, positions)
        return recent


def _paired(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    # Two slots, each below 2**32, side by side in 64 bits: a pair is looked up as one integer. The
    # mask keeps an unknown second slot, -1, from setting all bits of the first one's half.
    return (first << 32) | (second & 0xFFFFFFFF)


def _decay(age: np.ndarray, half_life: float) -> np.ndarray | float:
    return 1.0 if np.isinf(half_life) else np.exp2(-age / half_life)

"""As-of click counters of a labelled log, in batch; `counter_serving` holds the streaming twin."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from itertools import chain
from typing import Self

import numpy as np
import pandas as pd

from mlsd.data.log import LabelledLog
from mlsd.features.counter_keys import default_entities, default_half_lives
from mlsd.features.counter_rates import (
    Entity,
    Key,
    Pair,
    RatePriors,
    estimate_priors,
    free_stems,
    rate_columns,
    rate_endings,
    view_ending,
)
from mlsd.features.counter_serving import ServingCounters
from mlsd.features.entities import entity_codes, stable_order, take_column
from mlsd.features.log_moments import LogMoments, Refresh
from mlsd.features.timeline import Clock, EntityTimeline
from mlsd.runtime import InputError
from mlsd.runtime.times import DAY


class CounterFeatures:
    """Decayed impressions and shrunk click rates of entities, as of each row.

    A label counts from `known_at` on, strictly: a row sees no label that became known in the same
    instant, nor its own. A training row sees the training labels known at its own time, or at the
    last midnight. Validation and test rows all see one frozen state: the training labels known at
    the time of the last training row. So validation labels enter nothing, and no test label does.

    Parameters
    ----------
    entities : iterable of tuple of str
        Keys: one column or a combination each.
    half_lives : tuple of float
        Seconds; infinity for counters without decay.
    refresh : str
        ``"row"``: a training row sees everything up to its own time. ``"nightly"``: only what was
        known at the midnight before it (a multiple of 86,400 seconds), which is nearer to the
        frozen state that validation and test rows see, at the price of a day's freshness.
    views : iterable of tuple of str
        Keys whose impressions are counted without their labels, such as (user, ad) for fatigue.
        These use no label, so they are fresh on every row, in validation and test too.
    taken : iterable of str
        Names that no column may get, such as those of the log's own columns.

    Attributes
    ----------
    names : tuple of str
        Of the columns: ``<entity>_impressions_<half-life>`` is the logarithm of 1 + impressions,
        ``<entity>_log_odds_<half-life>`` the log-odds of the shrunk rate (`counter_rates` gives
        prior and formula), ``<entity>_views_<half-life>`` the logarithm of 1 + views. ``<entity>``
        is its columns joined by ``_``, and a number where the name would not be the only one
        (`counter_rates.free_stems`).

    Notes
    -----
    A row of a log with weights counts as the impressions that it stands for, and so does its click,
    so that the rates of a thinned log are those of the whole one.

    In a log without times the order of the rows is time, and only counters without decay make
    sense; they are then ordered target statistics (Prokhorenkova et al., CatBoost, 2018). Base
    rate and strengths of the priors are constants of the whole training part.

    Examples
    --------
    >>> from mlsd.data.log import ColumnRoles, LabelledLog, Split
    >>> frame = pd.DataFrame({"ad_id": [1] * 4, "ts": [0, 60, 120, 180], "click": [1, 0, 1, 0]})
    >>> split = Split(np.arange(2), np.array([2]), np.array([3]))
    >>> log = LabelledLog("tiny", frame, ColumnRoles("click", time="ts"), split)
    >>> features = CounterFeatures([("ad_id",)], half_lives=(np.inf,), refresh="row").compute(log)
    >>> np.expm1(features["ad_id_impressions_ever"]).round(3).tolist()
    [0.0, 1.0, 2.0, 2.0]
    """

    def __init__(
        self,
        entities: Iterable[Entity],
        *,
        half_lives: tuple[float, ...] = (DAY, 7 * DAY),
        refresh: Refresh = "nightly",
        views: Iterable[Entity] = (),
        taken: Iterable[str] = (),
    ) -> None:
        self.entities = tuple(dict.fromkeys(tuple(entity) for entity in entities))
        self.half_lives = tuple(half_lives)
        self.refresh = refresh
        self.views = tuple(dict.fromkeys(tuple(entity) for entity in views))
        self.taken = tuple(taken)
        if refresh not in ("row", "nightly"):
            raise InputError(f"refresh is {refresh!r}; choose 'row' or 'nightly'")
        if not all(half_life > 0 for half_life in self.half_lives):
            raise InputError(f"half_lives are {self.half_lives}; give seconds above 0")
        if len({view_ending(half_life) for half_life in half_lives}) < len(self.half_lives):
            raise InputError(f"half_lives are {self.half_lives}; give different ones")

    @classmethod
    def for_log(cls, log: LabelledLog, *, refresh: Refresh | None = None) -> Self:
        """Return counters that suit a log.

        Entities are those of its roles, else those of `default_entities`; half-lives those of
        `default_half_lives`. Views are counted of the pair of user and item, where the log has
        both. `refresh`, if not given, is nightly where the shorter half-life is a day or more. No
        name is that of a column of the log.
        """
        roles, half_lives = log.roles, default_half_lives(log)
        views = ((roles.user, roles.item),) if roles.user and roles.item else ()
        nightly = roles.time is not None and min(half_lives) >= DAY
        return cls(
            roles.entities or default_entities(log),
            half_lives=half_lives,
            refresh=refresh or ("nightly" if nightly else "row"),
            views=views,
            taken=map(str, log.frame.columns),
        )

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Names of the columns, in the order in which they come."""
        rates = (name for pair in self._rate_names.values() for name in pair)
        return (*rates, *self._view_names.values())

    def rate_names(self, entity: Entity) -> list[str]:
        """Return the names of an entity's counts and rates, one half-life after the other."""
        return [name for h in self.half_lives for name in self._rate_names[entity, h]]

    @cached_property
    def _rate_names(self) -> dict[Key, tuple[str, str]]:
        endings = {half_life: rate_endings(half_life) for half_life in self.half_lives}
        stems = free_stems(self.entities, chain(*endings.values()), self.taken)
        return {
            (entity, half_life): (stem + count, stem + rate)
            for half_life, (count, rate) in endings.items()
            for entity, stem in stems.items()
        }

    @cached_property
    def _view_names(self) -> dict[Key, str]:
        endings = {half_life: view_ending(half_life) for half_life in self.half_lives}
        taken = {*self.taken, *chain(*self._rate_names.values())}
        stems = free_stems(self.views, endings.values(), taken)
        return {(e, h): stem + endings[h] for h in endings for e, stem in stems.items()}

    def compute(self, log: LabelledLog) -> pd.DataFrame:
        """Return the columns, float32, one row for each of the log's.

        Raises
        ------
        InputError
            If the log lacks a column, or has no times and the counters need them.
        """
        moments, train = LogMoments.of(log, self.refresh, self.half_lives), log.split.train
        schedule = _Schedule(moments, train)

        def sums_of(entity: Entity) -> Iterator[Pair]:
            counts = _EntityCounts(log, entity, schedule)
            return map(counts.sums, self.half_lives)

        rates = rate_columns(self.entities, self.half_lives, self.priors(log), sums_of)
        columns = self.named(rates, self._views(log, moments))
        return pd.DataFrame(columns, index=log.frame.index, copy=False)

    def named(
        self, rates: Mapping[Key, Pair], views: Mapping[Key, np.ndarray]
    ) -> dict[str, np.ndarray]:
        """Return columns by name, given counts and rates, and views, by entity and half-life."""
        columns = {}
        for key, names in self._rate_names.items():
            columns |= dict(zip(names, rates[key]))
        return columns | {name: views[key] for key, name in self._view_names.items()}

    def priors(self, log: LabelledLog) -> RatePriors:
        """Return base rate and strengths, constants of the log's training part."""
        train = log.split.train
        part = {name: take_column(log.frame, name)[train] for name in self.columns}
        weights = None if log.weights is None else log.weights[train]
        return estimate_priors(
            lambda e: entity_codes(part, e), log.label[train], self.entities, weights=weights
        )

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns of the log that identify the entities."""
        return tuple(dict.fromkeys(name for e in self.entities + self.views for name in e))

    def serving(self, log: LabelledLog, *, warm: bool = True) -> ServingCounters:
        """Return the streaming twin.

        Parameters
        ----------
        log : LabelledLog
            Its training part gives the constants of the priors.
        warm : bool
            Whether the twin has already counted every row of the log, as in a deployment that
            begins where the log ends; else it has counted none.
        """
        twin = ServingCounters(self, log.roles, self.priors(log))
        if warm:
            twin.update(log.frame)
        return twin

    def _views(self, log: LabelledLog, moments: LogMoments) -> dict[Key, np.ndarray]:
        columns = {}
        schedule = _Schedule(moments.fresh(), np.arange(len(log.frame))) if self.views else None
        for entity in self.views:
            counts = _EntityCounts(log, entity, schedule)
            for half_life in self.half_lives:
                seen = counts.impressions(half_life)
                columns[entity, half_life] = np.log1p(seen).astype(np.float32)
        return columns


class _Schedule:
    """Which rows are counted, when, and what each row of the log may see of them."""

    def __init__(self, moments: LogMoments, counted: np.ndarray) -> None:
        self.counted = counted
        self.arrival = moments.arrival[counted]
        self.as_of = moments.as_of
        self.clock = Clock(self.arrival)
        self.ranks = self.clock.rank(moments.as_of, "left")
        frozen = moments.frozen
        self.ranks[frozen] = self.clock.rank(moments.as_of[frozen], "right")


class _EntityCounts:
    """Decayed sums of one entity over the counted rows of a log, as of all its rows."""

    def __init__(self, log: LabelledLog, entity: Entity, schedule: _Schedule) -> None:
        codes = entity_codes(log.frame, entity)
        counted = schedule.counted
        self.timeline = EntityTimeline(codes[counted], schedule.arrival, schedule.clock)
        self.order = stable_order(codes)
        self.codes, self.as_of = codes[self.order], schedule.as_of[self.order]
        self.positions = self.timeline.locate(self.codes, schedule.ranks[self.order])
        rows = counted[self.timeline.order]
        self.weights = np.ones(len(rows)) if log.weights is None else log.weights[rows]
        self.clicks = log.label[rows] * self.weights

    def impressions(self, half_life: float) -> np.ndarray:
        """Decayed number of impressions, shape (n,)."""
        return self._decayed(self.weights, half_life)

    def sums(self, half_life: float) -> Pair:
        """Decayed impressions and clicks, shape (n,) each."""
        return self.impressions(half_life), self._decayed(self.clicks, half_life)

    def _decayed(self, values: np.ndarray, half_life: float) -> np.ndarray:
        states = self.timeline.decayed(values, half_life)
        output = np.empty(len(self.order))
        output[self.order] = self.timeline.decayed_at(
            states, half_life, self.codes, self.as_of, self.positions
        )
        return output

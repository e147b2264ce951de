"""Where a ladder's rows come from: a fresh world a seed, or one log fitted with several seeds."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol

import pandas as pd

from mlsd.data.log import LabelledLog
from mlsd.experiments.fingerprint import digest, log_digest, values_digest
from mlsd.experiments.log_features import LogFeatures
from mlsd.worlds.base import World

WORLD_SEEDS = (101, 102, 103)
MODEL_SEEDS = (0, 1, 2, 3, 4)


@dataclass(frozen=True)
class Replicate:
    """One repetition of the ladder.

    Attributes
    ----------
    seed : int
        Of the world, and of every model fitted in this repetition.
    log : LabelledLog
    truth : object or None
        What the oracle predicts from, where a world can reveal it: for scores the true
        probability of each row of the log, shape (n,); for recommendations a recommender.
    world : World or None
        To deploy policies into.
    tables : mapping of str to DataFrame
        What the source records beside the log, such as conversions.
    history_days : int or None
        Days of the world's history that the log covers; deployments begin at its end.
    features : LogFeatures or None
        Of the log, where other replicates share them; None where this one makes its own.
    """

    seed: int
    log: LabelledLog
    truth: Any = None
    world: World | None = None
    tables: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    history_days: int | None = None
    features: LogFeatures | None = field(default=None, repr=False, compare=False)

    @cached_property
    def digest(self) -> str:
        """Short digest of everything but the seed: rows, roles, split, truth, further tables."""
        world = values_digest(getattr(self.world, "config", None))
        tables = (f"{name} {values_digest(self.tables[name])}" for name in sorted(self.tables))
        truth, days = values_digest(self.truth), str(self.history_days)
        return digest([log_digest(self.log), truth, world, days, *tables])


def source_name(world: str, *, size: str = "default", variant: str | None = None) -> str:
    """Return what a world's source is called: variant and size where they are not the default.

    Examples
    --------
    >>> source_name("shop_world", size="small"), source_name("shop_world")
    ('shop_world-small', 'shop_world')
    """
    parts = (world, variant, size if size != "default" else None)
    return "-".join(part for part in parts if part)


class LadderSource(Protocol):
    """Gives one replicate a seed; `log` is the one of all replicates where there is only one."""

    name: str
    independent: bool
    log: LabelledLog | None

    def replicates(self, seeds: tuple[int, ...]) -> Iterator[Replicate]:
        """Yield one replicate per seed, in order."""
        ...


@dataclass(frozen=True)
class WorldSource:
    """A fresh world for each seed; replicates are independent.

    Parameters
    ----------
    name : str
        Of the world, with its variant and size where they are not the default.
    simulate : callable
        From a seed to the replicate: a world, its history, and its truth for the oracle row.
    """

    name: str
    simulate: Callable[[int], Replicate]
    independent: bool = True
    log: None = field(default=None, init=False)

    def replicates(self, seeds: tuple[int, ...]) -> Iterator[Replicate]:
        """Simulate one world and its history per seed."""
        return map(self.simulate, seeds)


@dataclass(frozen=True)
class LogSource:
    """One given log; seeds only reach the models, so test rows are the same in each replicate."""

    log: LabelledLog
    independent: bool = False

    @property
    def name(self) -> str:
        """Name of the log."""
        return self.log.name

    def replicates(self, seeds: tuple[int, ...]) -> Iterator[Replicate]:
        """Yield the same log once per seed, with features that are computed once for all."""
        features = LogFeatures(self.log)
        for seed in seeds:
            yield Replicate(seed, self.log, tables=self.log.tables, features=features)


def default_seeds(source: LadderSource) -> tuple[int, ...]:
    """Return three world seeds, of which none settled a parameter, or five model seeds for a log.

    Examples
    --------
    >>> default_seeds(WorldSource("some_world", simulate=Replicate))
    (101, 102, 103)
    """
    return WORLD_SEEDS if source.independent else MODEL_SEEDS

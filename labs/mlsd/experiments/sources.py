"""Where a ladder's rows come from: a fresh world a seed, or one log fitted with several seeds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pandas as pd

from mlsd.data.log import LabelledLog
from mlsd.worlds import AdClickConfig, AdClickWorld

HISTORY_DAYS = 14
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
    truth : ndarray, shape (n,), or None
        True click probability of each row of the log, where a world can reveal it.
    world : AdClickWorld or None
        To deploy policies into.
    conversions : DataFrame or None
        Conversions with the time when each became known, where the source has any.
    """

    seed: int
    log: LabelledLog
    truth: np.ndarray | None = None
    world: AdClickWorld | None = None
    conversions: pd.DataFrame | None = None


class LadderSource(Protocol):
    """Gives one replicate a seed."""

    name: str
    independent: bool

    def replicates(self, seeds: tuple[int, ...]) -> Iterator[Replicate]:
        """Yield one replicate per seed, in order."""
        ...


@dataclass(frozen=True)
class WorldSource:
    """A fresh ad click world for each seed; replicates are independent.

    Parameters
    ----------
    size : str
        Size of the world.
    variant : str or None
        A named variant of its configuration; None for the default world.
    history_days : int
        Days of logs that the ladder sees.
    """

    size: str = "default"
    variant: str | None = None
    history_days: int = HISTORY_DAYS
    independent: bool = True

    @property
    def name(self) -> str:
        """Name of the world, with its variant and size where they are not the default."""
        parts = ("ad_click_world", self.variant, self.size if self.size != "default" else None)
        return "-".join(part for part in parts if part)

    def replicates(self, seeds: tuple[int, ...]) -> Iterator[Replicate]:
        """Simulate one world and its history a seed, and reveal the truth for the oracle row."""
        config = AdClickConfig.variant(self.variant) if self.variant else None
        for seed in seeds:
            world = AdClickWorld(seed=seed, size=self.size, config=config)
            logs = world.history(days=self.history_days)
            truth = world.reveal(logs)["click_probability"].to_numpy()
            yield Replicate(seed, logs.labelled_log(), truth, world, logs.conversions)


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
        """Yield the same log once a seed."""
        for seed in seeds:
            yield Replicate(seed, self.log)


def default_seeds(source: LadderSource) -> tuple[int, ...]:
    """Return three world seeds, of which none settled a parameter, or five model seeds for a log.

    Examples
    --------
    >>> default_seeds(WorldSource())
    (101, 102, 103)
    """
    return WORLD_SEEDS if source.independent else MODEL_SEEDS

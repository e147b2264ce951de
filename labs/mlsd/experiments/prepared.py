"""A log with its counters and histories beside it, and what each rung may see of it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from mlsd.experiments.rungs import Rung, RungInputs
from mlsd.experiments.sources import Replicate
from mlsd.features import ClickHistories, CounterFeatures
from mlsd.models.base import Columns

HISTORY_LENGTH = 10


@dataclass(frozen=True)
class PreparedLog:
    """A log with its counters, ready for every rung.

    Attributes
    ----------
    replicate : Replicate
    counters : CounterFeatures
    frame : DataFrame, shape (n, columns)
        The log's columns and, beside them, the counter columns.
    counter_names : tuple of str
    """

    replicate: Replicate
    counters: CounterFeatures
    frame: pd.DataFrame
    counter_names: tuple[str, ...]

    def positions(self, part: str) -> np.ndarray:
        """Return the positions of the rows of ``"train"``, ``"validation"`` or ``"test"``."""
        return self.replicate.log.parts()[part]

    def rows(self, part: str) -> pd.DataFrame:
        """Return the rows of a part."""
        return self.frame.iloc[self.positions(part)]

    def label(self, part: str) -> np.ndarray:
        """Return the outcomes of a part, shape (rows,)."""
        return self.replicate.log.label[self.positions(part)]

    def outcomes(self, rung: Rung, part: str) -> np.ndarray:
        """Return what a rung learns from in a part: its own outcomes, else the label."""
        return rung.outcomes.of(self, part) if rung.outcomes else self.label(part)

    @cached_property
    def histories(self) -> ClickHistories:
        """The histories of users that suit the log."""
        return ClickHistories.for_log(self.replicate.log, length=HISTORY_LENGTH)

    @cached_property
    def history_tables(self) -> dict[str, np.ndarray]:
        """What each user chose before each row, shape (n, length) each; made when asked for."""
        return self.histories.compute(self.replicate.log)


def prepare_log(replicate: Replicate) -> PreparedLog:
    """Compute the as-of counters of a replicate's log beside its own columns."""
    log = replicate.log
    counters = CounterFeatures.for_log(log)
    table = counters.compute(log)
    frame = pd.concat([log.frame, table], axis=1)
    return PreparedLog(replicate, counters, frame, tuple(table.columns))


def rung_inputs(rung: Rung, prepared: PreparedLog) -> RungInputs:
    """Return the names of what a rung may read."""
    return RungInputs(
        prepared.replicate.log.roles,
        prepared.counter_names if rung.uses_counters else (),
        prepared.replicate.seed,
        prepared.histories.pairs if rung.uses_histories else (),
    )


def select_columns(rung: Rung, prepared: PreparedLog, part: str) -> Columns:
    """Return what the rung may see of a part.

    Never the label; counters, histories and the time only where it reads them. A rung with
    histories gets a dictionary, since a history is two-dimensional.
    """
    roles = prepared.replicate.log.roles
    names = roles.identifiers + roles.numeric
    if rung.uses_counters:
        names += prepared.counter_names
    if rung.reads_time and roles.time:
        names += (roles.time,)
    table = prepared.rows(part)[list(dict.fromkeys(names))]
    if not rung.uses_histories:
        return table
    rows = prepared.positions(part)
    histories = {name: values[rows] for name, values in prepared.history_tables.items()}
    return {name: table[name].to_numpy() for name in table} | histories

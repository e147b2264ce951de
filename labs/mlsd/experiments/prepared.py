"""A log with its counters and histories beside it, and what each rung may see of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from mlsd.experiments.log_features import LogFeatures
from mlsd.experiments.rungs import Rung, RungInputs
from mlsd.experiments.sources import Replicate
from mlsd.features import ClickHistories, CounterFeatures
from mlsd.models.base import Columns


@dataclass(frozen=True)
class PreparedLog:
    """A replicate's log, and its counters and histories once a rung asks for them.

    Attributes
    ----------
    replicate : Replicate
    features : LogFeatures
        Of the replicate's log; replicates of one log share them.
    """

    replicate: Replicate
    features: LogFeatures

    def positions(self, part: str) -> np.ndarray:
        """Return the positions of the rows of ``"train"``, ``"validation"`` or ``"test"``."""
        return self.replicate.log.parts()[part]

    def rows(self, part: str) -> pd.DataFrame:
        """Return the log's rows of a part."""
        return self.replicate.log.frame.iloc[self.positions(part)]

    def label(self, part: str) -> np.ndarray:
        """Return the outcomes of a part, shape (rows,)."""
        return self.replicate.log.label[self.positions(part)]

    def outcomes(self, rung: Rung, part: str) -> np.ndarray:
        """Return what a rung learns from in a part: its own outcomes, else the label."""
        return rung.outcomes.of(self, part) if rung.outcomes else self.label(part)

    @property
    def counters(self) -> CounterFeatures:
        """The counters that suit the log."""
        return self.features.counters

    @property
    def counter_names(self) -> tuple[str, ...]:
        """Names of the counter columns."""
        return self.features.counters.names

    @property
    def histories(self) -> ClickHistories:
        """The histories of users that suit the log."""
        return self.features.histories


def prepare_log(replicate: Replicate) -> PreparedLog:
    """Return what the rungs share; nothing is computed before a rung asks for it."""
    return PreparedLog(replicate, replicate.features or LogFeatures(replicate.log))


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

    Never the label; counters, histories and the time only where it reads them.
    """
    log, rows = prepared.replicate.log, _stretch(prepared.positions(part))
    roles = log.roles
    time = (roles.time,) if rung.reads_time and roles.time else ()
    names = dict.fromkeys((*roles.identifiers, *roles.numeric, *time))
    columns = {name: log.frame[name].to_numpy()[rows] for name in names}
    if rung.uses_counters:
        table = prepared.features.counter_table
        columns |= {name: table[name].to_numpy()[rows] for name in table}
    if rung.uses_histories:
        histories = prepared.features.history_tables
        return columns | {name: values[rows] for name, values in histories.items()}
    # A log may have no feature column, and rows that a constant can be predicted for.
    return columns or pd.DataFrame(index=log.frame.index[rows])


def _stretch(rows: np.ndarray) -> np.ndarray | slice:
    """Return ascending positions as a slice where none is left out, which costs no copy."""
    if len(rows) and rows[-1] - rows[0] + 1 == len(rows):
        return slice(int(rows[0]), int(rows[-1]) + 1)
    return rows

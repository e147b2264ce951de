"""Columns that are filled, or empty, on one outcome only: they were written after the fact."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mlsd.data.log import LabelledLog
from mlsd.data.readings import LoadedLog
from mlsd.data.understanding.features_of_log import feature_columns, is_missing
from mlsd.data.understanding.findings import Findings, LogWarning
from mlsd.data.understanding.spec_lines import line_without

CERTAIN = 0.98
FEWER_ERRORS = 0.1
COMMON = 0.9
FEWEST_EXPECTED_ERRORS = 15


@dataclass(frozen=True)
class Presence:
    """What it tells of the label whether a column is filled.

    Attributes
    ----------
    column : str
    filled : bool
        Whether it is the filled rows that tell; else the empty ones.
    outcome : int
        What they tell.
    rows : int
        How many rows tell it.
    share : float
        Share of these with the outcome.
    base : float
        Share of all rows with the outcome.
    """

    column: str
    filled: bool
    outcome: int
    rows: int
    share: float
    base: float

    @property
    def alarms(self) -> bool:
        """Whether the rows are nearly all of one outcome, and would not be so by chance.

        An outcome that nine in ten rows have anyway tells nothing here.

        Examples
        --------
        >>> Presence("dwell", True, 1, 400, 1.0, 0.2).alarms
        True
        """
        errors = 1 - self.base
        certain = self.share >= max(CERTAIN, 1 - FEWER_ERRORS * errors)
        return certain and self.base <= COMMON and self.rows * errors >= FEWEST_EXPECTED_ERRORS


def column_presences(log: LabelledLog) -> list[Presence]:
    """Return what filled and empty cells of each column tell, outside the test part.

    Columns without an empty cell are left out.

    Examples
    --------
    >>> import pandas as pd
    >>> from mlsd.data.log import ColumnRoles, Split
    >>> frame = pd.DataFrame({"click": [0, 0, 1] * 30, "dwell": [np.nan, np.nan, 3.0] * 30})
    >>> split = Split(np.arange(60), np.arange(60, 75), np.arange(75, 90))
    >>> log = LabelledLog("tiny", frame, ColumnRoles("click", numeric=("dwell",)), split)
    >>> [(found.filled, found.outcome, found.share) for found in column_presences(log)]
    [(True, 1, 1.0), (False, 0, 1.0)]
    """
    rows = np.r_[log.split.train, log.split.validation]
    label = log.label[rows]
    found = []
    for name in feature_columns(log):
        missing = is_missing(log.frame[name])[rows]
        if missing.any() and not missing.all():
            found += [
                _presence(name, label, telling, filled=filled)
                for filled, telling in ((True, ~missing), (False, missing))
            ]
    return found


def _presence(name: str, label: np.ndarray, telling: np.ndarray, *, filled: bool) -> Presence:
    """Return what the telling rows say of the outcome that they make likelier."""
    rate, base = float(label[telling].mean()), float(label.mean())
    if rate >= base:
        return Presence(name, filled, 1, int(telling.sum()), rate, base)
    return Presence(name, filled, 0, int(telling.sum()), 1 - rate, 1 - base)


def check_presence(loaded: LoadedLog) -> Findings:
    """Warn of columns that are filled, or empty, on one outcome only."""
    found = {}
    for presence in column_presences(loaded.log):
        if presence.alarms:
            found.setdefault(presence.column, presence)
    return Findings(warnings=tuple(_warning(presence, loaded) for presence in found.values()))


def _warning(presence: Presence, loaded: LoadedLog) -> LogWarning:
    state = "filled" if presence.filled else "empty"
    text = (
        f"{presence.column!r} is {state} in {presence.rows:,} rows outside the test part, and "
        f"{presence.share:.1%} of these have label {presence.outcome}, against "
        f"{presence.base:.1%} of all. It was probably written after the label was known."
    )
    spec_line = line_without(loaded, [presence.column])
    return LogWarning("after the fact", (presence.column,), text, spec_line, leaves_out=True)

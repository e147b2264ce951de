"""Columns that are filled, or empty, on one outcome only: they were written after the fact.

A number that is mostly 0 counts as filled where it is not 0: an export writes 0 conversions, not an
empty cell, where nobody clicked. There the other rows alone tell, and of positives only: honest
numbers are often 0 on one side.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import pandas as pd

from mlsd.data.log import LabelledLog
from mlsd.data.readings import LoadedLog
from mlsd.data.understanding.features_of_log import feature_columns, is_missing
from mlsd.data.understanding.findings import Findings, LogWarning
from mlsd.data.understanding.spec_lines import line_without

CERTAIN = 0.98
FEWER_ERRORS = 0.1
COMMON = 0.9
FEWEST_EXPECTED_ERRORS = 15
MOSTLY = 0.5
NOT_ZERO = "not 0"


@dataclass(frozen=True)
class Presence:
    """What it tells of the label whether a column is filled.

    Attributes
    ----------
    column : str
    state : str
        Of the rows that tell: ``"filled"``, ``"empty"`` or ``"not 0"``.
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
    state: str
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
        >>> Presence("dwell", "filled", 1, 400, 1.0, 0.2).alarms
        True
        """
        errors = 1 - self.base
        certain = self.share >= max(CERTAIN, 1 - FEWER_ERRORS * errors)
        return certain and self.base <= COMMON and self.rows * errors >= FEWEST_EXPECTED_ERRORS


def column_presences(log: LabelledLog) -> list[Presence]:
    """Return what filled and empty cells of each column tell, outside the test part.

    Columns without an empty cell are left out, unless they are numbers that are mostly 0.

    Examples
    --------
    >>> import pandas as pd
    >>> from mlsd.data.log import ColumnRoles, Split
    >>> frame = pd.DataFrame({"click": [0, 0, 1] * 30, "dwell": [np.nan, np.nan, 3.0] * 30})
    >>> split = Split(np.arange(60), np.arange(60, 75), np.arange(75, 90))
    >>> log = LabelledLog("tiny", frame, ColumnRoles("click", numeric=("dwell",)), split)
    >>> [(found.state, found.outcome, found.share) for found in column_presences(log)]
    [('filled', 1, 1.0), ('empty', 0, 1.0)]
    """
    rows = np.r_[log.split.train, log.split.validation]
    label = log.label[rows]
    found = []
    for name in feature_columns(log):
        values = log.frame[name].iloc[rows]
        missing = is_missing(values)
        if missing.any() and not missing.all():
            for state, telling in (("filled", ~missing), ("empty", missing)):
                found.append(_presence(name, state, label, telling))
        elif (other := _not_zero(values)) is not None and label[other].mean() > label.mean():
            found.append(_presence(name, NOT_ZERO, label, other))
    return found


def _not_zero(values: pd.Series) -> np.ndarray | None:
    """Return where a number is not 0, if it mostly is; None of every other column."""
    if not pd.api.types.is_numeric_dtype(values):
        return None
    other = values.to_numpy() != 0
    return other if 0 < other.mean() < MOSTLY else None


def _presence(name: str, state: str, label: np.ndarray, telling: np.ndarray) -> Presence:
    """Return what the telling rows say of the outcome that they make likelier."""
    rate, base = float(label[telling].mean()), float(label.mean())
    if rate >= base:
        return Presence(name, state, 1, int(telling.sum()), rate, base)
    return Presence(name, state, 0, int(telling.sum()), 1 - rate, 1 - base)


def check_presence(loaded: LoadedLog, *, leaks: Collection[str] = ()) -> Findings:
    """Warn of columns that are filled, or empty, on one outcome only.

    Of those in `leaks`, which know all rows, it is not said besides that they are not 0 on some.
    """
    found = {}
    for presence in column_presences(loaded.log):
        told = presence.state == NOT_ZERO and presence.column in leaks
        if presence.alarms and not told:
            found.setdefault(presence.column, presence)
    return Findings(warnings=tuple(_warning(presence, loaded) for presence in found.values()))


def _warning(presence: Presence, loaded: LoadedLog) -> LogWarning:
    text = (
        f"{presence.column!r} is {presence.state} in {presence.rows:,} rows outside the test part, "
        f"and {presence.share:.1%} of these have label {presence.outcome}, against "
        f"{presence.base:.1%} of all. It was probably written after the label was known."
    )
    spec_line = line_without(loaded, [presence.column])
    return LogWarning("after the fact", (presence.column,), text, spec_line, leaves_out=True)

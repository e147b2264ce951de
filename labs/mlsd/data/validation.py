"""The invariants of a labelled log, checked wherever one is made."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from mlsd.data.log import LabelledLog
from mlsd.runtime import InputError

if TYPE_CHECKING:
    import pandera.pandas as pandera


def log_schema(log: LabelledLog) -> pandera.DataFrameSchema:
    """Return the pandera schema that the roles of a log imply.

    The label, where there is one, is 0 or 1, times are finite, numeric features and amounts are
    numbers and not infinite, weights are above 0 and propensities in (0, 1]; these, positions,
    label, times, categories, users, items and counter keys are never missing.

    Examples
    --------
    >>> from mlsd.data.log import ColumnRoles, Split
    >>> rows = np.arange(1)
    >>> roles = ColumnRoles("label", time="ts")
    >>> log = LabelledLog("tiny", pd.DataFrame(), roles, Split(rows, rows, rows))
    >>> list(log_schema(log).columns)
    ['ts', 'label']
    """
    import pandera.pandas as pandera

    roles = log.roles
    finite = pandera.Check(np.isfinite, name="finite", error="is not finite")
    real = pandera.Check(_is_real, name="number", error="is not a finite number")
    above_zero = pandera.Check.gt(0, error="is not above 0")
    probability = pandera.Check.in_range(0, 1, include_min=False, error="is not in (0, 1]")
    outcome = pandera.Check.isin([0, 1], error="is neither 0 nor 1")
    keys = dict.fromkeys((*roles.identifiers, *(name for key in roles.entities for name in key)))
    columns = {name: pandera.Column(nullable=False) for name in keys}
    for name in filter(None, (*roles.numeric, roles.amount)):
        columns[name] = pandera.Column(checks=real, nullable=True)
    for name in filter(None, (roles.time, roles.known_at)):
        columns[name] = pandera.Column(checks=finite, nullable=False)
    for name, check in ((roles.weight, above_zero), (roles.propensity, probability)):
        if name:
            columns[name] = pandera.Column(checks=check, nullable=False)
    if roles.position:
        columns[roles.position] = pandera.Column(nullable=False)
    if roles.label:
        columns[roles.label] = pandera.Column(checks=outcome, nullable=False)
    return pandera.DataFrameSchema(columns)


def _is_real(values: pd.Series) -> pd.Series:
    return ~np.isinf(values.astype(np.float64))


def validate_log(log: LabelledLog) -> None:
    """Check the schema of a log, the order of its rows, and its split.

    Raises
    ------
    InputError
        At the first broken invariant; the message names log, column and row position.

    Examples
    --------
    >>> from mlsd.data.log import ColumnRoles, Split
    >>> frame = pd.DataFrame({"ts": [2.0, 1.0, 3.0, 4.0], "label": [0, 1, 1, 0]})
    >>> split = Split(np.array([0, 1]), np.array([2]), np.array([3]))
    >>> validate_log(LabelledLog("tiny", frame, ColumnRoles("label", time="ts"), split))
    Traceback (most recent call last):
    ...
    mlsd.runtime.errors.InputError: tiny: row position 1, column 'ts' lies before the row above; ...
    """
    _check_schema(log)
    _check_order(log)
    _check_split(log)


def _fail(log: LabelledLog, problem: str) -> None:
    raise InputError(f"{log.name}: {problem}")


def _check_schema(log: LabelledLog) -> None:
    from pandera.errors import SchemaErrors

    frame = log.frame
    if not frame.index.equals(pd.RangeIndex(len(frame))):
        _fail(log, "the index of the frame is not 0..n-1; reset it")
    schema = log_schema(log)
    for name in schema.columns:
        if name not in frame.columns:
            _fail(log, f"column {name!r} has a role but is not in the frame")
    if not frame.columns.is_unique:
        _fail(log, "two columns of the frame have the same name")
    try:
        schema.validate(frame, lazy=True)
    except SchemaErrors as error:
        first = error.failure_cases.iloc[0]
        problem = "is missing" if first["check"] == "not_nullable" else str(first["check"])
        row = "" if pd.isna(first["index"]) else f"row position {int(first['index'])}, "
        _fail(log, f"{row}column {first['column']!r} {problem}")


def _check_order(log: LabelledLog) -> None:
    time, known_at = log.roles.time, log.roles.known_at
    if time is None:
        return
    seconds = log.frame[time].to_numpy()
    backwards = np.flatnonzero(np.diff(seconds) < 0)
    if backwards.size:
        row = backwards[0] + 1
        _fail(log, f"row position {row}, column {time!r} lies before the row above; sort by time")
    if known_at:
        early = np.flatnonzero(log.frame[known_at].to_numpy() < seconds)
        if early.size:
            _fail(log, f"row position {early[0]}, column {known_at!r} lies before {time!r}")


def _check_split(log: LabelledLog) -> None:
    seen = np.zeros(len(log.frame), bool)
    for part, rows in log.parts().items():
        if rows.size == 0:
            _fail(log, f"the {part} part is empty")
        if rows.min() < 0 or rows.max() >= seen.size:
            _fail(log, f"the {part} part names a row that the frame does not have")
        if np.any(np.diff(rows) <= 0):
            _fail(log, f"the rows of the {part} part are not in ascending order")
        if seen[rows].any():
            _fail(log, f"the {part} part shares a row with another part")
        seen[rows] = True
    if log.roles.label and np.unique(log.label[log.split.train]).size < 2:
        _fail(log, "the train part has only one outcome")

"""From raw tables to rows in canonical types."""

from __future__ import annotations

import numpy as np
import pandas as pd

from mlsd.data.columns import (
    category_column,
    known_at_column,
    label_column,
    number_column,
    position_column,
    propensity_column,
    time_column,
    weight_column,
)
from mlsd.data.columns.times import duration_seconds
from mlsd.data.inference import Inferred
from mlsd.data.log import ColumnRoles
from mlsd.data.spec import ColumnSpec
from mlsd.data.tables import RawTable


def stack_rows(tables: dict[str, RawTable], inferred: Inferred) -> pd.DataFrame:
    """Return the rows of all tables below each other, one column for each that has a role.

    Times come first, in seconds; categories are int64 or text, where an id that is a number in one
    table and text in another is text; numeric features are float64; the label is int8.

    Raises
    ------
    InputError
        At the first cell that its role does not allow.

    Examples
    --------
    >>> import pyarrow as pa
    >>> tables = {"all": RawTable("log", pa.table({"click": [0, 1], "price": ["2.5", ""]}))}
    >>> stack_rows(tables, Inferred(ColumnSpec("click", numeric=("price",))))["price"].tolist()
    [2.5, nan]
    """
    columns, frames = inferred.columns, []
    for part, raw in tables.items():
        known = {name: inferred.numbers.pop((part, name), None) for name in columns.numeric}
        known = {name: values for name, values in known.items() if values is not None}
        frames.append(_convert(raw, columns, known))
    frame = _concat(frames)
    if columns.known_at_missing:
        _settle(frame, columns)
    return frame


def _settle(frame: pd.DataFrame, columns: ColumnSpec) -> None:
    """Fill in when labels count as known of which the log does not say it."""
    times, known_at = frame[columns.time], frame[columns.known_at]
    window = duration_seconds(columns.known_at_missing)
    settled = max(times.max(), known_at.max()) if window is None else times + window
    frame[columns.known_at] = known_at.fillna(settled)


def _convert(raw: RawTable, columns: ColumnSpec, known: dict[str, np.ndarray]) -> pd.DataFrame:
    """Return the columns that have a role, in canonical types, times first.

    Numeric features that are `known` already are not converted again.
    """
    converted: dict[str, np.ndarray | pd.Series] = _times(raw, columns)
    in_keys = [name for key in columns.entities for name in key]
    for name in (columns.user, columns.item, *columns.categorical, *in_keys):
        if name and name not in converted:
            converted[name] = category_column(raw, name)
    for name in (columns.amount, *columns.numeric):
        if name:
            converted[name] = known[name] if name in known else number_column(raw, name)
    converted |= _logged(raw, columns)
    if columns.label:
        converted[columns.label] = label_column(
            raw, columns.label, positive=columns.label_positive, rule=columns.label_rule
        )
    return pd.DataFrame(converted)


def _times(raw: RawTable, columns: ColumnSpec) -> dict[str, np.ndarray | pd.Series]:
    how = {"unit": columns.time_unit, "written": columns.time_format}
    converted: dict[str, np.ndarray | pd.Series] = {}
    if columns.time:
        converted[columns.time] = time_column(raw, columns.time, **how)
    if columns.known_at and columns.known_at != columns.time:
        may_be_missing = columns.known_at_missing is not None
        converted[columns.known_at] = known_at_column(
            raw, columns.known_at, may_be_missing=may_be_missing, **how
        )
    return converted


def _logged(raw: RawTable, columns: ColumnSpec) -> dict[str, np.ndarray]:
    """Return the columns that say how a row came into the log."""
    converted = {}
    if columns.position:
        converted[columns.position] = position_column(raw, columns.position)
    if columns.propensity:
        converted[columns.propensity] = propensity_column(raw, columns.propensity)
    if columns.weight:
        converted[columns.weight] = weight_column(raw, columns.weight)
    if columns.sampling_rate:
        weight = weight_column(raw, columns.sampling_rate, is_rate=True)
        converted[weight_name(columns)] = weight
    return converted


def weight_name(columns: ColumnSpec) -> str | None:
    """Return what the column of weights is called in the log, or None where there is none.

    Examples
    --------
    >>> weight_name(ColumnSpec("click", sampling_rate="kept"))
    '1 / kept'
    """
    return f"1 / {columns.sampling_rate}" if columns.sampling_rate else columns.weight


def roles_of(columns: ColumnSpec) -> ColumnRoles:
    """Return the roles of a log in which the columns of a spec were read.

    Examples
    --------
    >>> roles_of(ColumnSpec("click", user="who", ignore=("row",))).identifiers
    ('who',)
    """
    singles = {"label": None} | columns.singles() | {"weight": weight_name(columns)}
    singles.pop("sampling_rate", None)
    return ColumnRoles(
        **singles,
        categorical=columns.categorical,
        numeric=columns.numeric,
        entities=columns.entities,
    )


def _concat(frames: list[pd.DataFrame]) -> pd.DataFrame:
    """Stack the parts; where an id is a number in one part and text in another, all are text."""
    if len(frames) == 1:
        return frames[0]
    for name in frames[0].columns:
        texts = [not pd.api.types.is_numeric_dtype(frame[name]) for frame in frames]
        if any(texts) and not all(texts):
            frames = [frame.assign(**{name: frame[name].astype(str)}) for frame in frames]
    return pd.concat(frames, ignore_index=True)

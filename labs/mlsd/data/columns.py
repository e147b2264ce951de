"""Turn the cells of a raw column into what its role asks for, or name the cell that prevents it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute

from mlsd.data.tables import RawTable

MISSING = ("", "NA", "N/A", "NaN", "nan", "NULL", "null", "None")
LATEST = 1e11
Converted = TypeVar("Converted")


def _guarded(convert: Callable[[RawTable, str], Converted]) -> Callable[[RawTable, str], Converted]:
    """Report a type that Arrow cannot convert as bad input that names file and column."""

    def guarded(raw: RawTable, name: str) -> Converted:
        try:
            return convert(raw, name)
        except (pa.ArrowException, OverflowError):
            kind = raw.column(name).type
            raw.fail(name, f"has values of type {kind} that cannot be used here; convert them")

    guarded.__doc__, guarded.__name__ = convert.__doc__, convert.__name__
    return guarded


def _plain(raw: RawTable, name: str) -> pa.ChunkedArray:
    """Return the column without dictionary, large or view encoding."""
    values = raw.column(name)
    kind = values.type
    if pa.types.is_dictionary(kind):
        values = values.cast(kind.value_type)
    if pa.types.is_large_string(values.type) or pa.types.is_string_view(values.type):
        values = values.cast(pa.string())
    return values


def _shown(values: pa.ChunkedArray, row: int) -> str:
    text = repr(values[int(row)].as_py())
    return text if len(text) <= 40 else text[:37] + "..."


def _numbers(raw: RawTable, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Numbers with NaN for missing or unreadable cells, and a mask of the unreadable ones."""
    values = _plain(raw, name)
    kind = values.type
    if pa.types.is_string(kind):
        text = values.fill_null("").to_numpy().astype(object)
        numbers = pd.to_numeric(pd.Series(text), errors="coerce").to_numpy(np.float64)
        return numbers, np.isnan(numbers) & ~pd.Series(text).isin(MISSING).to_numpy()
    if pa.types.is_null(kind) or pa.types.is_boolean(kind) or pa.types.is_decimal(kind):
        values = values.cast(pa.float64())
    elif not (pa.types.is_integer(kind) or pa.types.is_floating(kind)):
        raw.fail(name, f"is of type {kind}; give numbers")
    numbers = values.to_numpy()
    if numbers.dtype == np.uint64 or pa.types.is_floating(values.type) or values.null_count:
        numbers = numbers.astype(np.float64)
    return numbers, np.zeros(len(numbers), bool)


@_guarded
def label_column(raw: RawTable, name: str) -> np.ndarray:
    """Return outcomes as int8, shape (n,).

    Raises
    ------
    InputError
        At the first cell that is neither 0 nor 1.

    Examples
    --------
    >>> label_column(RawTable("log", pa.table({"click": ["0", "1"]})), "click")
    array([0, 1], dtype=int8)
    """
    numbers, _ = _numbers(raw, name)
    wrong = np.flatnonzero(~np.isin(numbers, (0, 1)))
    if wrong.size:
        cell = _shown(raw.column(name), wrong[0])
        raw.fail(name, f"is {cell}; a label must be 0 or 1", wrong[0])
    return numbers.astype(np.int8)


@_guarded
def time_column(raw: RawTable, name: str) -> np.ndarray:
    """Return times in seconds since an origin, shape (n,), float64 or int64.

    Numbers are taken as seconds; timestamps and ISO 8601 text become seconds since 1970 in UTC
    (text without a zone is read as UTC). The first filled cell decides which of the two it is.

    Raises
    ------
    InputError
        At the first cell that is missing, unreadable, infinite, or beyond 1e11 seconds (such a
        number counts milliseconds).

    Examples
    --------
    >>> raw = RawTable("log", pa.table({"ts": ["1970-01-02", "1970-01-01T00:00:30Z"]}))
    >>> time_column(raw, "ts").tolist()
    [86400.0, 30.0]
    """
    kind = _plain(raw, name).type
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        seconds = _stamp_seconds(raw, name)
    elif pa.types.is_string(kind):
        seconds = _text_seconds(raw, name)
    else:
        seconds, _ = _numbers(raw, name)
    return _check_times(raw, name, seconds)


def _check_times(raw: RawTable, name: str, seconds: np.ndarray) -> np.ndarray:
    wrong = np.flatnonzero(~np.isfinite(seconds))
    if wrong.size:
        cell = _shown(raw.column(name), wrong[0])
        raw.fail(name, f"is {cell}; a time must be seconds or an ISO date and time", wrong[0])
    far = np.flatnonzero((seconds > LATEST) | (seconds < -LATEST))
    if far.size:
        cell = _shown(raw.column(name), far[0])
        raw.fail(name, f"is {cell}; times are in seconds: divide milliseconds by 1000", far[0])
    return seconds.astype(np.float64 if seconds.dtype.kind == "f" else np.int64)


def _stamp_seconds(raw: RawTable, name: str) -> np.ndarray:
    values = _plain(raw, name)
    zone = values.type.tz if pa.types.is_timestamp(values.type) else None
    options = pa.compute.CastOptions(pa.timestamp("us", zone), allow_time_truncate=True)
    micros = values.cast(options=options).cast(pa.int64())
    return micros.to_numpy().astype(np.float64) / 1e6


def _text_seconds(raw: RawTable, name: str) -> np.ndarray:
    numbers, unreadable = _numbers(raw, name)
    filled = np.flatnonzero(~np.isnan(numbers) | unreadable)
    if filled.size == 0 or not unreadable[filled[0]]:
        return numbers
    text = pd.Series(raw.column(name).to_pylist(), dtype=object)
    stamps = pd.to_datetime(text, format="ISO8601", utc=True, errors="coerce")
    elapsed = stamps - pd.Timestamp(0, tz="UTC")
    return (elapsed / pd.Timedelta(seconds=1)).to_numpy(np.float64)


@_guarded
def number_column(raw: RawTable, name: str) -> np.ndarray:
    """Return a numeric feature as float64, shape (n,); NaN means missing.

    Missing are nulls, empty cells and the texts in ``MISSING``.

    Raises
    ------
    InputError
        At the first cell that is text or infinite.

    Examples
    --------
    >>> number_column(RawTable("log", pa.table({"price": ["2.5", ""]})), "price")
    array([2.5, nan])
    """
    numbers, unreadable = _numbers(raw, name)
    numbers = numbers.astype(np.float64)
    wrong = np.flatnonzero(unreadable | np.isinf(numbers))
    if wrong.size:
        cell = _shown(raw.column(name), wrong[0])
        raw.fail(name, f"is {cell}; give a finite number or leave it empty", wrong[0])
    return numbers


@_guarded
def category_column(raw: RawTable, name: str) -> pd.Series:
    """Return a category, user or item: int64 where all cells are whole numbers, else text.

    A missing cell is the empty text, a value of its own. Text from CSV and TSV stays text, so that
    ``007`` is not ``7``.

    Raises
    ------
    InputError
        When the column holds lists, structures, bytes or the like.

    Examples
    --------
    >>> category_column(RawTable("log", pa.table({"user": [3, None]})), "user").tolist()
    ['3', '']
    """
    values = _plain(raw, name)
    kind = values.type
    if pa.types.is_nested(kind) or pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        raw.fail(name, f"is of type {kind}; give text or whole numbers")
    if pa.types.is_floating(kind) or pa.types.is_boolean(kind):
        values = _whole(values)
    whole = pa.types.is_integer(values.type) and not pa.types.is_uint64(values.type)
    if whole and not values.null_count:
        return pd.Series(values.cast(pa.int64()).to_numpy())
    return values.cast(pa.string()).fill_null("").to_pandas()


def _whole(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Floats as integers where none has a fraction (NaN is missing), else unchanged."""
    values = values.cast(pa.float64())
    values = pa.compute.if_else(pa.compute.is_nan(values), None, values)
    try:
        return values.cast(pa.int64())
    except pa.ArrowInvalid:
        return values

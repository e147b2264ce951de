"""What every reader of a column does with its cells."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Concatenate, ParamSpec, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute

from mlsd.data.tables import RawTable

MISSING = ("", "NA", "N/A", "NaN", "nan", "NULL", "null", "None")
# Texts that elsewhere stand for a missing value; a log may mean something by them.
MARKERS = re.compile(
    r"[-–—.?*\\/_#!]+|\\n|<na>|#n/a.*|\(?(null|none|blank|empty|missing|unknown)\)?|n\.?[/.]?a\.?|nat|nil"
    r"|-?999+(\.0+)?",
    re.IGNORECASE,
)
MISSING_CELLS = pa.array([None, *MISSING], pa.string())
MARKED = (
    pa.types.is_string,
    pa.types.is_integer,
    pa.types.is_floating,
    pa.types.is_decimal,
)
NO_TEXT = pa.scalar(None, pa.string())
NUMBER = r"(?i)^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$|^[+-]?inf(inity)?$"
Converted = TypeVar("Converted")
Options = ParamSpec("Options")
Reader = Callable[Concatenate[RawTable, str, Options], Converted]


def guarded(convert: Reader[Options, Converted]) -> Reader[Options, Converted]:
    """Report a type that Arrow cannot convert as bad input that names file and column."""

    @functools.wraps(convert)
    def reader(
        raw: RawTable, name: str, *args: Options.args, **options: Options.kwargs
    ) -> Converted:
        try:
            return convert(raw, name, *args, **options)
        except (pa.ArrowException, OverflowError):
            kind = raw.column(name).type
            raw.fail(name, f"has values of type {kind} that cannot be used here; convert them")

    return reader


def plain(raw: RawTable, name: str) -> pa.ChunkedArray:
    """Return the column without dictionary, large or view encoding, declared markers as nulls."""
    values = raw.column(name)
    kind = values.type
    if pa.types.is_dictionary(kind):
        values = values.cast(kind.value_type)
    if pa.types.is_large_string(values.type) or pa.types.is_string_view(values.type):
        values = values.cast(pa.string())
    markers = _markers(raw.missing, values.type)
    if markers:
        marked = pa.compute.is_in(values, value_set=pa.array(markers, values.type))
        values = pa.compute.if_else(marked, pa.scalar(None, values.type), values)
    return values


def _markers(missing: Sequence[str], kind: pa.DataType) -> list[pa.Scalar]:
    """Return the declared markers as values of a column's type, without those that are none."""
    markers = []
    for text in missing if any(is_kind(kind) for is_kind in MARKED) else ():
        with suppress(pa.ArrowException):
            markers.append(pa.scalar(text).cast(kind))
    return markers


def shown(values: pa.ChunkedArray, row: int) -> str:
    """Return a cell as it is written in a message."""
    text = repr(values[int(row)].as_py())
    return text if len(text) <= 40 else text[:37] + "..."


def numbers(raw: RawTable, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Return numbers with NaN for missing or unreadable cells, and a mask of the unreadable ones.

    Raises
    ------
    InputError
        When the column holds neither numbers nor text.

    Examples
    --------
    >>> raw = RawTable("log", pa.table({"price": ["2,5", "", "?"]}), decimal=",")
    >>> [column.tolist() for column in numbers(raw, "price")]
    [[2.5, nan, nan], [False, False, True]]
    """
    values = plain(raw, name)
    kind = values.type
    if pa.types.is_string(kind):
        found, unreadable = _text_numbers(values, raw.decimal)
        # A marker that is a number is one however it is written: -999 and -999.0.
        markers, _ = _text_numbers(pa.chunked_array([raw.missing], pa.string()), raw.decimal)
        return np.where(np.isin(found, markers), np.nan, found), unreadable
    if pa.types.is_null(kind) or pa.types.is_boolean(kind) or pa.types.is_decimal(kind):
        values = values.cast(pa.float64())
    elif not (pa.types.is_integer(kind) or pa.types.is_floating(kind)):
        raw.fail(name, f"is of type {kind}; give numbers")
    found = values.to_numpy()
    if found.dtype == np.uint64 or pa.types.is_floating(values.type) or values.null_count:
        found = found.astype(np.float64)
    return found, np.zeros(len(found), bool)


def _text_numbers(values: pa.ChunkedArray, decimal: str) -> tuple[np.ndarray, np.ndarray]:
    empty = pa.compute.is_in(values, value_set=MISSING_CELLS)
    filled = pa.compute.if_else(empty, NO_TEXT, values)
    if decimal == ",":
        # A point would part thousands, so that 1.234 is not taken for one and a bit.
        filled = pa.compute.replace_substring(filled, ".", " point ")
        filled = pa.compute.replace_substring(filled, ",", ".")
    try:
        found = filled.cast(pa.float64())
    except pa.ArrowInvalid:
        filled = pa.compute.ascii_trim_whitespace(filled)
        is_number = pa.compute.match_substring_regex(filled, NUMBER)
        found = pa.compute.if_else(is_number, filled, NO_TEXT).cast(pa.float64())
    numbers = found.to_numpy().astype(np.float64)
    return numbers, np.isnan(numbers) & ~empty.to_numpy()

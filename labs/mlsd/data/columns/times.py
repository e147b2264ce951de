"""Times in seconds, whatever the unit or the notation."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import NoReturn

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute

from mlsd.data.columns.cells import MISSING, guarded, numbers, plain, shown
from mlsd.data.tables import RawTable

LATEST = 1e11
# Seconds a unit; those below a second divide, so that 1500 ms is 1.5 s to the last bit.
UNITS = {"s": 1, "min": 60, "h": 3600, "d": 86_400}
FRACTIONS = {"ms": 10**3, "us": 10**6, "ns": 10**9}
DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(s|min|h|d)")
DATE = re.compile(r"\s*\d{4}-\d\d-\d\d([T ].*)?")
STAND_IN = "where it stands for never, leave the cell empty or the row out"
ADVICE = '; written otherwise, it needs time_format, as in "%d/%m/%Y %H:%M", in [columns]'
A_MOMENT = datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)  # with a zone, for %z


def is_time_format(text: str) -> bool:
    """Return whether a text is a notation of times that :func:`time.strptime` can read.

    Examples
    --------
    >>> is_time_format("%y%m%d%H"), is_time_format("yymmddhh"), is_time_format("%Q")
    (True, False, False)
    >>> is_time_format("[%d/%b/%Y:%H:%M:%S %z]")
    True
    """
    try:
        return "%" in text and bool(datetime.strptime(A_MOMENT.strftime(text), text))
    except ValueError:
        return False


def duration_seconds(text: str) -> float | None:
    """Return the seconds of a duration such as ``7d``, or None where it is none.

    Examples
    --------
    >>> duration_seconds("7d"), duration_seconds("90 min"), duration_seconds("a week")
    (604800.0, 5400.0, None)
    """
    found = DURATION.fullmatch(text.strip())
    return float(found[1]) * UNITS[found[2]] if found else None


@guarded
def time_column(
    raw: RawTable, name: str, *, unit: str | None = None, written: str | None = None
) -> np.ndarray:
    """Return times in seconds since an origin, shape (n,), float64 or int64.

    Numbers are taken as seconds; timestamps and ISO 8601 text become seconds since 1970 in UTC
    (text without a zone is read as UTC). The first filled cell decides which of the two it is.

    Parameters
    ----------
    raw, name
        The table and the column.
    unit : str, optional
        Of numbers: ``s``, ``ms``, ``us``, ``ns``, ``min``, ``h`` or ``d``.
    written : str, optional
        Notation of text or whole numbers, as for :func:`time.strptime`; read as UTC.

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
    >>> raw = RawTable("log", pa.table({"hour": [70010203]}))
    >>> time_column(raw, "hour", written="%y%m%d%H").tolist()
    [97200.0]
    """
    seconds = _seconds(raw, name, unit, written)
    wrong = np.flatnonzero(~np.isfinite(seconds))
    if wrong.size:
        _fail_at(raw, name, wrong[0], unit, written)
    return _checked(raw, name, seconds)


@guarded
def known_at_column(
    raw: RawTable,
    name: str,
    *,
    unit: str | None = None,
    written: str | None = None,
    may_be_missing: bool = False,
) -> np.ndarray:
    """Return when labels became known, as :func:`time_column` does; NaN where it says nothing.

    Raises
    ------
    InputError
        As in :func:`time_column`; a missing cell is one unless `may_be_missing`.

    Examples
    --------
    >>> raw = RawTable("log", pa.table({"settled": [7.0, None]}))
    >>> known_at_column(raw, "settled", may_be_missing=True).tolist()
    [7.0, nan]
    """
    seconds = _seconds(raw, name, unit, written)
    empty = _empty(raw, name)
    if empty.any() and not may_be_missing:
        row = np.flatnonzero(empty)[0]
        raw.fail(
            name,
            f"is {shown(raw.column(name), row)}; say when a label counts as known of which this is "
            'empty: add known_at_missing = "7d" to [columns], a window after the time of the row, '
            'or "end", the end of the log',
            row,
        )
    wrong = np.flatnonzero(~np.isfinite(seconds) & ~empty)
    if wrong.size:
        _fail_at(raw, name, wrong[0], unit, written)
    return _checked(raw, name, seconds)


def _empty(raw: RawTable, name: str) -> np.ndarray:
    values = plain(raw, name)
    if pa.types.is_string(values.type):
        return pa.compute.is_in(values.fill_null(""), value_set=pa.array(MISSING)).to_numpy()
    return pa.compute.is_null(values, nan_is_null=True).to_numpy()


def _seconds(raw: RawTable, name: str, unit: str | None, written: str | None) -> np.ndarray:
    """Return seconds, NaN where a cell is missing or unreadable."""
    kind = plain(raw, name).type
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        if unit or written:
            key = "time_unit" if unit else "time_format"
            raw.fail(name, f"is of type {kind}, which says its unit itself; leave {key} out")
        return _stamp_seconds(raw, name)
    if written:
        return _written_seconds(raw, name, written)
    if pa.types.is_string(kind) and not unit:
        return _text_seconds(raw, name)
    found, _ = numbers(raw, name)
    if unit in FRACTIONS:
        return found / FRACTIONS[unit]
    return found if unit in (None, "s") else found.astype(np.float64) * UNITS[unit]


def _stamp_seconds(raw: RawTable, name: str) -> np.ndarray:
    values = plain(raw, name)
    zone = values.type.tz if pa.types.is_timestamp(values.type) else None
    options = pa.compute.CastOptions(pa.timestamp("us", zone), allow_time_truncate=True)
    micros = values.cast(options=options).cast(pa.int64())
    return micros.to_numpy().astype(np.float64) / 1e6


def _text_seconds(raw: RawTable, name: str) -> np.ndarray:
    found, unreadable = numbers(raw, name)
    filled = np.flatnonzero(~np.isnan(found) | unreadable)
    if filled.size == 0 or not unreadable[filled[0]]:
        return found
    return _parsed(plain(raw, name), "ISO8601")


def _written_seconds(raw: RawTable, name: str, written: str) -> np.ndarray:
    values = plain(raw, name)
    if pa.types.is_floating(values.type):
        values = values.cast(pa.int64())
    if not pa.types.is_string(values.type):
        # A number has lost its leading zeros: 2005's 05010100 is 5010100.
        width = len(A_MOMENT.strftime(written))
        values = pa.compute.utf8_lpad(values.cast(pa.string()), width, "0")
    try:
        return _parsed(values, written)
    except Exception as error:  # pandas raises errors of pytz, which are not a ValueError
        if "%Z" not in written:
            raise
        raw.fail(
            name,
            f"cannot be read as time_format {written!r}: {error}; the name of a zone does not "
            "settle the hour at which clocks change: write offsets, such as +0200, and %z for them",
        )


def _parsed(values: pa.ChunkedArray, written: str) -> np.ndarray:
    """Read each distinct text once: a log has far fewer hours than rows."""
    encoded = values.combine_chunks().dictionary_encode()
    text = pd.Series(encoded.dictionary.to_pylist(), dtype=object)
    stamps = pd.to_datetime(text, format=written, utc=True, errors="coerce")
    elapsed = (stamps - pd.Timestamp(0, tz="UTC")) / pd.Timedelta(seconds=1)
    codes = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    return np.append(elapsed.to_numpy(np.float64), np.nan)[codes]


def _checked(raw: RawTable, name: str, seconds: np.ndarray) -> np.ndarray:
    """Refuse what no clock in seconds shows, and keep whole seconds whole."""
    far = np.flatnonzero(np.abs(seconds) > LATEST)
    if far.size:
        _fail_beyond(raw, name, far[0], abs(float(seconds[far[0]])))
    return seconds.astype(np.float64 if seconds.dtype.kind == "f" else np.int64)


def _fail_beyond(raw: RawTable, name: str, row: int, size: float) -> NoReturn:
    cell = shown(raw.column(name), row)
    if not _is_number(raw, name, row):
        raw.fail(name, f"is {cell}, beyond the year 5138; {STAND_IN}", row)
    unit = "ms" if size < 1e14 else "us" if size < 1e17 else "ns"
    raw.fail(
        name,
        f"is {cell}; as seconds it lies beyond the year 5138: say in what it counts, as in "
        f'time_unit = "{unit}" in [columns]',
        row,
    )


def _is_number(raw: RawTable, name: str, row: int) -> bool:
    values = raw.column(name)
    if pa.types.is_temporal(values.type):
        return False
    one = RawTable(raw.file, pa.table({name: values.slice(int(row), 1)}), decimal=raw.decimal)
    return bool(np.isfinite(numbers(one, name)[0][0]))


def _fail_at(raw: RawTable, name: str, row: int, unit: str | None, written: str | None) -> NoReturn:
    """Say why a cell is not a time: empty, of another notation, of another century."""
    cell = shown(raw.column(name), row)
    if _empty(raw, name)[row]:
        raw.fail(name, f"is {cell}; every row needs its time: fill it in or remove the row", row)
    if written:
        raw.fail(name, f"is {cell}; it is not written as time_format {written!r} says", row)
    if unit:
        raw.fail(name, f"is {cell}; with time_unit a time must be a number", row)
    text = str(raw.column(name)[int(row)].as_py())
    first = int(np.flatnonzero(~_empty(raw, name))[0]) if not _empty(raw, name).all() else row
    if first < row and (DATE.fullmatch(text) or _is_number(raw, name, row)):
        first_is, this_is = (
            "a number" if _is_number(raw, name, at) else "a date" for at in (first, row)
        )
        if first_is != this_is:
            raw.fail(
                name,
                f"is {cell}, {this_is}, but the first time is {first_is} "
                f"({shown(raw.column(name), first)}); write all times one way",
                row,
            )
    if DATE.fullmatch(text) and _is_of_calendar(text):
        raw.fail(name, f"is {cell}; a date must lie between 1678 and 2261: {STAND_IN}", row)
    raw.fail(name, f"is {cell}; a time must be seconds or an ISO date and time{ADVICE}", row)


def _is_of_calendar(text: str) -> bool:
    try:
        return bool(datetime.fromisoformat(text.strip()))
    except ValueError:
        return False

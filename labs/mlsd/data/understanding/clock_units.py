"""Numbers that were read as seconds and look like something else."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from mlsd.runtime.times import DAY, HOUR

CALENDARS = {
    "%Y%m%d": 8,
    "%y%m%d%H": 8,
    "%Y%m%d%H": 10,
    "%y%m%d": 6,
    "%Y%m%d%H%M": 12,
    "%y%m%d%H%M": 10,
}
CHECKED_VALUES = 2_000
FEWEST_VALUES = 3
FEWEST_DOUBTFUL = 10
DOUBTFUL = (6, 10)  # digits that seconds since 1970, or since the start of a log, may have too
EXCEL_DAYS = (30_000, 60_000)  # 1982 to 2064, counted from 30 December 1899
PLAUSIBLE = (pd.Timestamp("2000-01-01").timestamp(), pd.Timestamp("2040-01-01").timestamp())
UNITS = {"ms": 1e-3, "us": 1e-6, "min": 60.0, "h": float(HOUR), "d": float(DAY)}
LONG_SPAN = 20 * 365 * DAY


@dataclass(frozen=True)
class ClockGuess:
    """What numbers that were read as seconds may be, in words, and the key that says so."""

    words: str
    spec_line: str


def guess_clock(seconds: np.ndarray) -> ClockGuess | None:
    """Return what times that were read as plain seconds look like, or None for seconds.

    Parameters
    ----------
    seconds : ndarray, shape (n,)
        Times in ascending order, as they were read.

    Examples
    --------
    >>> guess_clock(np.array([23111422, 23111423, 23111500])).spec_line
    '[columns] time_format = "%y%m%d%H"'
    >>> guess_clock(np.arange(14)).spec_line
    '[columns] time_unit = "d"'
    >>> guess_clock(1.7e9 + 60.0 * np.arange(2000)) is None
    True
    """
    values = np.unique(_spread(seconds))
    if values.size < FEWEST_VALUES:
        return None
    pattern = _calendar(values)
    if pattern is not None:
        return ClockGuess(
            f"the numbers read as dates in the form {pattern}",
            f'[columns] time_format = "{pattern}"',
        )
    return _guess_unit(values)


def _spread(values: np.ndarray) -> np.ndarray:
    """Return at most 2,000 of the values, evenly over their order; a log may have millions."""
    if values.size <= CHECKED_VALUES:
        return values
    return values[np.linspace(0, values.size - 1, CHECKED_VALUES).round().astype(int)]


def _calendar(values: np.ndarray) -> str | None:
    """Return the form in which every value is a date of the years 2000 to 2040."""
    if (values != np.rint(values)).any() or values[0] < 0:
        return None
    texts = pd.Series(values.astype(np.int64).astype(str))
    for pattern, digits in CALENDARS.items():
        if digits in DOUBTFUL and values.size < FEWEST_DOUBTFUL:
            continue
        padded = texts.str.zfill(digits) if pattern.startswith("%y") else texts
        if (padded.str.len() == digits).all():
            stamps = pd.to_datetime(padded, format=pattern, errors="coerce")
            first, last = pd.to_datetime(PLAUSIBLE, unit="s")
            if stamps.between(first, last).all():
                return pattern
    return None


def _guess_unit(values: np.ndarray) -> ClockGuess | None:
    low, high = float(values[0]), float(values[-1])
    if EXCEL_DAYS[0] <= low and high <= EXCEL_DAYS[1]:
        words = (
            "the numbers look like day numbers of a spreadsheet, which count from 1899: as days "
        )
        return _unit("d", words + "since 1970 the span is right and the dates come 70 years late")
    if high - low < HOUR:
        return _short_span(values)
    if high - low > LONG_SPAN:
        return _unit("ms", f"{(high - low) / (365 * DAY):.0f} years of seconds are more than a log")
    for unit in ("min", "h", "d", "ms"):
        scale = UNITS[unit]
        if low * scale >= PLAUSIBLE[0] and high * scale <= PLAUSIBLE[1] and high < PLAUSIBLE[0]:
            return _unit(unit, f"counted in {unit}, they lie between 2000 and 2040")
    return None


def _short_span(values: np.ndarray) -> ClockGuess | None:
    low, high = float(values[0]), float(values[-1])
    for unit in ("min", "h", "d"):
        if low * UNITS[unit] >= PLAUSIBLE[0] and high * UNITS[unit] <= PLAUSIBLE[1]:
            return _unit(unit, f"counted in {unit} since 1970, they lie between 2000 and 2040")
    if high - low <= 400 and (values == np.rint(values)).all():
        return _unit("d", "small whole numbers are often an index of days")
    return None


def _unit(unit: str, words: str) -> ClockGuess:
    return ClockGuess(words, f'[columns] time_unit = "{unit}"')

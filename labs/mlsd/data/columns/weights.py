"""Columns that say how a row came into the log: sampling, slot and propensity."""

from __future__ import annotations

import numpy as np

from mlsd.data.columns.cells import guarded, shown
from mlsd.data.columns.numbers import number_column
from mlsd.data.tables import RawTable

# Beyond these, sums of squares overflow, and a few rows drown all others.
SMALLEST, LARGEST = 1e-12, 1e12


def _require(raw: RawTable, name: str, right: np.ndarray, wanted: str) -> None:
    wrong = np.flatnonzero(~right)
    if wrong.size:
        raw.fail(name, f"is {shown(raw.column(name), wrong[0])}; {wanted}", wrong[0])


@guarded
def weight_column(raw: RawTable, name: str, *, is_rate: bool = False) -> np.ndarray:
    """Return weights, float64 of shape (n,): how many rows of the whole log each stands for.

    Parameters
    ----------
    raw, name
        The table and the column.
    is_rate : bool
        Whether the column holds the rate at which such rows were kept; the weight is 1 / rate.

    Raises
    ------
    InputError
        At the first weight that is missing, not above 0 or beyond `SMALLEST` and `LARGEST`, or
        rate that is not in (0, 1] or below `SMALLEST`.

    Examples
    --------
    >>> import pyarrow as pa
    >>> weight_column(RawTable("log", pa.table({"kept": [0.05, 1.0]})), "kept", is_rate=True)
    array([20.,  1.])
    """
    found = number_column(raw, name)
    if not is_rate:
        _require(raw, name, found > 0, "a weight must be a number above 0")
        _require_sensible(raw, name, found)
        return found
    _require(
        raw, name, (found > 0) & (found <= 1), "a sampling rate must lie above 0 and be at most 1"
    )
    _require_sensible(raw, name, found)
    return 1 / found


def _require_sensible(raw: RawTable, name: str, found: np.ndarray) -> None:
    wanted = f"no row stands for so many or so few; give {SMALLEST:g} to {LARGEST:g}"
    _require(raw, name, (found >= SMALLEST) & (found <= LARGEST), wanted)


@guarded
def propensity_column(raw: RawTable, name: str) -> np.ndarray:
    """Return the probabilities with which what was shown was chosen, float64 of shape (n,).

    Raises
    ------
    InputError
        At the first that is missing or not in (0, 1].

    Examples
    --------
    >>> import pyarrow as pa
    >>> propensity_column(RawTable("log", pa.table({"p": [0.25, 1.0]})), "p")
    array([0.25, 1.  ])
    """
    found = number_column(raw, name)
    wanted = "a propensity must lie above 0 and be at most 1"
    _require(raw, name, (found > 0) & (found <= 1), wanted)
    return found


@guarded
def position_column(raw: RawTable, name: str) -> np.ndarray:
    """Return slots as int64, shape (n,).

    Raises
    ------
    InputError
        At the first that is missing, negative or not a whole number.

    Examples
    --------
    >>> import pyarrow as pa
    >>> position_column(RawTable("log", pa.table({"slot": ["0", "3"]})), "slot")
    array([0, 3])
    """
    found = number_column(raw, name)
    wanted = "a position must be a whole number, 0 or more"
    _require(raw, name, (found >= 0) & (found < 2**53) & (found == np.floor(found)), wanted)
    return found.astype(np.int64)

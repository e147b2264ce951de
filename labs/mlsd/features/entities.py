"""Entities as integers, and the order of rows by entity."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from mlsd.runtime import InputError

Columns = Mapping[str, np.ndarray] | pd.DataFrame

# A table of fewer rows never has more; with ranks below the same bound, keys fit 62 bits.
MOST_ENTITIES = 1 << 31


def entity_codes(columns: Columns, entity: tuple[str, ...]) -> np.ndarray:
    """Return one non-negative integer per row, equal for rows of the same entity.

    Parameters
    ----------
    columns : mapping of str to array, shape (n,) each, or DataFrame
    entity : tuple of str
        One column or a combination. Missing values are equal to each other.

    Returns
    -------
    ndarray of uint16 or int64, shape (n,)
        Below 2**31.

    Raises
    ------
    InputError
        If a column is missing or `entity` names none.

    Examples
    --------
    >>> entity_codes({"user_id": [7, 9, 7], "device": ["tv", "tv", "tv"]}, ("user_id", "device"))
    array([0, 2, 0], dtype=uint16)
    """
    if not entity:
        raise InputError("an entity names no column; name at least one")
    packed, size = 0, 1
    for name in entity:
        codes, width = _column_codes(take_column(columns, name))
        packed, size = packed * width + codes, size * width
        if size > MOST_ENTITIES:
            packed, size = _dense(packed)
    return packed.astype(np.uint16 if size <= 1 << 16 else np.int64, copy=False)


def stable_order(codes: np.ndarray, order: np.ndarray | None = None) -> np.ndarray:
    """Return the permutation that sorts non-negative integers and keeps ties as they stand.

    Parameters
    ----------
    codes : ndarray of int, shape (n,)
    order : ndarray of int, shape (n,), or None
        How the rows stand, where not as given.

    Notes
    -----
    Sorts by 16 bits at a time from the lowest: numpy sorts those by radix, in linear time.

    Examples
    --------
    >>> stable_order(np.array([70_000, 3, 70_000]))
    array([1, 0, 2])
    """
    if order is None:
        order = np.argsort(codes.astype(np.uint16), kind="stable")
    else:
        order = order[np.argsort(codes[order].astype(np.uint16), kind="stable")]
    for shift in range(16, int(codes.max(initial=0)).bit_length(), 16):
        digit = (codes[order] >> shift).astype(np.uint16)
        order = order[np.argsort(digit, kind="stable")]
    return order


def take_column(columns: Columns, name: str) -> np.ndarray:
    """Return a named column as an array.

    Raises
    ------
    InputError
        If it is missing.

    Examples
    --------
    >>> take_column({"ts": [1, 2]}, "ts")
    array([1, 2])
    """
    if name not in columns:
        raise InputError(f"column {name!r} is missing; the table has {sorted(map(str, columns))}")
    return np.asarray(columns[name])


def _column_codes(values: np.ndarray) -> tuple[np.ndarray, int]:
    if values.dtype.kind in "biu" and len(values):
        low, span = int(values.min()), int(values.max()) - int(values.min()) + 1
        if span <= max(1 << 16, 4 * len(values)):
            return values.astype(np.int64) - low, span
    codes, uniques = pd.factorize(values, use_na_sentinel=False)
    return codes.astype(np.int64, copy=False), max(len(uniques), 1)


def _dense(packed: np.ndarray) -> tuple[np.ndarray, int]:
    uniques, codes = np.unique(packed, return_inverse=True)
    return codes, len(uniques)


def comparable(values: np.ndarray) -> np.ndarray:
    """Return values as int64, float64 or object, all missing ones as NaN.

    Examples
    --------
    >>> comparable(np.array(["tv", None], dtype=object))
    array(['tv', nan], dtype=object)
    """
    if values.dtype.kind in "biu" and values.dtype != np.uint64:
        return values.astype(np.int64, copy=False)
    if values.dtype.kind == "f":
        return values.astype(np.float64, copy=False)
    values = values.astype(object)
    values[pd.isna(values)] = np.nan
    return values


class GrowingIndex:
    """Numbers 0, 1, ... for values in the order in which they are first seen.

    New values gather in a small table beside the large one, which is rebuilt only when it has
    grown by a quarter, so that adding costs no more than what is added.

    Examples
    --------
    >>> index = GrowingIndex()
    >>> index.find_or_add(np.array([7, 9, 7])), index.find(np.array([9, 8])), len(index)
    (array([0, 1, 0]), array([ 1, -1]), 2)
    """

    def __init__(self) -> None:
        self._tables: list[pd.Index] = []

    def __len__(self) -> int:
        return sum(map(len, self._tables))

    def find(self, values: np.ndarray) -> np.ndarray:
        """Return the number of each value, -1 where it is new; int64."""
        values = comparable(values)
        if not self._tables:
            return np.full(len(values), -1)
        found = self._tables[0].get_indexer(as_index(values)).astype(np.int64, copy=False)
        if len(self._tables) > 1:
            missing = np.flatnonzero(found < 0)
            recent = self._tables[1].get_indexer(as_index(values[missing]))
            found[missing] = np.where(recent < 0, -1, recent + len(self._tables[0]))
        return found

    def find_or_add(self, values: np.ndarray) -> np.ndarray:
        """Return the number of each value, giving new ones the next numbers."""
        values = comparable(values)
        found = self.find(values)
        new = found < 0
        if new.any():
            codes, uniques = pd.factorize(values[new], use_na_sentinel=False)
            found[new] = len(self) + codes
            self._add(as_index(uniques))
        return found

    def _add(self, values: pd.Index) -> None:
        head, tail = self._tables[:1], self._tables[1:]
        recent = tail[0].append(values) if tail else values
        if head and 4 * len(recent) > len(head[0]):
            head, recent = [head[0].append(recent)], None
        self._tables = [*head, *([] if recent is None else [recent])]


def as_index(values: np.ndarray) -> pd.Index:
    """Return an index of the same type as the values.

    Examples
    --------
    >>> as_index(np.array(["tv"], dtype=object)).dtype
    dtype('O')
    """
    # Without the type, pandas 3 turns text into a type of its own, unequal to mixed values.
    return pd.Index(values, dtype=values.dtype)

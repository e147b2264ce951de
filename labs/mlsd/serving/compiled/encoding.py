"""Ids and numbers of a request as a served model reads them: encoded in numpy, each once.

What training learns with `mlsd.features.encoders` stands here as plain arrays, so that a serving
process needs neither pandas nor the models.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from mlsd.runtime import InputError
from mlsd.runtime.hashing import mix64

Made = TypeVar("Made")


class RequestColumns:
    """The columns of a request's candidates; what several scorers read is made once.

    Parameters
    ----------
    columns : mapping of str to ndarray, shape (n,) each; histories (n, length)

    Examples
    --------
    >>> columns = RequestColumns({"ad_id": np.array([7, 8]), "age": np.array([1.5, 2.5])})
    >>> columns.ids(("ad_id",)).tolist(), columns.numbers(("age",)).tolist()
    ([[7], [8]], [[1.5], [2.5]])
    """

    def __init__(self, columns: Mapping[str, np.ndarray]) -> None:
        self._columns = columns
        self._made: dict[object, np.ndarray] = {}
        self.rows = len(next(iter(columns.values()), ()))

    def __getitem__(self, name: str) -> np.ndarray:
        """Return a column.

        Raises
        ------
        InputError
            If it is missing.
        """
        try:
            return self._columns[name]
        except KeyError:
            raise InputError(f"the served model reads {name!r}, which the request lacks") from None

    def ids(self, names: tuple[str, ...]) -> np.ndarray:
        """Return columns of whole numbers side by side, shape (n, names), int64."""
        return self.once(("ids", names), lambda: self._beside(names, np.int64))

    def numbers(self, names: tuple[str, ...]) -> np.ndarray:
        """Return columns of numbers side by side, shape (n, names), float64."""
        return self.once(("numbers", names), lambda: self._beside(names, np.float64))

    def once(self, key: object, make: Callable[[], np.ndarray]) -> np.ndarray:
        """Return what was made under a key, made now if it was not."""
        if key not in self._made:
            self._made[key] = make()
        return self._made[key]

    def _beside(self, names: tuple[str, ...], dtype: type) -> np.ndarray:
        matrix = np.empty((self.rows, len(names)), dtype)
        for place, name in enumerate(names):
            matrix[:, place] = self[name]
        return matrix


@dataclass(frozen=True, eq=False)
class IdCodes:
    """Codes 1, 2, ... of the ids seen in training, 0 for every other.

    Attributes
    ----------
    names : tuple of str
        Columns, one field each.
    low : ndarray of int64, shape (fields,)
        Least id of each field.
    size : ndarray of int64, shape (fields,)
        Length of each field's stretch of `table`; its last entry answers for ids outside.
    table : ndarray of int64
        Codes by id, one field after the other.

    Examples
    --------
    >>> codes = IdCodes(("ad_id",), np.array([5]), np.array([3]), np.array([2, 1, 0]))
    >>> codes.of(RequestColumns({"ad_id": np.array([5, 6, 7, -1])})).ravel()
    array([2, 1, 0, 0])
    """

    names: tuple[str, ...]
    low: np.ndarray
    size: np.ndarray
    table: np.ndarray

    def of(self, columns: RequestColumns) -> np.ndarray:
        """Return the codes of a request, shape (n, fields)."""
        return columns.once(self, lambda: self._codes(columns.ids(self.names), slice(None)))

    def of_field(self, ids: np.ndarray, field: int) -> np.ndarray:
        """Return the codes of ids of one field, in the shape of `ids`."""
        return self._codes(ids.astype(np.int64, copy=False), field)

    def _codes(self, ids: np.ndarray, fields: slice | int) -> np.ndarray:
        last = self.size[fields] - 1
        place = ids - self.low[fields]
        place = np.where((place >= 0) & (place < last), place, last)
        return self.table[place + (np.cumsum(self.size) - self.size)[fields]]


@dataclass(frozen=True, eq=False)
class NumberScale:
    """Numbers on the scale of training; a missing one is 0, and sets its indicator.

    Attributes
    ----------
    names : tuple of str
    heavy : ndarray of bool, shape (columns,)
        Where ``sign(x) log(1 + |x|)`` comes first.
    mean, factor : ndarray of float64, shape (columns,)
    indicated : ndarray of bool, shape (columns,)
        Columns with an indicator, which stand behind the numbers.
    clip : float
        Largest absolute value.

    Examples
    --------
    >>> one = np.ones(1)
    >>> scale = NumberScale(("age",), one < 0, 30 * one, 0.1 * one, one > 0, 10.0)
    >>> scale.of(RequestColumns({"age": np.array([40.0, np.nan])})).tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """

    names: tuple[str, ...]
    heavy: np.ndarray
    mean: np.ndarray
    factor: np.ndarray
    indicated: np.ndarray
    clip: float

    @property
    def size(self) -> int:
        """Number of outputs."""
        return len(self.names) + int(self.indicated.sum())

    def of(self, columns: RequestColumns) -> np.ndarray:
        """Return the scaled numbers of a request, float32, shape (n, columns + indicators)."""
        return columns.once(self, lambda: self._scaled(columns.numbers(self.names)))

    def _scaled(self, numbers: np.ndarray) -> np.ndarray:
        missing = ~np.isfinite(numbers)
        values = np.where(missing, 0.0, numbers)
        tails = values[:, self.heavy]
        values[:, self.heavy] = np.sign(tails) * np.log1p(np.abs(tails))
        scaled = np.clip((values - self.mean) * self.factor, -self.clip, self.clip)
        scaled[missing] = 0.0
        return np.hstack([scaled, missing[:, self.indicated]]).astype(np.float32)


@dataclass(frozen=True, eq=False)
class HashedIds:
    """Hash buckets of whole numbers, those of `mlsd.features.hash_buckets`.

    Attributes
    ----------
    names : tuple of str
    salts : ndarray of uint64, shape (fields,)
        What tells one column's value from another's.
    bits : int
        There are ``2**bits`` buckets.

    Examples
    --------
    >>> hashed = HashedIds(("ad_id",), np.zeros(1, np.uint64), 4)
    >>> hashed.of(RequestColumns({"ad_id": np.array([7, 7, 8])})).ravel()
    array([11, 11,  0])
    """

    names: tuple[str, ...]
    salts: np.ndarray
    bits: int

    def of(self, columns: RequestColumns) -> np.ndarray:
        """Return the buckets of a request, int64, shape (n, fields)."""
        mixed = mix64(columns.ids(self.names).view(np.uint64))
        return (mix64(mixed ^ self.salts) >> np.uint64(64 - self.bits)).astype(np.int64)

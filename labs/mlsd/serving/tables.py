"""Features of a request's candidates, from tables on the server."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from mlsd.runtime import InputError
from mlsd.serving.cache import TTLCache

Record = dict[str, np.ndarray]


class FeaturesByPair(Protocol):
    """Features of a value of the context together with each candidate."""

    key: str

    def columns(self, value: int, items: np.ndarray) -> Record:
        """Return the features of one value of the context `key` and n items, n rows each."""
        ...


@dataclass(frozen=True, eq=False)
class FeatureTable:
    """Features by id, for ids that count from 0; the last row answers for every other id.

    Parameters
    ----------
    columns : mapping of str to ndarray
        Shape (ids + 1,); or (ids + 1, values + 1), where the second axis is the value of the
        candidate's column `by`, the unknown value -1 last.
    by : str or None
        Needed where a column has two dimensions.

    Raises
    ------
    InputError
        If there is no column, or the columns differ in length.

    Examples
    --------
    >>> users = FeatureTable({"age_band": np.array([4, 2, -1])})
    >>> users.take(np.array([1, 99]))["age_band"]
    array([ 2, -1])
    """

    columns: Mapping[str, np.ndarray]
    by: str | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        lengths = {len(values) for values in self.columns.values()}
        if len(lengths) != 1 or lengths == {0}:
            raise InputError(f"feature table: columns have lengths {sorted(lengths)}; give one")
        if self.by is None and any(values.ndim > 1 for values in self.columns.values()):
            raise InputError("feature table: a column has two dimensions; name its second in `by`")

    @property
    def ids(self) -> int:
        """How many ids the table knows."""
        return len(next(iter(self.columns.values()))) - 1

    def record(self, key: int) -> Record:
        """Return one id's features: numbers, and vectors over the values of `by`."""
        row = key if 0 <= key < self.ids else self.ids
        return {name: values[row] for name, values in self.columns.items()}

    def take(self, keys: np.ndarray) -> Record:
        """Return the features of several ids, shape (n,) or (n, values) each."""
        rows = np.where((keys >= 0) & (keys < self.ids), keys, self.ids)
        return {name: values[rows] for name, values in self.columns.items()}


@dataclass(frozen=True, eq=False)
class HistoryTable:
    """What the request's user chose before: the same for every candidate.

    Attributes
    ----------
    key : str
        Name of the user in the context.
    table : mapping of str to ndarray, shape (ids + 1, length) each
        By id; the last row answers for every other id.

    Examples
    --------
    >>> past = HistoryTable("user_id", {"clicked_ad_id": np.array([[7, 5], [-1, -1]])})
    >>> past.columns(0, np.array([1, 2]))["clicked_ad_id"].tolist()
    [[7, 5], [7, 5]]
    """

    key: str
    table: Mapping[str, np.ndarray]

    def columns(self, value: int, items: np.ndarray) -> Record:
        """Return the histories of a user, shape (n, length) each."""
        record = {}
        for name, values in self.table.items():
            row = value if 0 <= value < len(values) - 1 else -1
            record[name] = np.broadcast_to(values[row], (len(items), values.shape[1]))
        return record


class CandidateFeatures:
    """Joins a request's context with the features of whom and what it names.

    Parameters
    ----------
    tables : mapping of str to FeatureTable
        By the name of the id: `item` for the candidates, any other for a value of the context.
    context : tuple of str
        Names that every request brings.
    item : str
    cache_size, cache_seconds : int, float
        Of the cache of context records. Candidates are read from their table directly.
    position : int
        Slot that every candidate is scored in.
    position_column : str or None
        What the model calls the slot; None where it has no such column.
    pairs : tuple of FeaturesByPair
        What depends on a value of the context and the candidate together.

    Attributes
    ----------
    cache : TTLCache

    Raises
    ------
    InputError
        If there is no table for `item`, or one for an id that is not in the context.

    Examples
    --------
    >>> ads = FeatureTable({"category": np.array([1, 0, -1])})
    >>> users = FeatureTable({"taste": np.array([[0.1, 0.9, 0], [0, 0, 0]])}, by="category")
    >>> lookup = CandidateFeatures({"ad_id": ads, "user_id": users}, context=("user_id",))
    >>> lookup.columns({"user_id": 0}, np.array([0, 1]))["taste"]
    array([0.9, 0.1])
    """

    def __init__(
        self,
        tables: Mapping[str, FeatureTable],
        *,
        context: tuple[str, ...],
        item: str = "ad_id",
        cache_size: int = 10_000,
        cache_seconds: float = 60.0,
        position: int = 0,
        position_column: str | None = "position",
        pairs: tuple[FeaturesByPair, ...] = (),
    ) -> None:
        strange = (set(tables) - {item, *context}) | {p.key for p in pairs} - set(context)
        if item not in tables or strange:
            raise InputError(f"tables are of {sorted(tables)}; give {item!r}, and of {context} any")
        self.tables, self.context, self.item = dict(tables), tuple(context), item
        self.position, self.position_column = position, position_column
        self.pairs = pairs
        self.cache: TTLCache[tuple[str, int], Record] = TTLCache(
            lambda key: self.tables[key[0]].record(key[1]),
            capacity=cache_size,
            seconds=cache_seconds,
        )

    def columns(self, context: Mapping[str, int], items: np.ndarray) -> Record:
        """Return one row for each candidate, as the model reads it.

        Parameters
        ----------
        context : mapping of str to int
        items : ndarray of int, shape (n,)

        Raises
        ------
        InputError
            If the context lacks a name.
        """
        rows = len(items)
        columns = {self.item: items, **self.tables[self.item].take(items)}
        if self.position_column is not None:
            columns[self.position_column] = np.full(rows, self.position, np.int8)
        for name in self.context:
            if name not in context:
                raise InputError(f"request: context lacks {name!r}; it needs {list(self.context)}")
            columns[name] = np.full(rows, context[name])
            if name in self.tables:
                columns |= self._joined(name, context[name], columns)
        for pair in self.pairs:
            columns |= pair.columns(context[pair.key], items)
        return columns

    def _joined(self, name: str, key: int, columns: Record) -> Record:
        by, rows = self.tables[name].by, len(columns[self.item])
        record = self.cache.get((name, key))
        return {
            name: values[columns[by]] if np.ndim(values) else np.full(rows, values)
            for name, values in record.items()
        }

"""Windows and decayed counters of a whole table at once."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from mlsd.features.definitions import DecayedCounter, Definition, TrailingWindow, check_outputs
from mlsd.features.entities import Columns, entity_codes, take_column
from mlsd.features.sums import RunningSum
from mlsd.features.timeline import EntityTimeline, Side
from mlsd.runtime import InputError


def compute_windows(
    columns: Columns, definitions: Iterable[Definition], *, time: str = "ts"
) -> dict[str, np.ndarray]:
    """Evaluate each definition as of every row.

    Parameters
    ----------
    columns : mapping of str to array, shape (n,) each, or DataFrame
        Entities, `time` and what is summed; rows in any order.
    definitions : iterable of TrailingWindow or DecayedCounter
    time : str
        Column of times, seconds since an origin.

    Returns
    -------
    dict of str to ndarray, shape (n,), float64
        By output name, in the order of the rows.

    Raises
    ------
    InputError
        If a column is missing, or a time or a summed value is not a finite number, or two
        definitions share a name.

    Notes
    -----
    One sort for each entity; for each edge of a window one search, where integer times are
    compared as they are and others by rank; sums are differences of running sums that carry their
    rounding errors along. Linear but for the searches.

    Examples
    --------
    >>> table = {"card": [1, 1, 1], "ts": [0, 30, 90], "amount": [5.0, 1.0, 2.0]}
    >>> last_minute = TrailingWindow(("card",), "sum", 60, column="amount", name="spent")
    >>> compute_windows(table, [last_minute])
    {'spent': array([0., 5., 1.])}
    """
    definitions = tuple(definitions)
    check_outputs(definitions)
    times = finite_column(columns, time)
    results = {}
    for entity in dict.fromkeys(definition.entity for definition in definitions):
        rows = _EntityRows(columns, entity, times)
        for definition in definitions:
            if definition.entity == entity:
                results[definition.output] = rows.evaluate(definition)
    return {definition.output: results[definition.output] for definition in definitions}


def finite_column(columns: Columns, name: str) -> np.ndarray:
    """Return a column of finite numbers as int64 or float64.

    Raises
    ------
    InputError
        If it is missing, is not numeric, or holds NaN or an infinity.

    Examples
    --------
    >>> finite_column({"ts": np.array([1, 2], np.int16)}, "ts").dtype
    dtype('int64')
    """
    values = take_column(columns, name)
    if values.dtype.kind not in "biuf":
        raise InputError(f"column {name!r} holds {values.dtype}; give numbers")
    if values.dtype.kind != "f":
        return values.astype(np.int64, copy=False)
    bad = np.flatnonzero(~np.isfinite(values))
    if bad.size:
        raise InputError(f"column {name!r}, row {bad[0]}: {values[bad[0]]}; give finite numbers")
    return values.astype(np.float64, copy=False)


class _EntityRows:
    """The rows of a table on one entity's timeline; every row is an event and a query."""

    def __init__(self, columns: Columns, entity: tuple[str, ...], times: np.ndarray) -> None:
        self.columns = columns
        self.timeline = EntityTimeline(entity_codes(columns, entity), times)
        self._positions: dict[tuple[float, Side], np.ndarray] = {}
        self._sums: dict[str, RunningSum] = {}

    def evaluate(self, definition: Definition) -> np.ndarray:
        """Return the value as of each row, in the order of the table."""
        if isinstance(definition, DecayedCounter):
            in_order = self._decayed(definition)
        else:
            in_order = self._window(definition)
        values = np.empty(len(in_order))
        values[self.timeline.order] = in_order
        return values

    def _window(self, window: TrailingWindow) -> np.ndarray:
        side = "right" if window.include_row else "left"
        first = self._edge(window.reach, side)
        last = self._edge(window.delay, side)
        count = (last - first).astype(np.float64)
        if window.statistic == "count":
            return count
        total = self._sum(window.column).between(first, last)
        if window.statistic == "sum":
            return total
        empty = np.nan if window.statistic == "mean" else 0.0
        return np.where(count > 0, total / np.maximum(count, 1.0), empty)

    def _decayed(self, counter: DecayedCounter) -> np.ndarray:
        timeline = self.timeline
        values = np.ones(len(timeline.times))
        if counter.column is not None:
            values = finite_column(self.columns, counter.column)[timeline.order]
        edge = self._edge(counter.delay, "right" if counter.include_row else "left")
        states = timeline.decayed(values, counter.half_life)
        moments = timeline.times - counter.delay
        return timeline.decayed_at(states, counter.half_life, timeline.codes, moments, edge)

    def _edge(self, back: float, side: Side) -> np.ndarray:
        """Position of the moment `back` seconds before each row."""
        if (back, side) not in self._positions:
            self._positions[back, side] = self.timeline.edges(back, side)
        return self._positions[back, side]

    def _sum(self, column: str) -> RunningSum:
        if column not in self._sums:
            values = finite_column(self.columns, column)
            self._sums[column] = RunningSum(values[self.timeline.order])
        return self._sums[column]

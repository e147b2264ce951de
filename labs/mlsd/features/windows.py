"""Windows and decayed counters of a whole table at once."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from mlsd.features.definitions import DecayedCounter, Definition, TrailingWindow, check_outputs
from mlsd.features.entities import Columns, entity_codes, take_column
from mlsd.features.sums import RunningSum, row_blocks
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
        chosen = [definition for definition in definitions if definition.entity == entity]
        results |= _evaluate(_EntityRows(columns, entity, times), chosen)
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


def _evaluate(table: _EntityRows, definitions: list[Definition]) -> dict[str, np.ndarray]:
    order = table.timeline.order
    results = {definition.output: np.empty(len(order)) for definition in definitions}
    for rows in row_blocks(len(order)):
        block = _Block(table, rows)
        for definition in definitions:
            results[definition.output][order[rows]] = block.value(definition)
    return results


class _EntityRows:
    """The rows of a table on one entity's timeline, with running and decayed sums on demand."""

    def __init__(self, columns: Columns, entity: tuple[str, ...], times: np.ndarray) -> None:
        self.columns = columns
        self.timeline = EntityTimeline(entity_codes(columns, entity), times)
        self._sums: dict[str, RunningSum] = {}
        self._states: dict[tuple[str | None, float], np.ndarray] = {}

    def sum(self, column: str) -> RunningSum:
        """Return the running sum of a column along the timeline."""
        if column not in self._sums:
            self._sums[column] = RunningSum(self._sorted(column))
        return self._sums[column]

    def states(self, column: str | None, half_life: float) -> np.ndarray:
        """Return the decayed sum after each event; of ones where no column is named."""
        if (column, half_life) not in self._states:
            values = np.ones(len(self.timeline.order)) if column is None else self._sorted(column)
            self._states[column, half_life] = self.timeline.decayed(values, half_life)
        return self._states[column, half_life]

    def _sorted(self, column: str) -> np.ndarray:
        return finite_column(self.columns, column)[self.timeline.order]


class _Block:
    """Some consecutive rows of a timeline, each asking for what came before it."""

    def __init__(self, table: _EntityRows, rows: slice) -> None:
        self.table, self.rows = table, rows
        self._edges: dict[tuple[float, Side], np.ndarray] = {}

    def value(self, definition: Definition) -> np.ndarray:
        """Return the definition's value as of each row of the block."""
        if isinstance(definition, DecayedCounter):
            return self._decayed(definition)
        return self._window(definition)

    def _window(self, window: TrailingWindow) -> np.ndarray:
        side = "right" if window.include_row else "left"
        first = self._edge(window.reach, side)
        last = self._edge(window.delay, side)
        count = (last - first).astype(np.float64)
        if window.statistic == "count":
            return count
        total = self.table.sum(window.column).between(first, last)
        if window.statistic == "sum":
            return total
        empty = np.nan if window.statistic == "mean" else 0.0
        return np.where(count > 0, total / np.maximum(count, 1.0), empty)

    def _decayed(self, counter: DecayedCounter) -> np.ndarray:
        timeline, rows = self.table.timeline, self.rows
        states = self.table.states(counter.column, counter.half_life)
        edge = self._edge(counter.delay, "right" if counter.include_row else "left")
        codes, moments = timeline.codes[rows], timeline.times[rows] - counter.delay
        return timeline.decayed_at(states, counter.half_life, codes, moments, edge)

    def _edge(self, back: float, side: Side) -> np.ndarray:
        """Return the position of the moment `back` seconds before each row."""
        if (back, side) not in self._edges:
            self._edges[back, side] = self.table.timeline.edges(back, side, self.rows)
        return self._edges[back, side]

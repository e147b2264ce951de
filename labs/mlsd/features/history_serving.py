"""The streaming twin of `ClickHistories`: keeps each user's last clicks as events come.

State is one row per user and column, newest click first, in arrays; every operation is vectorised
over a batch of events or candidates.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from mlsd.data.log import ColumnRoles
from mlsd.features.entities import Columns, GrowingIndex, take_column
from mlsd.features.log_moments import Refresh, refreshed
from mlsd.features.sums import row_blocks
from mlsd.features.timeline import EntityTimeline
from mlsd.features.windows import finite_column
from mlsd.runtime import InputError


class HistoryDefinition(Protocol):
    """What is remembered of a click, and how many clicks: `ClickHistories` is one."""

    columns: tuple[str, ...]
    length: int
    refresh: Refresh
    pad: int

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the outputs, one for each column."""
        ...


def blank_like(values: np.ndarray, pad: int) -> np.ndarray:
    """Return one absent value in an array of the type that a history of `values` has.

    Signed integers keep their type and are padded with `pad`; floats with NaN; all else becomes
    ``object``, padded with None.

    Raises
    ------
    InputError
        If `pad` does not fit the type.

    Examples
    --------
    >>> blank_like(np.array([3, 4], dtype=np.int16), -1), blank_like(np.array(["tv"]), -1)
    (array([-1], dtype=int16), array([None], dtype=object))
    """
    kind = values.dtype.kind
    if kind == "f":
        return np.full(1, np.nan, dtype=values.dtype)
    if kind not in "biu" or values.dtype == np.uint64:
        return np.full(1, None, dtype=object)
    dtype = values.dtype if kind == "i" else np.dtype(np.int64)
    if not np.iinfo(dtype).min <= pad <= np.iinfo(dtype).max:
        raise InputError(f"pad is {pad}, which {dtype} cannot hold; give a small negative number")
    return np.full(1, pad, dtype=dtype)


def clicked_values(columns: Columns, name: str, rows: np.ndarray, blank: np.ndarray) -> np.ndarray:
    """Return a column's values at some rows, in the type of `blank`.

    Raises
    ------
    InputError
        If a value is the pad value of an integer column.

    Examples
    --------
    >>> clicked_values({"ad_id": [7, 8]}, "ad_id", np.array([1]), np.array([-1]))
    array([8])
    """
    values = take_column(columns, name)[rows].astype(blank.dtype)
    if blank.dtype.kind == "i" and (values == blank[0]).any():
        raise InputError(f"column {name!r} holds the pad value {blank[0]}; give another pad")
    return values


def overlay_newest(
    table: np.ndarray, values: np.ndarray, first: np.ndarray, last: np.ndarray
) -> None:
    """Write ``values[last - 1], values[last - 2], ..., values[first]`` into each row, in place.

    Parameters
    ----------
    table : ndarray, shape (n, length)
        What does not fit is left out; what is not reached stays as it is.
    values : ndarray, shape (m,)
        Oldest first.
    first, last : ndarray of int, shape (n,)
        Stretch of `values` that belongs to each row.

    Examples
    --------
    >>> table = np.full((2, 2), -1)
    >>> overlay_newest(table, np.array([5, 6, 7]), np.array([0, 2]), np.array([2, 3]))
    >>> table
    array([[ 6,  5],
           [ 7, -1]])
    """
    steps = np.arange(1, table.shape[1] + 1)
    for rows in row_blocks(len(table)):
        places = last[rows, None] - steps
        present = places >= first[rows, None]
        table[rows][present] = values[places[present]]


@dataclass(frozen=True)
class _Clicks:
    """Clicks that are kept one by one: user's slot, arrival, and values by column."""

    slots: np.ndarray
    arrival: np.ndarray
    values: dict[str, np.ndarray]

    def take(self, chosen: np.ndarray) -> _Clicks:
        values = {name: each[chosen] for name, each in self.values.items()}
        return _Clicks(self.slots[chosen], self.arrival[chosen], values)

    def with_more(self, more: _Clicks) -> _Clicks:
        values = {n: np.concatenate([each, more.values[n]]) for n, each in self.values.items()}
        return _Clicks(
            np.append(self.slots, more.slots), np.append(self.arrival, more.arrival), values
        )


class ServingHistories:
    """Click histories of a deployment.

    Parameters
    ----------
    features : HistoryDefinition
        What is remembered; not changed.
    roles : ColumnRoles
        Of the log that the features were made for: what the columns of events are called.
    blanks : mapping of str to ndarray, shape (1,) each
        An absent value of each column, from `blank_like`.

    Notes
    -----
    A click counts for lookups after its `known_at`; events may come in any order, also ahead of
    it; of clicks known at the same moment the one handed over later is the newer. Lookups go
    forward in time: one that lies before a click which an earlier lookup has already counted is
    refused.
    """

    def __init__(
        self, features: HistoryDefinition, roles: ColumnRoles, blanks: Mapping[str, np.ndarray]
    ) -> None:
        self.features = features
        self.roles = roles
        self._users = GrowingIndex()
        self._blanks = dict(blanks)
        # The last row stays blank: it answers for unknown users, whose slot is -1.
        self._state = {
            n: np.repeat(blank[None], features.length, axis=1) for n, blank in blanks.items()
        }
        empty = {name: blank[:0] for name, blank in blanks.items()}
        self._waiting = _Clicks(np.zeros(0, dtype=np.int64), np.zeros(0), empty)
        self._folded_to = -np.inf
        self._newest = -np.inf

    def update(self, events: Columns) -> None:
        """Take in labelled impressions and remember the clicked ones.

        Parameters
        ----------
        events : DataFrame or mapping of str to array, shape (n,) each
            User, label, time, `known_at` where the log has one, and what is remembered.

        Raises
        ------
        InputError
            If a column is missing or a time is not finite.
        """
        arrival = finite_column(events, self.roles.known_at or self.roles.time).astype(np.float64)
        clicked = np.flatnonzero(take_column(events, self.roles.label) == 1)
        if not len(arrival):
            return
        self._newest = max(self._newest, float(arrival.max()))
        slots = self._users.find_or_add(take_column(events, self.roles.user)[clicked])
        values = {
            name: clicked_values(events, name, clicked, blank)
            for name, blank in self._blanks.items()
        }
        self._waiting = self._waiting.with_more(_Clicks(slots, arrival[clicked], values))

    def lookup(
        self, columns: Columns, now: np.ndarray | float | None = None
    ) -> dict[str, np.ndarray]:
        """Return the histories of the users of candidates, newest click first.

        Parameters
        ----------
        columns : DataFrame or mapping of str to array, shape (n,) each
            The users.
        now : float, ndarray of shape (n,), or None
            Moment of each row, seconds on the log's clock; None for after all events so far.

        Returns
        -------
        dict of str to ndarray, shape (n, length)
            Names and order as in ``ClickHistories.names``.

        Raises
        ------
        InputError
            If the user column is missing or the lookup goes back in time.
        """
        slots = self._users.find(take_column(columns, self.roles.user))
        now = np.nextafter(self._newest, np.inf) if now is None else now
        moments = np.broadcast_to(np.asarray(now, dtype=np.float64), slots.shape)
        as_of = refreshed(moments, self.features.refresh)
        if len(slots):
            self._fold(as_of.min())
        recent = self._waiting.take(self._waiting.arrival < as_of.max(initial=-np.inf))
        tables = self._merged(slots, as_of, recent)
        outputs = zip(self.features.names, self.features.columns)
        return {output: tables[name] for output, name in outputs}

    def _fold(self, moment: float) -> None:
        """Move clicks that arrived before `moment` into the state."""
        if moment <= self._folded_to:
            raise InputError(
                f"a lookup as of {moment:g} comes after one that counted clicks until "
                f"{self._folded_to:g}; look up in the order of time"
            )
        due = self._waiting.arrival < moment
        if not due.any():
            return
        clicks, self._waiting = self._waiting.take(due), self._waiting.take(~due)
        self._folded_to = float(clicks.arrival.max())
        slots = np.unique(clicks.slots)
        tables = self._merged(slots, np.full(len(slots), np.inf), clicks)
        self._grow(int(slots.max()) + 1)
        for name, state in self._state.items():
            state[slots] = tables[name]

    def _merged(self, slots: np.ndarray, as_of: np.ndarray, clicks: _Clicks) -> dict:
        """Return the state with clicks before each moment put in front, shape (n, length) each."""
        timeline = EntityTimeline(clicks.slots, clicks.arrival)
        last = timeline.positions(slots, as_of, "left")
        first = timeline.locate(slots, np.zeros(len(slots), dtype=np.int64))
        older = np.maximum(np.arange(self.features.length) - (last - first)[:, None], 0)
        tables = {}
        for name, state in self._state.items():
            known = np.minimum(slots, len(state) - 1)[:, None]
            tables[name] = state[known, older]
            overlay_newest(tables[name], clicks.values[name][timeline.order], first, last)
        return tables

    def _grow(self, slots: int) -> None:
        size = len(next(iter(self._state.values()))) - 1
        if slots <= size:
            return
        for name, state in self._state.items():
            more = np.repeat(state[-1:], max(slots, 2 * size) - size, axis=0)
            self._state[name] = np.concatenate([state, more])

"""Windows and decayed counters of a stream: the same definitions, one event after the other."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator

import numpy as np

from mlsd.features.definitions import DecayedCounter, Definition, TrailingWindow, check_outputs
from mlsd.features.entities import Columns, take_column
from mlsd.features.windows import finite_column
from mlsd.runtime import InputError

# A counter that has fallen below this is forgotten with its entity.
_NEGLIGIBLE = 2.0**-40


class StreamingWindows:
    """The streaming twin of `compute_windows`.

    Parameters
    ----------
    definitions : iterable of TrailingWindow or DecayedCounter
    time : str
        Column of times in the events, seconds since an origin.

    Notes
    -----
    An entity keeps the events that some later lookup can still need, those of its longest window,
    and for a decayed counter one number and the events of its delay; entities with nothing left
    are forgotten. So memory is bounded by the events within a window, whatever the length of the
    stream. Events may come late: they count from then on. Lookups do not go back behind the newest
    event or an earlier lookup, since what they would need may be gone.

    Examples
    --------
    >>> last_minute = TrailingWindow(("card",), "count", 60, name="payments")
    >>> stream = StreamingWindows([last_minute])
    >>> stream.update({"card": [1, 1], "ts": [0, 30]})
    >>> stream.lookup({"card": [1, 2]}, now=61)
    {'payments': array([1., 0.])}
    """

    def __init__(self, definitions: Iterable[Definition], *, time: str = "ts") -> None:
        self.definitions = tuple(definitions)
        check_outputs(self.definitions)
        self.time = time
        self._states = [_state_of(definition) for definition in self.definitions]
        self._now = -math.inf

    def update(self, events: Columns) -> None:
        """Take in events.

        Parameters
        ----------
        events : mapping of str to array, shape (n,) each, or DataFrame

        Raises
        ------
        InputError
            If a column is missing, or a time or summed value is not a finite number.
        """
        times = finite_column(events, self.time).tolist()
        amounts = [_amounts(events, definition, len(times)) for definition in self.definitions]
        if not times:
            return
        self._now = max(self._now, *times) if len(times) > 1 else max(self._now, times[0])
        for state, values in zip(self._states, amounts):
            for key, moment, value in zip(_keys(events, state.definition), times, values):
                state.add(key, moment, value, self._now)
            state.forget(self._now)

    def lookup(self, keys: Columns, now: float | np.ndarray) -> dict[str, np.ndarray]:
        """Return each definition's value for each key.

        Parameters
        ----------
        keys : mapping of str to array, shape (n,) each, or DataFrame
            Columns of the entities.
        now : float or ndarray of shape (n,)
            As of when.

        Returns
        -------
        dict of str to ndarray, shape (n,), float64

        Raises
        ------
        InputError
            If a column is missing or the lookup goes back in time.
        """
        results, moments = {}, np.asarray(now)
        if moments.size and moments.min() < self._now:
            raise InputError(
                f"lookup as of {moments.min()}, but time has come to {self._now}; look up in order"
            )
        for state in self._states:
            looked_up = list(_keys(keys, state.definition))
            times = np.broadcast_to(moments, (len(looked_up),)).tolist()
            values = [state.value(key, moment) for key, moment in zip(looked_up, times)]
            results[state.definition.output] = np.array(values, dtype=np.float64)
        self._now = max(self._now, moments.min()) if moments.size else self._now
        return results

    def __len__(self) -> int:
        """Return the number of events and counters kept, over all definitions and entities."""
        return sum(len(kept) for state in self._states for kept in state.entities.values())


def _keys(columns: Columns, definition: Definition) -> Iterator[tuple]:
    values = [take_column(columns, name).tolist() for name in definition.entity]
    # Missing values are equal to each other, as in the batch; NaN is not equal to itself.
    return zip(*([None if value != value else value for value in column] for column in values))


def _amounts(events: Columns, definition: Definition, rows: int) -> list[float]:
    if definition.column is None:
        return [1] * rows
    return finite_column(events, definition.column).tolist()


def _state_of(definition: Definition) -> _WindowState | _DecayState:
    if isinstance(definition, TrailingWindow):
        return _WindowState(definition)
    return _DecayState(definition)


class _Events:
    """Times and values of one entity's kept events, in time order."""

    __slots__ = ("times", "values")

    def __init__(self) -> None:
        self.times: list[float] = []
        self.values: list[float] = []

    def __len__(self) -> int:
        return len(self.times)

    def insert(self, moment: float, value: float) -> None:
        place = bisect_right(self.times, moment)
        self.times.insert(place, moment)
        self.values.insert(place, value)

    def drop(self, count: int) -> None:
        del self.times[:count], self.values[:count]


class _State:
    """What one definition keeps: events by entity, forgotten once no lookup can need them."""

    def __init__(self, definition: Definition) -> None:
        self.definition = definition
        self.entities: dict[tuple, _Events] = {}
        self.place = bisect_right if definition.include_row else bisect_left
        self.added = 0

    def forget(self, now: float) -> None:
        """Drop what has expired everywhere, once for as many events as there are entities."""
        if self.added > len(self.entities):
            self.added = 0
            for key in [key for key, kept in self.entities.items() if self.expire(kept, now)]:
                del self.entities[key]


class _WindowState(_State):
    def add(self, key: tuple, moment: float, value: float, now: float) -> None:
        self.added += 1
        events = self.entities.setdefault(key, _Events())
        events.insert(moment, value)
        self.expire(events, now)

    def expire(self, events: _Events, now: float) -> bool:
        """Drop events behind the window of all later lookups; say whether none is left."""
        events.drop(self.place(events.times, now - self.definition.reach))
        return not events.times

    def value(self, key: tuple, now: float) -> float:
        events, window = self.entities.get(key, _NO_EVENTS), self.definition
        first = self.place(events.times, now - window.reach)
        last = self.place(events.times, now - window.delay)
        if window.statistic == "count":
            return last - first
        total = math.fsum(events.values[first:last])
        if window.statistic == "sum":
            return total
        if first == last:
            return math.nan if window.statistic == "mean" else 0.0
        return total / (last - first)


class _Counter(_Events):
    """A decayed sum as of a moment, and the events that have not reached the edge yet."""

    __slots__ = ("moment", "total")

    def __init__(self) -> None:
        super().__init__()
        self.total, self.moment = 0.0, -math.inf

    def __len__(self) -> int:
        return 1 + len(self.times)

    def fold(self, moment: float, value: float, half_life: float) -> None:
        newest = max(self.moment, moment)
        self.total *= _decay(newest - self.moment, half_life) if self.total else 0.0
        self.total += value * _decay(newest - moment, half_life)
        self.moment = newest


class _DecayState(_State):
    definition: DecayedCounter

    def add(self, key: tuple, moment: float, value: float, now: float) -> None:
        self.added += 1
        counter = self.entities.setdefault(key, _Counter())
        counter.insert(moment, value)
        self.expire(counter, now)

    def expire(self, counter: _Counter, now: float) -> bool:
        """Fold events that all later lookups see; say whether nothing to speak of is left."""
        edge, half_life = now - self.definition.delay, self.definition.half_life
        passed = self.place(counter.times, edge)
        for moment, value in zip(counter.times[:passed], counter.values[:passed]):
            counter.fold(moment, value, half_life)
        counter.drop(passed)
        left = counter.total * _decay(edge - counter.moment, half_life) if counter.total else 0.0
        return not counter.times and abs(left) < _NEGLIGIBLE

    def value(self, key: tuple, now: float) -> float:
        counter = self.entities.get(key)
        if counter is None:
            return 0.0
        edge, half_life = now - self.definition.delay, self.definition.half_life
        reached = self.place(counter.times, edge)
        recent = zip(counter.times[:reached], counter.values[:reached])
        parts = [value * _decay(edge - moment, half_life) for moment, value in recent]
        if counter.total:
            parts.append(counter.total * _decay(edge - counter.moment, half_life))
        return math.fsum(parts)


def _decay(age: float, half_life: float) -> float:
    return 1.0 if math.isinf(half_life) else 2.0 ** (-age / half_life)


_NO_EVENTS = _Events()

"""Events by entity in time order, and sums over stretches of them: the kernel of all windows.

Everything is sorting, searching and running sums in numpy; no loop goes over rows or entities.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Literal

import numpy as np
import pandas as pd

from mlsd.runtime import InputError

Columns = Mapping[str, np.ndarray] | pd.DataFrame
Side = Literal["left", "right"]

_KEY_LIMIT = 1 << 62
# Weights stay within 2**256, far from overflow; what is older than a block weighs 2**-256 at most.
_HALF_LIVES_PER_BLOCK = 256.0


def entity_codes(columns: Columns, entity: tuple[str, ...]) -> np.ndarray:
    """Return one non-negative integer a row, equal for rows of the same entity.

    Parameters
    ----------
    columns : mapping of str to array, shape (n,) each, or DataFrame
    entity : tuple of str
        One column or a combination. Missing values are equal to each other.

    Returns
    -------
    ndarray of uint16 or int64, shape (n,)

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
        codes, width = _column_codes(_take(columns, name))
        if size * width >= _KEY_LIMIT:
            packed, size = _dense(packed)
        packed, size = packed * width + codes, size * width
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


class Clock:
    """Moments as whole numbers that compare with the times of events as the moments do.

    Parameters
    ----------
    times : ndarray, shape (n,)
        Of the events, seconds since an origin; integers or floats, in any order.
    limit : int
        What `span` should stay below where possible: integer times then count as they are, others
        by their rank among the times, which takes a search.

    Attributes
    ----------
    ranks : ndarray of int64, shape (n,)
        Of the events.
    span : int
        All ranks, those of moments included, are in [0, span].

    Examples
    --------
    >>> clock = Clock(np.array([1.5, 0.0, 1.5]))
    >>> clock.ranks, clock.rank(np.array([1.5, 9.0]), "left"), clock.rank(np.array([1.5]), "right")
    (array([1, 0, 1]), array([1, 2]), array([2]))
    """

    def __init__(self, times: np.ndarray, *, limit: int = 1 << 40) -> None:
        self._start = times.min() if len(times) else 0
        whole = times.dtype.kind in "iu" and int(np.ptp(times) if len(times) else 0) + 1 < limit
        self._distinct = None if whole else np.unique(times)
        if whole:
            self.span = int(np.ptp(times) if len(times) else 0) + 1
            self.ranks = times.astype(np.int64) - int(self._start)
        else:
            self.span = len(self._distinct)
            self.ranks = np.searchsorted(self._distinct, times, "left")

    def rank(self, moments: np.ndarray, side: Side) -> np.ndarray:
        """Return r such that exactly the events of rank below r are before each moment.

        With `side` ``"right"`` the events at the moment itself are before it too.
        """
        if self._distinct is not None:
            return np.searchsorted(self._distinct, moments, side)
        if moments.dtype.kind == "f":
            moments = np.ceil(moments) if side == "left" else np.floor(moments)
            moments = np.clip(moments, self._start - 1, self._start + self.span)
        offset = int(self._start) - (side == "right")
        return np.clip(moments.astype(np.int64) - offset, 0, self.span)


class EntityTimeline:
    """Events sorted by entity, then time; ties keep their order.

    Parameters
    ----------
    codes : ndarray of int, shape (n,)
        Entity of each event, from `entity_codes`.
    times : ndarray, shape (n,)
        Seconds since an origin.
    clock : Clock or None
        Of these times, where it exists already.

    Attributes
    ----------
    order : ndarray of int64, shape (n,)
        Row of each sorted event.
    codes, times : ndarray, shape (n,)
        Sorted.

    Examples
    --------
    >>> timeline = EntityTimeline(np.array([1, 0, 1]), np.array([5, 6, 8]))
    >>> timeline.order, timeline.positions(np.array([1, 0]), np.array([8, 9]), "left")
    (array([1, 0, 2]), array([2, 1]))
    """

    def __init__(self, codes: np.ndarray, times: np.ndarray, clock: Clock | None = None) -> None:
        self._entities = int(codes.max(initial=0)) + 1
        self.clock = clock or Clock(times, limit=_KEY_LIMIT // self._entities)
        in_order = len(times) < 2 or bool((times[1:] >= times[:-1]).all())
        by_time = None if in_order else np.argsort(times, kind="stable")
        self.order = stable_order(codes, by_time)
        self.codes, self.times = codes[self.order], times[self.order]
        self._keys = self._key(self.codes, self.clock.ranks[self.order])

    def _key(self, codes: np.ndarray, ranks: np.ndarray) -> np.ndarray:
        if self._entities * (self.clock.span + 1) >= _KEY_LIMIT:
            raise InputError("too many entities for the number of events; code them densely")
        return codes.astype(np.int64) * (self.clock.span + 1) + ranks

    def positions(self, codes: np.ndarray, moments: np.ndarray, side: Side) -> np.ndarray:
        """Return where each moment falls among the sorted events of its entity.

        Events of the entity before position p are before the moment (``"left"``), or not after it
        (``"right"``). Queries sorted by entity and time are found fastest.
        """
        return self.locate(codes, self.clock.rank(moments, side))

    def locate(self, codes: np.ndarray, ranks: np.ndarray) -> np.ndarray:
        """Return `positions` of moments that the clock has ranked."""
        return np.searchsorted(self._keys, self._key(codes, ranks), "left")

    @cached_property
    def _starts(self) -> np.ndarray:
        return _run_starts(self.codes)

    def decayed(self, values: np.ndarray, half_life: float) -> np.ndarray:
        """Return the decayed sum of each entity just after each event, shape (n,).

        ``S_i = sum over events j up to i of the entity of value_j 2**(-(t_i - t_j) / half_life)``.

        Parameters
        ----------
        values : ndarray, shape (n,)
            Sorted as the timeline is.
        half_life : float
            Seconds; infinity for no decay.

        Notes
        -----
        Within a block of 256 half-lives, values are scaled up to their growth since the block's
        first event, summed, and scaled down: no subtraction, so nothing cancels, and no overflow.
        An event further back than the block before counts as zero; its weight is below 2**-256.
        """
        if not len(values):
            return np.zeros(0)
        if np.isinf(half_life):
            return _running_sums(values.astype(np.float64), self._starts)
        block = np.floor((self.times - self.times.min()) / (_HALF_LIVES_PER_BLOCK * half_life))
        starts = self._starts if not block.any() else _run_starts(self.codes, block)
        lengths = np.diff(np.append(starts, len(values)))
        growth = np.exp2((self.times - np.repeat(self.times[starts], lengths)) / half_life)
        states = _running_sums(values * growth, starts) / growth
        if len(starts) > len(self._starts):
            self._carry(states, starts, lengths, half_life)
        return states

    def _carry(self, states: np.ndarray, starts, lengths, half_life: float) -> None:
        """Add, in place, what the block before left behind, for the same entity."""
        last = starts[1:] - 1
        amount = np.where(self.codes[last] == self.codes[starts[1:]], states[last], 0.0)
        amount = np.repeat(np.append(0.0, amount), lengths)
        since = self.times - np.repeat(np.append(0.0, self.times[last]), lengths)
        states += np.where(amount != 0, amount * np.exp2(-np.abs(since) / half_life), 0.0)

    def decayed_at(self, states: np.ndarray, found: tuple, half_life: float) -> np.ndarray:
        """Return decayed sums at moments, shape (q,).

        Parameters
        ----------
        states : ndarray, shape (n,)
            From `decayed`.
        found : tuple of codes, moments, positions
            Shape (q,) each; positions from `positions`.
        half_life : float
        """
        codes, moments, positions = found
        if not len(states):
            return np.zeros(len(codes))
        last = np.maximum(positions - 1, 0)
        present = (positions > 0) & (self.codes[last] == codes)
        if np.isinf(half_life):
            return np.where(present, states[last], 0.0)
        age = np.where(present, moments - self.times[last], 0)
        return np.where(present, states[last] * np.exp2(-age / half_life), 0.0)


class RunningSum:
    """Sums over stretches of an array, exact to a rounding or two whatever stands before them.

    The running sum carries the rounding error of every addition along (Knuth's two-sum), so the
    difference of two of its values does not suffer from their size. Integers are summed exactly.

    Examples
    --------
    >>> sums = RunningSum(np.array([1e16, 0.1, 0.2]))
    >>> sums.between(np.array([1]), np.array([3])).round(12).tolist()
    [0.3]
    """

    def __init__(self, values: np.ndarray) -> None:
        kind = np.float64 if values.dtype.kind == "f" else np.int64
        self._sum = np.zeros(len(values) + 1, dtype=kind)
        np.cumsum(values, out=self._sum[1:])
        self._error = None
        if kind is np.float64:
            before, after = self._sum[:-1], self._sum[1:]
            added = after - before
            error = (before - (after - added)) + (values - added)
            self._error = np.append(0.0, np.cumsum(error)) if error.any() else None

    def between(self, first: np.ndarray, last: np.ndarray) -> np.ndarray:
        """Return the sums of ``values[first:last]``, shape (q,), float64."""
        total = (self._sum[last] - self._sum[first]).astype(np.float64, copy=False)
        if self._error is not None:
            total += self._error[last] - self._error[first]
        return total


def _running_sums(values: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """Running sums that begin anew at each start.

    Runs are laid out as rows of rectangles, one for each power of two, and summed along the rows:
    fewer than twice the elements, at most 40 rectangles.
    """
    output = np.empty(len(values))
    lengths = np.diff(np.append(starts, len(values)))
    sizes = np.ceil(np.log2(np.maximum(lengths, 1))).astype(np.int64)
    for size in np.unique(sizes):
        chosen = sizes == size
        steps = np.arange(1 << size)
        index = starts[chosen][:, None] + steps
        inside = steps < lengths[chosen][:, None]
        sums = np.cumsum(values[np.minimum(index, len(values) - 1)], axis=1)
        output[index[inside]] = sums[inside]
    return output


def _run_starts(*columns: np.ndarray) -> np.ndarray:
    changes = np.logical_or.reduce([column[1:] != column[:-1] for column in columns])
    return np.flatnonzero(np.append(True, changes)) if len(columns[0]) else np.zeros(0, np.int64)


def _take(columns: Columns, name: str) -> np.ndarray:
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

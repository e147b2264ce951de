"""Events by entity in time order: where moments fall among them, and decayed sums.

With `entities` and `sums` it is the kernel of all windows: sorting, searching and running sums in
numpy; no loop goes over rows or entities.
"""

from __future__ import annotations

from functools import cached_property
from typing import Literal

import numpy as np

from mlsd.features.entities import stable_order
from mlsd.features.sums import run_starts, sums_by_run

Side = Literal["left", "right"]

MOST_RANKS = 1 << 31
# Weights stay within 2**256, far from overflow; what is older than a block weighs 2**-256 at most.
_HALF_LIVES_PER_BLOCK = 256.0


class Clock:
    """Moments as whole numbers that compare with the times of events as the moments do.

    Parameters
    ----------
    times : ndarray, shape (n,)
        Of the events, seconds since an origin; integers or floats, in any order.

    Attributes
    ----------
    ranks : ndarray of int64, shape (n,)
        Of the events.
    span : int
        All ranks, those of moments included, are in [0, span].

    Notes
    -----
    Integer times that span less than 2**31 count as they are; others by their rank among the
    times, which takes a search.

    Examples
    --------
    >>> clock = Clock(np.array([1.5, 0.0, 1.5]))
    >>> clock.ranks, clock.rank(np.array([1.5, 9.0]), "left"), clock.rank(np.array([1.5]), "right")
    (array([1, 0, 1]), array([1, 2]), array([2]))
    """

    def __init__(self, times: np.ndarray) -> None:
        self._start = times.min() if len(times) else 0
        span = times.max().item() - self._start.item() if len(times) else 0
        whole = times.dtype.kind in "iu" and span < MOST_RANKS
        self._distinct = None if whole else np.unique(times)
        if whole:
            self.span = int(span) + 1
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
        ranks = moments.astype(np.int64, copy=False) - offset
        return np.clip(ranks, 0, self.span, out=ranks)


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
        self.clock = clock or Clock(times)
        in_order = len(times) < 2 or bool((times[1:] >= times[:-1]).all())
        by_time = None if in_order else np.argsort(times, kind="stable")
        self.order = stable_order(codes, by_time)
        self.codes, self.times = codes[self.order], times[self.order]
        self._keys = self._first_key(self.codes)
        self._keys += self.clock.ranks[self.order]

    def _first_key(self, codes: np.ndarray) -> np.ndarray:
        return codes.astype(np.int64) * (self.clock.span + 1)

    def positions(self, codes: np.ndarray, moments: np.ndarray, side: Side) -> np.ndarray:
        """Return where each moment falls among the sorted events of its entity.

        Events of the entity before position p are before the moment (``"left"``), or not after it
        (``"right"``). Queries sorted by entity and time are found fastest.
        """
        return self.locate(codes, self.clock.rank(moments, side))

    def locate(self, codes: np.ndarray, ranks: np.ndarray) -> np.ndarray:
        """Return `positions` of moments that the clock has ranked."""
        return np.searchsorted(self._keys, self._first_key(codes) + ranks, "left")

    def edges(self, back: float, side: Side, rows: slice) -> np.ndarray:
        """Return `positions` of the moment `back` seconds before each of some sorted events."""
        ranks = self.clock.rank(self.times[rows] - back, side)
        wanted = self._first_key(self.codes[rows]) + ranks
        # In order as the events are, so the answers lie between those of the first and the last.
        first, last = np.searchsorted(self._keys, wanted[[0, -1]], "left")
        return first + np.searchsorted(self._keys[first:last], wanted, "left")

    @cached_property
    def _starts(self) -> np.ndarray:
        return run_starts(self.codes)

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
            return sums_by_run(values.astype(np.float64), self._starts)
        block = np.floor((self.times - self.times.min()) / (_HALF_LIVES_PER_BLOCK * half_life))
        starts = self._starts if not block.any() else run_starts(self.codes, block)
        lengths = np.diff(np.append(starts, len(values)))
        growth = np.exp2((self.times - np.repeat(self.times[starts], lengths)) / half_life)
        states = sums_by_run(values * growth, starts) / growth
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

    def decayed_at(
        self,
        states: np.ndarray,
        half_life: float,
        codes: np.ndarray,
        moments: np.ndarray,
        positions: np.ndarray,
    ) -> np.ndarray:
        """Return decayed sums at moments, shape (q,).

        Parameters
        ----------
        states : ndarray, shape (n,)
            From `decayed`.
        half_life : float
        codes, moments, positions : ndarray, shape (q,)
            Positions from `positions` of these codes and moments.
        """
        if not len(states):
            return np.zeros(len(codes))
        last = np.maximum(positions - 1, 0)
        present = (positions > 0) & (self.codes[last] == codes)
        if np.isinf(half_life):
            return np.where(present, states[last], 0.0)
        age = np.where(present, moments - self.times[last], 0)
        return np.where(present, states[last] * np.exp2(-age / half_life), 0.0)

"""What is made for a viewer once a day, when it is first asked for."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from mlsd.runtime.times import DAY

Arrays = tuple[np.ndarray, ...]


class Overnight:
    """Keeps a row of each of some arrays per viewer, and starts afresh every day.

    Examples
    --------
    >>> calls, kept = [], Overnight()
    >>> make = lambda users: calls.append(users.tolist()) or (users * 10,)
    >>> [kept.find(np.array(users), 0.0, make)[0].tolist() for users in ([3, 1, 3], [1])]
    [[30, 10, 30], [10]]
    >>> calls
    [[3, 1]]
    """

    def __init__(self) -> None:
        self._day = -1
        self._row: dict[int, int] = {}
        self._kept: Arrays | None = None

    def find(self, users: np.ndarray, ts: float, make: Callable[[np.ndarray], Arrays]) -> Arrays:
        """Return the rows of users at a time in seconds, made where the day has none yet.

        Parameters
        ----------
        users : ndarray of int, shape (n,)
        ts : float
            Seconds since the origin.
        make : callable
            From the ids of some users to arrays with a row for each; where a second axis differs
            in length from call to call, the shorter one is filled up with -1.
        """
        if int(ts // DAY) != self._day:
            self._day, self._row, self._kept = int(ts // DAY), {}, None
        new = np.array([each for each in dict.fromkeys(users.tolist()) if each not in self._row])
        if len(new):
            made, first = make(new), len(self._row)
            self._row.update(zip(new.tolist(), range(first, first + len(new))))
            self._kept = made if self._kept is None else _stacked(self._kept, made)
        rows = [self._row[each] for each in users.tolist()]
        return tuple(each[rows] for each in self._kept)


def _stacked(above: Arrays, below: Arrays) -> Arrays:
    """Stack arrays, the narrower one of a pair widened at its end by -1."""
    return tuple(np.concatenate(_as_wide(*pair)) for pair in zip(above, below))


def _as_wide(one: np.ndarray, other: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    if one.ndim < 2 or one.shape[1] == other.shape[1]:
        return one, other
    width = max(one.shape[1], other.shape[1])
    return _widened(one, width), _widened(other, width)


def _widened(array: np.ndarray, width: int) -> np.ndarray:
    more = [(0, 0), (0, width - array.shape[1]), *[(0, 0)] * (array.ndim - 2)]
    return np.pad(array, more, constant_values=-1)

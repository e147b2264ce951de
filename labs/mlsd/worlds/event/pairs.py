"""Numbers kept for pairs of a user and something else, looked up and changed many at a time."""

from __future__ import annotations

import numpy as np


class PairTable:
    """Sums by 64-bit key, of which few are changed between two look-ups.

    Keys lie sorted in two arrays, what changed lately in a short one, so that adding to a large
    table stays cheap. A copy (`copy.deepcopy`) goes on by itself.

    Examples
    --------
    >>> table = PairTable()
    >>> table.add(np.array([7, 3, 7]))
    >>> table.get(np.array([3, 5, 7])).tolist()
    [1, 0, 2]
    """

    def __init__(self) -> None:
        self._old = (np.zeros(0, np.int64), np.zeros(0, np.int32))
        self._new = (np.zeros(0, np.int64), np.zeros(0, np.int32))

    def __len__(self) -> int:
        """Return the number of keys, those in both arrays counted twice."""
        return len(self._old[0]) + len(self._new[0])

    def get(self, keys: np.ndarray) -> np.ndarray:
        """Return the sum of each key, of the shape of `keys`; 0 where there is none."""
        return _found(self._old, keys) + _found(self._new, keys)

    def add(self, keys: np.ndarray, amount: np.ndarray | None = None) -> None:
        """Add 1, or an amount, to each key, shape (n,); a key may stand there more than once."""
        if amount is None:
            amount = np.ones(len(keys), np.int32)
        self._new = _merged(self._new, (keys.astype(np.int64), amount.astype(np.int32)))

    def settle(self, kept: np.ndarray | None = None, modulus: int = 1) -> None:
        """Merge what changed lately into the rest: once a day, say.

        Parameters
        ----------
        kept : ndarray of bool or None
            Of each second half of a key, whether its keys are still needed.
        modulus : int
            A key is its first half times this, plus its second half.
        """
        self._old = _merged(self._old, self._new)
        self._new = (self._new[0][:0], self._new[1][:0])
        if kept is not None:
            there = kept[self._old[0] % modulus]
            self._old = (self._old[0][there], self._old[1][there])


def _found(table: tuple[np.ndarray, np.ndarray], keys: np.ndarray) -> np.ndarray:
    known, amount = table
    if not len(known):
        return np.zeros(keys.shape, np.int32)
    place = np.minimum(np.searchsorted(known, keys), len(known) - 1)
    return np.where(known[place] == keys, amount[place], 0)


def _merged(
    one: tuple[np.ndarray, np.ndarray], two: tuple[np.ndarray, np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    keys, amount = (np.concatenate(both) for both in zip(one, two, strict=True))
    order = np.argsort(keys, kind="stable")
    keys, amount = keys[order], amount[order]
    if not len(keys):
        return keys, amount
    first = np.flatnonzero(np.concatenate([[True], keys[1:] != keys[:-1]]))
    return keys[first], np.add.reduceat(amount, first, dtype=np.int32)

"""Sums over stretches of an array, and running sums that start over at each run."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

_BLOCK_ROWS = 1 << 15


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
        kind = np.float64 if values.dtype.kind == "f" or _too_large(values) else np.int64
        self._sum = np.zeros(len(values) + 1, dtype=kind)
        np.cumsum(values, dtype=kind, out=self._sum[1:])
        self._error = self._lost(values) if kind is np.float64 else None

    def _lost(self, values: np.ndarray) -> np.ndarray | None:
        """Return running sums of what the rounding of each addition lost, None if nothing."""
        lost = np.zeros(len(values) + 1)
        for rows in row_blocks(len(values)):
            before, value = self._sum[rows], values[rows]
            after = self._sum[rows.start + 1 : rows.stop + 1]
            added = after - before
            lost[rows.start + 1 : rows.stop + 1] = (before - (after - added)) + (value - added)
        return np.cumsum(lost, out=lost) if lost.any() else None

    def between(self, first: np.ndarray, last: np.ndarray) -> np.ndarray:
        """Return the sums of ``values[first:last]``, shape (q,), float64."""
        total = (self._sum[last] - self._sum[first]).astype(np.float64, copy=False)
        if self._error is not None:
            total += self._error[last] - self._error[first]
        return total


def row_blocks(rows: int) -> Iterator[slice]:
    """Yield slices that cover `rows` rows, short enough for what is made of them to stay in cache.

    Fresh memory costs more than arithmetic: a long array is handed out page by page.

    Examples
    --------
    >>> [rows.stop for rows in row_blocks(70_000)]
    [32768, 65536, 70000]
    """
    for start in range(0, rows, _BLOCK_ROWS):
        yield slice(start, min(start + _BLOCK_ROWS, rows))


def sums_by_run(values: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """Return running sums that start over with each run, shape (n,), float64.

    Parameters
    ----------
    values : ndarray, shape (n,)
    starts : ndarray of int, shape (runs,)
        Positions at which runs begin; the first is 0.

    Notes
    -----
    Runs are laid out as rows of rectangles, one for each power of two, and summed along the rows:
    fewer than twice the elements, at most 40 rectangles.

    Examples
    --------
    >>> sums_by_run(np.array([1.0, 2.0, 4.0]), np.array([0, 2]))
    array([1., 3., 4.])
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


def run_starts(*columns: np.ndarray) -> np.ndarray:
    """Return the positions at which any of the columns, shape (n,) each, changes; the first is 0.

    Examples
    --------
    >>> run_starts(np.array([5, 5, 7]))
    array([0, 2])
    """
    change = np.zeros(len(columns[0]), dtype=bool)
    change[:1] = True
    for column in columns:
        change[1:] |= column[1:] != column[:-1]
    return np.flatnonzero(change)


def _too_large(values: np.ndarray) -> bool:
    if values.dtype.kind == "b" or not len(values):
        return False
    largest = max(abs(int(values.min())), abs(int(values.max())))
    return largest * len(values) >= 1 << 62

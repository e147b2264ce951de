"""Hashed rows cut into mini-batches, sorted by coordinate many batches at a time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from mlsd.features.sums import run_starts

MAX_BATCH = 64


class Entries(NamedTuple):
    """The non-zero entries of one mini-batch, grouped by coordinate.

    Attributes
    ----------
    bucket : array, shape (groups,)
        The distinct coordinates.
    start : array, shape (groups,)
        First entry of each coordinate.
    group, row : array, shape (entries,)
        Position in `bucket`, and row within the batch.
    value : array of float64, shape (entries,)
        How often the row names the coordinate.
    """

    bucket: np.ndarray
    start: np.ndarray
    group: np.ndarray
    row: np.ndarray
    value: np.ndarray


class MiniBatches:
    """Mini-batches of hashed rows, with every coordinate of a batch listed once.

    One sort serves all batches, so that a batch costs a few slices. A row that names a coordinate
    twice (two fields in one bucket) has one entry of value 2.

    Parameters
    ----------
    buckets : array of int64, shape (rows, fields)
    batch_size : int
        At most `MAX_BATCH`.

    Examples
    --------
    >>> (rows, entries), = MiniBatches(np.array([[3, 3], [5, 3]]), 2)
    >>> entries.bucket, entries.row, entries.value
    (array([3, 5]), array([0, 1, 1]), array([2., 1., 1.]))
    """

    def __init__(self, buckets: np.ndarray, batch_size: int) -> None:
        self.rows, self.batch_size = len(buckets), batch_size
        self.batches = -(-self.rows // batch_size)
        span = int(buckets.max(initial=0)) + 1
        batch, row = np.divmod(np.arange(self.rows), batch_size)
        key = np.sort(((batch[:, None] * span + buckets) * MAX_BATCH + row[:, None]).ravel())
        first = run_starts(key)
        self.value = np.diff(first, append=len(key)).astype(np.float64)
        place, self.row = np.divmod(key[first], MAX_BATCH)
        self.start = run_starts(place)
        group_batch, self.bucket = np.divmod(place[self.start], span)
        self.first_group = np.searchsorted(group_batch, np.arange(self.batches + 1))
        self.first_entry = np.append(self.start, len(place))[self.first_group]
        within = np.arange(len(self.start)) - self.first_group[group_batch]
        self.group = np.repeat(within, np.diff(self.start, append=len(place)))

    def __iter__(self) -> Iterator[tuple[slice, Entries]]:
        for number in range(self.batches):
            rows = slice(number * self.batch_size, (number + 1) * self.batch_size)
            groups = slice(self.first_group[number], self.first_group[number + 1])
            entries = slice(self.first_entry[number], self.first_entry[number + 1])
            yield (
                rows,
                Entries(
                    self.bucket[groups],
                    self.start[groups] - entries.start,
                    self.group[entries],
                    self.row[entries],
                    self.value[entries],
                ),
            )

"""Boosted trees scored for a request's candidates at once, by ANDing bit masks of leaves."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from mlsd.serving.compiled.encoding import IdCodes, RequestColumns


@dataclass(frozen=True, eq=False)
class FieldMasks:
    """What the values of one categorical column rule out.

    Attributes
    ----------
    field : int
        Which of the codes' columns.
    row : ndarray of int32, shape (codes,)
        Row of `masks` for each code.
    masks : ndarray of unsigned int, shape (rows, trees)
        Bits of the leaves that can still be reached.
    """

    field: int
    row: np.ndarray
    masks: np.ndarray


@dataclass(frozen=True, eq=False)
class NumberMasks:
    """What the values of one numeric column rule out.

    Attributes
    ----------
    place : int
        Which of the numeric columns.
    thresholds : ndarray of float32, shape (k,)
        Ascending.
    masks : ndarray of unsigned int, shape (k + 2, trees)
        By the number of thresholds below the value; for a missing value the last row.
    """

    place: int
    thresholds: np.ndarray
    masks: np.ndarray

    def rows(self, numbers: np.ndarray) -> np.ndarray:
        """Return the row of `masks` for each number, shape (n,)."""
        # A missing value is sorted behind all thresholds, as a large one is.
        below = self.thresholds.searchsorted(numbers, "left")
        return below + np.isnan(numbers)


@dataclass(frozen=True, eq=False)
class TreeMasks:
    """The sum of the leaves that each candidate reaches, one in each tree.

    Every split rules out the leaves of its left side where its condition is false. What is left of
    a tree when all its splits are evaluated is one bit mask, whose lowest bit is the leaf that is
    reached (QuickScorer). All masks that belong to one value of one column are ANDed beforehand, so
    that a column costs one look-up for all trees, however many of their splits read it.

    Attributes
    ----------
    codes : IdCodes or None
    numeric : tuple of str
    by_field : tuple of FieldMasks
    by_number : tuple of NumberMasks
    leaves : ndarray of float64, shape (trees, leaves)
        Value of each leaf, from left to right.

    References
    ----------
    Lucchese et al., QuickScorer: a Fast Algorithm to Rank Documents with Additive Ensembles of
    Regression Trees, SIGIR 2015.

    Examples
    --------
    One tree, which asks whether x is at most 2:

    >>> masks = np.array([[0b11], [0b10], [0b10]], np.uint16)
    >>> split = NumberMasks(0, np.array([2.0], np.float32), masks)
    >>> trees = TreeMasks(None, ("x",), (), (split,), np.array([[-1.0, 1.0]]))
    >>> trees.score(RequestColumns({"x": np.array([1.0, 2.0, 3.0])}))
    array([-1., -1.,  1.])
    """

    codes: IdCodes | None
    numeric: tuple[str, ...]
    by_field: tuple[FieldMasks, ...]
    by_number: tuple[NumberMasks, ...]
    leaves: np.ndarray

    def score(self, columns: RequestColumns) -> np.ndarray:
        """Return the sum of the leaves, shape (n,)."""
        reached = self._reached(columns)
        # The exponent of the lowest bit alone, as a single, is the place of the bit.
        lowest = (reached & (~reached + np.ones((), reached.dtype))).astype(np.float32)
        leaf = (lowest.view(np.int32) >> 23) + self._before_first
        return self.leaves.ravel().take(leaf).sum(axis=1)

    @cached_property
    def _before_first(self) -> np.ndarray:
        """Place of each tree's first leaf, less the bias of a single's exponent."""
        trees, leaves = self.leaves.shape
        return (np.arange(trees) * leaves - 127).astype(np.int32)

    def _reached(self, columns: RequestColumns) -> np.ndarray:
        """Return the bits of the leaves that no split rules out, shape (n, trees)."""
        kind = np.dtype(f"u{mask_bytes(self.leaves.shape[1])}")
        reached = np.full((columns.rows, len(self.leaves)), np.iinfo(kind).max, kind)
        # What all candidates share, such as the user's own values, is looked up once.
        shared = reached[0].copy() if columns.rows else reached
        for masks, rows in self._looked_up(columns):
            if len(rows) == 1:
                shared &= masks[rows[0]]
            else:
                reached &= masks.take(rows, axis=0)
        reached &= shared
        return reached

    def _looked_up(self, columns: RequestColumns) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield the masks of each column, and the row of each candidate, or one row for all."""
        if self.by_field:
            codes = _by_column(self.codes.of(columns))
            for field in self.by_field:
                yield field.masks, field.row[codes[field.field]]
        numbers = _by_column(columns.numbers(self.numeric).astype(np.float32))
        for number in self.by_number:
            yield number.masks, number.rows(numbers[number.place])


def _by_column(matrix: np.ndarray) -> list[np.ndarray]:
    """Return the columns of a matrix, one value where all are equal."""
    same = (matrix == matrix[:1]).all(axis=0).tolist()
    columns = np.ascontiguousarray(matrix.T)
    return [column[:1] if equal else column for column, equal in zip(columns, same)]


def mask_bytes(leaves: int) -> int:
    """Return how many bytes a mask of so many leaves takes: 2, 4 or 8.

    Examples
    --------
    >>> mask_bytes(15), mask_bytes(31)
    (2, 4)
    """
    return 2 if leaves <= 16 else 4 if leaves <= 32 else 8

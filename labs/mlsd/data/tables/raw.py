"""A table as it lies on disk, with what is needed to name one of its cells in a message."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NoReturn

import pyarrow as pa
import pyarrow.compute

from mlsd.data.sections import did_you_mean
from mlsd.runtime import InputError

NUMBER = re.compile(r"[+-]?(\d+[.,]?\d*|[.,]\d+)([eE][+-]?\d+)?")
OTHER_DELIMITERS = (";", "\t", "|")


@dataclass(frozen=True)
class Piece:
    """One of several files of which a table is made: name, number of rows, first row."""

    file: str
    rows: int
    first_row: int | None = None


@dataclass(frozen=True)
class RawTable:
    """A table with what is needed to name one of its cells in a message.

    Attributes
    ----------
    file : str
        Name for messages.
    table : pyarrow.Table
    first_row : int or None
        Number of the first data row in a text file, where the first line is row 1; None for a
        table without lines, whose rows are counted from 0.
    pieces : tuple of Piece
        The files of the table in the order of its rows, where there are several.
    partitions : tuple of str
        Columns that come from folders named ``column=value``.
    decimal : str
        Between the whole and the fraction of a number written as text.
    missing : tuple of str
        Texts that stand for a missing value in any column, beside the usual ones.
    """

    file: str
    table: pa.Table
    first_row: int | None = None
    pieces: tuple[Piece, ...] = ()
    partitions: tuple[str, ...] = ()
    decimal: str = "."
    missing: tuple[str, ...] = ()

    def row(self, index: int) -> str:
        """Return the name of the row at position `index`; with the line, where the two differ.

        Examples
        --------
        >>> RawTable("log.csv", pa.table({"title": ["two\\nlines", "b"]}), first_row=2).row(1)
        'row 3 (line 4)'
        """
        piece, start = self._piece(index)
        if piece.first_row is None:
            return f"row index {index - start} (counted from 0)"
        row = index - start + piece.first_row
        broken = self._line_ends(start, index - start)
        return f"row {row}" if broken == 0 else f"row {row} (line {row + broken})"

    def _piece(self, index: int) -> tuple[Piece, int]:
        """Return the file that holds a row, and the position of its first row."""
        start = 0
        for piece in self.pieces:
            if index < start + piece.rows:
                return piece, start
            start += piece.rows
        return Piece(self.file, self.table.num_rows, self.first_row), 0

    def _line_ends(self, start: int, rows: int) -> int:
        """Count the line ends inside the cells of the rows from `start` on."""
        part = self.table.slice(start, rows)
        texts = (column for column in part.columns if pa.types.is_string(column.type))
        counts = (pa.compute.sum(pa.compute.count_substring(text, "\n")) for text in texts)
        return sum(count.as_py() or 0 for count in counts)

    def fail(self, column: str, problem: str, row: int | None = None) -> NoReturn:
        """Raise the one-line error that names file, row where there is one, and column."""
        if row is None:
            raise InputError(f"{self.file}: column {column!r} {problem}")
        file = self._piece(int(row))[0].file
        raise InputError(f"{file}: {self.row(int(row))}, column {column!r} {problem}")

    def column(self, name: str) -> pa.ChunkedArray:
        """Return a column by name.

        Raises
        ------
        InputError
            When the table has no such column; the message says what it may be called instead.
        """
        position = self.table.schema.get_field_index(name)
        if position < 0:
            self._fail_without(name)
        return self.table.column(position)

    def _fail_without(self, name: str) -> NoReturn:
        names = self.table.column_names
        known = ", ".join(map(repr, names[:20])) + (", ..." if len(names) > 20 else "")
        advice = "correct [columns] or the table"
        if self.first_row == 2 and looks_like_data(names):
            advice = f"is the first line data? {names_advice(len(names))}"
        elif delimiter := other_delimiter(names):
            advice = f"is {delimiter!r} the delimiter? {delimiter_advice(delimiter)}"
        hint = did_you_mean(name, names)
        raise InputError(
            f"{self.file}: column {name!r} is missing; {hint and hint + ' '}"
            f"the table has {known}; {advice}"
        )


def looks_like_data(names: Sequence[str]) -> bool:
    """Whether a header is rather the first row of a table without one: a quarter is numbers.

    Examples
    --------
    >>> looks_like_data(["0", "1700000370", "phone"]), looks_like_data(["click", "ts", "y2"])
    (True, False)
    """
    return 4 * sum(NUMBER.fullmatch(name.strip()) is not None for name in names) >= len(names) > 0


def names_advice(count: int) -> str:
    """Return the line that gives names to a table without a header."""
    return f'a table without a header needs names = ["...", ...] in [table], {count} of them'


def other_delimiter(names: Sequence[str]) -> str | None:
    """Return the delimiter that a header of one column contains, or None.

    Examples
    --------
    >>> other_delimiter(["click;ts;user"]), other_delimiter(["click", "a|b"])
    (';', None)
    """
    if len(names) != 1:
        return None
    found = {delimiter: names[0].count(delimiter) for delimiter in (*OTHER_DELIMITERS, ",")}
    best = max(found, key=found.__getitem__)
    return best if found[best] else None


def delimiter_advice(delimiter: str) -> str:
    """Return the line that declares a delimiter."""
    written = "\\t" if delimiter == "\t" else delimiter
    return f'add delimiter = "{written}" to [table]'

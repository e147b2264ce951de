"""Text tables: CSV, TSV and their like."""

from __future__ import annotations

import csv
import io
import re
import zlib
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import pyarrow as pa
import pyarrow.csv

from mlsd.data.tables.opening import open_file
from mlsd.data.tables.raw import RawTable, delimiter_advice, other_delimiter
from mlsd.runtime import InputError

# Arrow holds a row in one block. The second is for a log with a field of megabytes.
BLOCK_SIZES = (1 << 20, 64 << 20)
# A block of a wide table holds so many bytes a column, lest a column come in hundreds of pieces.
COLUMN_BYTES = 1 << 12


BEGINNINGS = {
    b"\x1f\x8b": ("packed by gzip", "add .gz to its name"),
    b"\x28\xb5\x2f\xfd": ("packed by zstd", "add .zst to its name"),
    b"PAR1": ("a Parquet file", "name it .parquet"),
    b"PK\x03\x04": ("a zip archive or a workbook", "unpack it, or save it as CSV"),
}


@dataclass(frozen=True)
class TextFile:
    """A text table on disk and how it is written."""

    path: Path
    delimiter: str
    encoding: str
    quoted: bool

    def read(self, names: Sequence[str] | None) -> RawTable:
        """Return the table, all text; without `names` the first line is the header.

        Raises
        ------
        InputError
            When it cannot be read; the message names the row where there is one.
        """
        self._check_beginning()
        try:
            first = self._first_row()
            header = list(names) if names else first
            self._check_header(header, first, given=bool(names))
            table = self._body(len(header))
        except UnicodeError:
            self._fail_at_bad_text()
        except (EOFError, OSError, zlib.error) as error:
            self._fail(f"cannot be read, truncated or damaged ({error}); write or fetch it again")
        except (pa.ArrowException, csv.Error, MemoryError) as error:
            if "invalid UTF8" in str(error):
                self._fail_at_bad_text()
            self._fail_at_bad_row(str(error), "for {} names" if names else "the header has {}")
        self._check_last_quote(table)
        table = _without_blank_end(table if names else table.slice(1))
        return RawTable(self.path.name, table.rename_columns(header), 1 if names else 2)

    def _fail(self, problem: str) -> NoReturn:
        raise InputError(f"{self.path.name}: {problem}")

    def _check_beginning(self) -> None:
        """Refuse what is no text by its first bytes, which say what it is."""
        with open_file(self.path) as stream, suppress(OSError, EOFError, zlib.error):
            beginning = stream.read(4)
            for magic, (what, advice) in BEGINNINGS.items():
                if beginning.startswith(magic):
                    self._fail(f"is {what}, not text; {advice}")

    def _rows(self) -> Iterator[tuple[int, list[str]]]:
        """Every row after the line on which it begins, read slowly."""
        encoding = "utf-8-sig" if self.encoding == "utf8" else self.encoding
        quoting = csv.QUOTE_MINIMAL if self.quoted else csv.QUOTE_NONE
        with open_file(self.path) as stream, io.TextIOWrapper(stream, encoding, newline="") as text:
            rows = csv.reader(text, delimiter=self.delimiter, quoting=quoting)
            line = 1
            for row in rows:
                yield line, row
                line = rows.line_num + 1

    def _first_row(self) -> list[str]:
        _, row = next(self._rows(), (1, []))
        return row

    def _check_header(self, header: list[str], first: list[str], *, given: bool) -> None:
        if not first:
            self._fail("the first line is empty; give a header line")
        if given and first == header:
            self._fail("the first line holds the names already; leave [table] names out")
        delimiter = other_delimiter(first)
        if delimiter and delimiter != self.delimiter:
            self._fail(
                f"the first line is one field that contains {delimiter!r}; is {delimiter!r} the "
                f"delimiter? {delimiter_advice(delimiter)}"
            )

    def _body(self, columns: int) -> pa.Table:
        try:
            return self._parsed(columns, max(BLOCK_SIZES[0], COLUMN_BYTES * columns))
        except pa.ArrowInvalid as error:
            if "straddling" not in str(error):
                raise
        return self._parsed(columns, BLOCK_SIZES[1])

    def _parsed(self, columns: int, block_size: int) -> pa.Table:
        numbered = [str(number) for number in range(columns)]
        with open_file(self.path) as stream:
            return pa.csv.read_csv(
                stream,
                # One thread, because only then does a broken row know its number.
                pa.csv.ReadOptions(
                    column_names=numbered,
                    use_threads=False,
                    encoding=self.encoding,
                    block_size=block_size,
                ),
                pa.csv.ParseOptions(
                    delimiter=self.delimiter,
                    quote_char='"' if self.quoted else False,
                    newlines_in_values=self.quoted,
                    ignore_empty_lines=False,
                ),
                pa.csv.ConvertOptions(column_types=dict.fromkeys(numbered, pa.string())),
            )

    def _fail_at_bad_row(self, reason: str, wanted: str) -> NoReturn:
        """Say what Arrow found wrong; it names a row with too few or too many fields."""
        # Not by Arrow's handler of invalid rows: it drops such a row where it is not UTF-8 either.
        found = re.match(r".*?Row #(\d+): Expected (\d+) columns, got (\d+)", reason)
        if "straddling" in reason:
            self._fail(
                f"a field is longer than {BLOCK_SIZES[1] >> 20} MB, beginning near row "
                f"{self._long_row()}; is a quote not closed?"
            )
        if found is None:
            self._fail(f"is not a readable table ({reason[:120]})")
        row, expected, fields = map(int, found.groups())
        self._fail(
            f"row {row}{self._line_of(row)} has {fields} field{'' if fields == 1 else 's'}, "
            f"{wanted.format(expected)}; "
            "correct the row (a value that contains the delimiter needs quotes)"
        )

    def _long_row(self) -> int:
        """Return the first row with a field beyond the limit of Python's reader, 128 kB."""
        row = 1
        try:
            for _ in self._rows():
                row += 1
        except csv.Error:
            pass
        return row

    def _line_of(self, row: int) -> str:
        """Return the line on which a row begins, in brackets, where it has another number."""
        try:
            lines = (line for number, (line, _) in enumerate(self._rows(), 1) if number == row)
            line = next(lines, row)
        except (csv.Error, UnicodeError):
            return ""
        return "" if line == row else f" (line {line})"

    def _check_last_quote(self, table: pa.Table) -> None:
        """Refuse a quote that swallows the rest of the file, which Arrow takes for a field."""
        last = table.column(-1)[-1].as_py() if table.num_rows else ""
        if not self.quoted or "\n" not in last:
            return
        with open_file(self.path) as stream:
            quotes = sum(block.count(b'"') for block in iter(lambda: stream.read(1 << 20), b""))
        if quotes % 2:
            row = table.num_rows
            self._fail(f"row {row}{self._line_of(row)} opens a quote that is never closed")

    def _fail_at_bad_text(self) -> NoReturn:
        try:
            with open_file(self.path) as stream:
                lines = (number for number, line in enumerate(stream, 1) if not self._decodes(line))
                where = f"line {next(lines)}"
        except (StopIteration, EOFError, OSError, zlib.error):
            where = "the table"
        self._fail(f"{where} is not {self.encoding.upper()} text; save the file as UTF-8")

    def _decodes(self, line: bytes) -> bool:
        try:
            line.decode(self.encoding)
        except UnicodeError:
            return False
        return True


def _without_blank_end(table: pa.Table) -> pa.Table:
    """Drop the rows at the end in which nothing stands, where blank lines are not empty cells."""
    rows = table.num_rows if table.num_columns > 1 else 0
    while rows and all(column[rows - 1].as_py() == "" for column in table.columns):
        rows -= 1
    return table.slice(0, rows) if table.num_columns > 1 else table

"""Read a table from disk as it is, or say in one line why it cannot be read.

Text columns stay text here: what a cell means depends on its role (:mod:`mlsd.data.columns`).
"""

from __future__ import annotations

import csv
import gzip
import io
import re
import zlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from mlsd.runtime import InputError

DELIMITERS = {".csv": ",", ".tsv": "\t"}
PARQUET = (".parquet", ".pq")
_UNREADABLE = (pa.ArrowException, OSError, EOFError, ValueError, zlib.error, MemoryError)


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
    """

    file: str
    table: pa.Table
    first_row: int | None = None

    def row(self, index: int) -> str:
        """Name of the row at position `index`."""
        if self.first_row is None:
            return f"row index {index} (counted from 0)"
        return f"row {index + self.first_row}"

    def fail(self, column: str, problem: str, row: int | None = None) -> NoReturn:
        """Raise the one-line error that names file, row where there is one, and column."""
        where = "" if row is None else f"{self.row(int(row))}, "
        raise InputError(f"{self.file}: {where}column {column!r} {problem}")

    def column(self, name: str) -> pa.ChunkedArray:
        """Return a column by name.

        Raises
        ------
        InputError
            When the table has no such column; the message lists those it has.
        """
        if name not in self.table.column_names:
            known = ", ".join(self.table.column_names[:20])
            raise InputError(
                f"{self.file}: column {name!r} is missing; the table has {known}; "
                "correct [columns] or the table"
            )
        return self.table.column(name)


def _open(path: Path) -> io.BufferedIOBase:
    return gzip.open(path) if path.suffix == ".gz" else path.open("rb")


def _require_file(path: Path) -> None:
    try:
        is_folder, exists = path.is_dir(), path.exists()
    except (OSError, ValueError) as error:
        raise InputError(f"{path!s}: is not a usable path ({error})") from None
    if is_folder:
        raise InputError(f"{path}: is a folder; give the path of a file")
    if not exists:
        raise InputError(f"{path}: no such file; correct the path")


def read_table(
    path: Path | str,
    *,
    delimiter: str | None = None,
    names: Sequence[str] | None = None,
    encoding: str = "utf8",
    quoted: bool = True,
) -> RawTable:
    """Read CSV, TSV or Parquet, plain or gzipped.

    Parameters
    ----------
    path : path
        The suffix decides: ``.csv``, ``.tsv``, ``.parquet`` or ``.pq``, each also with ``.gz``.
    delimiter : str, optional
        One character between fields; makes any other suffix a text table.
    names : sequence of str, optional
        Column names of a text file that has no header line.
    encoding : str
        Of a text file.
    quoted : bool
        Whether double quotes enclose fields of a text file.

    Returns
    -------
    RawTable
        Text files give text columns, empty cells are ``""``.

    Raises
    ------
    InputError
        File missing, a folder, of unknown type, damaged, empty, not UTF-8, with two columns of one
        name, or with a row that has more or fewer fields than the header.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "log.csv"
    >>> _ = path.write_text("click,device\\n0,phone\\n1\\n")
    >>> read_table(path)
    Traceback (most recent call last):
    ...
    mlsd.runtime.errors.InputError: ...log.csv: row 3 has 1 field, the header has 2; ...
    """
    path = Path(path)
    _require_file(path)
    kind = Path(path.stem).suffix.lower() if path.suffix == ".gz" else path.suffix.lower()
    if kind in PARQUET:
        raw = RawTable(path.name, _read_parquet(path))
    elif delimiter or kind in DELIMITERS:
        text = _TextFile(path, delimiter or DELIMITERS[kind], encoding, quoted)
        raw = text.read(names)
    else:
        raise InputError(
            f"{path.name}: unknown type of table; name it .csv, .tsv or .parquet (also .gz), "
            "or give [table] delimiter"
        )
    _check_names(raw)
    return raw


def _check_names(raw: RawTable) -> None:
    repeated = [name for name, count in Counter(raw.table.column_names).items() if count > 1]
    if repeated:
        raise InputError(
            f"{raw.file}: column {repeated[0]!r} stands twice in the header; rename one of them"
        )
    if raw.table.num_rows == 0:
        raise InputError(f"{raw.file}: the table is empty; it needs at least three rows")


def _read_parquet(path: Path) -> pa.Table:
    try:
        with _open(path) as stream:
            data = stream.read() if path.suffix == ".gz" else None
        source = pa.BufferReader(data) if data is not None else path
        # ParquetFile, not read_table: the latter turns folders named a=1 into columns.
        with pa.parquet.ParquetFile(source) as file:
            table = file.read()
        table.validate(full=True)
    except _UNREADABLE as error:
        reason = str(error).splitlines()[0][:120] if str(error) else type(error).__name__
        raise InputError(
            f"{path.name}: no readable Parquet file, truncated or damaged ({reason}); "
            "write or fetch it again"
        ) from None
    return table


@dataclass(frozen=True)
class _TextFile:
    path: Path
    delimiter: str
    encoding: str
    quoted: bool

    def read(self, names: Sequence[str] | None) -> RawTable:
        try:
            header = list(names) if names else self._header()
            table = self._body(header)
        except UnicodeError:
            self._fail_at_bad_text()
        except (EOFError, OSError, zlib.error) as error:
            raise InputError(
                f"{self.path.name}: cannot be read, truncated or damaged ({error}); "
                "write or fetch it again"
            ) from None
        except (pa.ArrowException, csv.Error, MemoryError) as error:
            if "invalid UTF8" in str(error):
                self._fail_at_bad_text()
            self._fail(str(error))
        table = table if names else table.slice(1)
        return RawTable(self.path.name, table.rename_columns(header), 1 if names else 2)

    def _header(self) -> list[str]:
        encoding = "utf-8-sig" if self.encoding == "utf8" else self.encoding
        quoting = csv.QUOTE_MINIMAL if self.quoted else csv.QUOTE_NONE
        with _open(self.path) as stream, io.TextIOWrapper(stream, encoding, newline="") as text:
            rows = csv.reader(text, delimiter=self.delimiter, quoting=quoting)
            header = next(rows, None)
        if not header:
            raise InputError(f"{self.path.name}: the first line is empty; give a header line")
        return header

    def _body(self, header: list[str]) -> pa.Table:
        numbered = [str(number) for number in range(len(header))]
        with _open(self.path) as stream:
            return pa.csv.read_csv(
                stream,
                # One thread, because only then does a broken row know its number.
                pa.csv.ReadOptions(
                    column_names=numbered, use_threads=False, encoding=self.encoding
                ),
                pa.csv.ParseOptions(
                    delimiter=self.delimiter,
                    quote_char='"' if self.quoted else False,
                    newlines_in_values=self.quoted,
                    ignore_empty_lines=False,
                ),
                pa.csv.ConvertOptions(column_types=dict.fromkeys(numbered, pa.string())),
            )

    def _fail(self, reason: str) -> NoReturn:
        """Say what Arrow found wrong; it names a row with too few or too many fields."""
        # Not by Arrow's handler of invalid rows: it drops such a row where it is not UTF-8 either.
        found = re.match(r".*?Row #(\d+): Expected (\d+) columns, got (\d+)", reason)
        if found is None:
            raise InputError(f"{self.path.name}: is not a readable table ({reason[:120]})")
        row, expected, fields = found.groups()
        raise InputError(
            f"{self.path.name}: row {row} has {fields} field{'' if fields == '1' else 's'}, "
            f"the header has {expected}; "
            "correct the row (a value that contains the delimiter needs quotes)"
        )

    def _fail_at_bad_text(self) -> NoReturn:
        try:
            with _open(self.path) as stream:
                rows = (number for number, line in enumerate(stream, 1) if not self._decodes(line))
                where = f"row {next(rows)}"
        except (StopIteration, EOFError, OSError, zlib.error):
            where = "the table"
        raise InputError(
            f"{self.path.name}: {where} is not {self.encoding.upper()} text; save the file as UTF-8"
        )

    def _decodes(self, line: bytes) -> bool:
        try:
            line.decode(self.encoding)
        except UnicodeError:
            return False
        return True

"""One file as a table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet

from mlsd.data.tables.opening import PACKED, UNREADABLE, open_file, require_file, table_suffix
from mlsd.data.tables.raw import RawTable, looks_like_data, names_advice
from mlsd.data.tables.text import TextFile
from mlsd.runtime import InputError

DELIMITERS = {".csv": ",", ".tsv": "\t"}
PARQUET = (".parquet", ".pq")


def read_table(
    path: Path | str,
    *,
    delimiter: str | None = None,
    names: Sequence[str] | None = None,
    encoding: str = "utf8",
    quoted: bool = True,
    may_be_empty: bool = False,
) -> RawTable:
    """Read CSV, TSV or Parquet, plain or packed by gzip or zstd.

    Parameters
    ----------
    path : path
        The suffix decides: ``.csv``, ``.tsv``, ``.parquet`` or ``.pq``, each also with ``.gz``
        or ``.zst``.
    delimiter : str, optional
        One character between fields; makes any other suffix a text table.
    names : sequence of str, optional
        Column names of a text file that has no header line.
    encoding : str
        Of a text file.
    quoted : bool
        Whether double quotes enclose fields of a text file.
    may_be_empty : bool
        Whether a table without a row is one.

    Returns
    -------
    RawTable
        Text files give text columns, empty cells are ``""``.

    Raises
    ------
    InputError
        File missing, a folder, of unknown type, damaged, empty, not UTF-8, with two columns of one
        name, with a header that looks like data or contains another delimiter, or with a row that
        has more or fewer fields than the header.

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
    require_file(path)
    kind = table_suffix(path)
    if kind in PARQUET:
        _refuse_names(path, names)
        raw = RawTable(path.name, _read_parquet(path))
    elif delimiter or kind in DELIMITERS:
        text = TextFile(path, delimiter or DELIMITERS[kind], encoding, quoted)
        raw = text.read(names)
    else:
        raise InputError(
            f"{path.name}: unknown type of table; name it .csv, .tsv or .parquet (also .gz or "
            ".zst), or give [table] delimiter"
        )
    _check_names(raw)
    if raw.table.num_rows == 0 and not may_be_empty:
        raise InputError(f"{raw.file}: the table is empty; give it rows")
    return raw


def _refuse_names(path: Path, names: Sequence[str] | None) -> None:
    if names is not None:
        raise InputError(
            f"{path.name}: [table] names is for text without a header, and a Parquet file brings "
            "its own names; leave it out"
        )


def _check_names(raw: RawTable) -> None:
    names = raw.table.column_names
    repeated = [name for name, count in Counter(names).items() if count > 1]
    if repeated and raw.first_row == 2 and looks_like_data(names):
        shown = ", ".join(map(repr, names[:4]))
        raise InputError(
            f"{raw.file}: the first line looks like data, not like names ({shown}, ...); "
            f"{names_advice(len(names))}"
        )
    if repeated:
        raise InputError(
            f"{raw.file}: column {repeated[0]!r} stands twice in the header; rename one of them"
        )


def _read_parquet(path: Path) -> pa.Table:
    try:
        source = path
        if path.suffix.lower() in PACKED:
            with open_file(path) as stream:
                source = pa.BufferReader(stream.read())
        # ParquetFile, not read_table: the latter turns folders named a=1 into columns.
        with pa.parquet.ParquetFile(source) as file:
            table = file.read()
        table.validate(full=True)
    except UNREADABLE as error:
        reason = str(error).splitlines()[0][:120] if str(error) else type(error).__name__
        raise InputError(
            f"{path.name}: no readable Parquet file, truncated or damaged ({reason}); "
            "write or fetch it again"
        ) from None
    return table

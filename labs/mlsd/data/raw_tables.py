"""The tables of a spec as they lie on disk, and the one line for a row of one of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from mlsd.data.locations import data_root
from mlsd.data.sources import read_source
from mlsd.data.spec import LogSpec
from mlsd.data.splits import PARTS
from mlsd.data.tables import RawTable, read_tables

ITEMS = "items"


def read_raw_tables(spec: LogSpec, root: Path | str | None = None) -> dict[str, RawTable]:
    """Read the table, or the three, of a spec; of a public source also its table of items.

    Parameters
    ----------
    spec : LogSpec
    root : path, optional
        As in :func:`mlsd.data.load_log`.

    Raises
    ------
    InputError
        When one of them cannot be read.
    """
    table = spec.table
    if table.source:
        tables = read_source(table.source, data_root(root) / table.folder)
        return {part: tables[part] for part in ("all", *PARTS, ITEMS) if part in tables}
    folder = Path(root) if root is not None else spec.file.parent
    tables = {
        part: read_tables(folder, path, delimiter=table.delimiter, names=table.names or None)
        for part, path in table.paths.items()
    }
    return {
        part: replace(raw, decimal=table.decimal, missing=table.missing)
        for part, raw in tables.items()
    }


def fail_at_row(tables: Mapping[str, RawTable], column: str, problem: str, row: int) -> None:
    """Raise the one-line error for a row of the tables below each other.

    Raises
    ------
    InputError
        Names the file and the row in it.

    Examples
    --------
    >>> import pyarrow as pa
    >>> tables = {part: RawTable(part, pa.table({"user": ["a", ""]})) for part in ("train", "test")}
    >>> fail_at_row(tables, "user", "is empty", 3)
    Traceback (most recent call last):
    ...
    mlsd.runtime.errors.InputError: test: row index 1 (counted from 0), column 'user' is empty
    """
    for raw in tables.values():
        if row < raw.table.num_rows:
            raw.fail(column, problem, row)
        row -= raw.table.num_rows

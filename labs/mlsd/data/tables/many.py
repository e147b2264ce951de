"""A folder, a pattern or one file, read as one table."""

from __future__ import annotations

import glob
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote

import pyarrow as pa

from mlsd.data.tables.opening import table_suffix
from mlsd.data.tables.raw import Piece, RawTable
from mlsd.data.tables.reading import PARQUET, read_table
from mlsd.runtime import InputError

NO_PARTITION = "__HIVE_DEFAULT_PARTITION__"


def read_tables(
    folder: Path,
    path: str,
    *,
    delimiter: str | None = None,
    names: Sequence[str] | None = None,
) -> RawTable:
    """Read one file, or all files of a folder or pattern below each other.

    Parameters
    ----------
    folder : path
        Where a relative `path` starts.
    path : str
        A file, a folder, or a pattern such as ``logs/*.parquet`` or ``**/part-*.csv.gz``. Files are
        read in the order of their names; those whose name, or whose folder's name, begins with a
        dot or an underscore are skipped, and so are those without a row, as Spark writes them for
        an empty part, where another has rows. Folders below called ``day=2023-11-14``, as Spark,
        DuckDB and Hive write them, become a text column ``day``.
    delimiter, names
        As in :func:`read_table`.

    Raises
    ------
    InputError
        No file, a file that cannot be read, or files whose columns differ.

    Examples
    --------
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> for day in (1, 2):
    ...     (folder / f"day={day}").mkdir()
    ...     _ = (folder / f"day={day}" / "part.csv").write_text("click\\n0\\n")
    >>> read_tables(folder, "*/part.csv").table.to_pylist()
    [{'click': '0', 'day': '1'}, {'click': '0', 'day': '2'}]
    """
    files, base = _find_files(folder, path)
    if files is None:
        return read_table(base, delimiter=delimiter, names=names)
    # An empty text file is a part without rows, an empty Parquet file is a broken one.
    written = [file for file in files if file.stat().st_size or table_suffix(file) in PARQUET]
    tables = [
        _with_partitions(
            read_table(file, delimiter=delimiter, names=names, may_be_empty=True), file, base
        )
        for file in written or files
    ]
    tables = [raw for raw in tables if raw.table.num_rows]
    if not tables:
        raise InputError(f"{base}: no file in it has a row; the table needs at least three")
    return _stacked(tables, Path(path).name or path)


def _find_files(folder: Path, path: str) -> tuple[list[Path] | None, Path]:
    """Return the files, none for a single one, and the folder below which partitions begin."""
    whole = folder / path
    try:
        is_folder, exists = whole.is_dir(), whole.exists()
    except (OSError, ValueError) as error:
        raise InputError(f"{whole!s}: is not a usable path ({error})") from None
    if exists and not is_folder or not (is_folder or _is_pattern(path)):
        return None, whole
    pattern = f"{glob.escape(path)}/**" if is_folder else path
    found = sorted(glob.glob(pattern, root_dir=folder, recursive=True))
    base = whole if is_folder else folder / _literal_part(path)
    files = [folder / name for name in found if (folder / name).is_file()]
    files = [file for file in files if not _is_hidden(file.relative_to(base))]
    if not files:
        raise InputError(
            f"{whole}: no file {'in it' if is_folder else 'matches'}; correct the path"
        )
    return files, base


def _literal_part(pattern: str) -> Path:
    """Return the folders of a pattern before its first part with a wildcard."""
    parts = Path(pattern).parts
    magic = next(position for position, part in enumerate(parts) if _is_pattern(part))
    return Path(*parts[:magic])


def _is_pattern(path: str) -> bool:
    return any(sign in path for sign in "*?[")


def _is_hidden(path: Path) -> bool:
    return any(part.startswith((".", "_")) for part in path.parts)


def _with_partitions(raw: RawTable, file: Path, base: Path) -> RawTable:
    """Name the table by its path below `base`, and add its partitions as columns."""
    below = file.relative_to(base)
    pairs = [part.partition("=") for part in below.parts[:-1] if "=" in part]
    values = {unquote(key): unquote(value) for key, _, value in pairs}
    table, added = raw.table, []
    for name, value in values.items():
        if name not in table.column_names:
            cell = pa.scalar(None if value == NO_PARTITION else value, pa.string())
            table = table.append_column(name, pa.repeat(cell, table.num_rows))
            added.append(name)
    return replace(raw, file=below.as_posix(), table=table, partitions=tuple(added))


def _stacked(tables: Sequence[RawTable], name: str) -> RawTable:
    first = tables[0]
    for raw in tables[1:]:
        _check_same_columns(first, raw)
    try:
        table = pa.concat_tables([raw.table for raw in tables], promote_options="permissive")
    except pa.ArrowException:
        _fail_by_type(tables)
        raise
    pieces = tuple(Piece(raw.file, raw.table.num_rows, raw.first_row) for raw in tables)
    return RawTable(name, table, first.first_row, pieces, first.partitions)


def _check_same_columns(first: RawTable, raw: RawTable) -> None:
    ours, theirs = set(first.table.column_names), set(raw.table.column_names)
    for name in _ordered(ours ^ theirs, (*first.table.column_names, *raw.table.column_names)):
        has, lacks = (first, raw) if name in ours else (raw, first)
        raise InputError(
            f"{lacks.file}: column {name!r} is missing, which {has.file} has; the files of one "
            "table need the same columns"
        )


def _ordered(names: set[str], order: Iterable[str]) -> list[str]:
    return [name for name in order if name in names]


def _fail_by_type(tables: Sequence[RawTable]) -> None:
    """Name the first column whose types do not fit together."""
    first = tables[0].table.schema
    for raw in tables[1:]:
        for field in first:
            other = raw.table.schema.field(field.name)
            try:
                pa.unify_schemas(
                    [pa.schema([field]), pa.schema([other])], promote_options="permissive"
                )
            except pa.ArrowException:
                raise InputError(
                    f"{raw.file}: column {field.name!r} is of type {other.type}, in "
                    f"{tables[0].file} of type {field.type}; write all files with one type"
                ) from None

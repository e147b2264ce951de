"""Features of items beside a log of interactions: a table, or arrays in an ``.npz`` file."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from mlsd.data.columns import category_column, number_column
from mlsd.data.columns.cells import numbers, shown
from mlsd.data.spec import LogSpec
from mlsd.data.tables import RawTable, read_tables
from mlsd.data.tables.opening import require_file
from mlsd.runtime import InputError

ITEM_ID = "item_id"
NUMBERS = (pa.types.is_integer, pa.types.is_floating, pa.types.is_boolean, pa.types.is_decimal)
FEW_TEXTS = 0.1  # a column with as few texts beside its numbers was meant as numbers


def read_items(
    spec: LogSpec, given: RawTable | None, chosen: pd.Series, *, root: Path | str | None = None
) -> dict[str, pd.DataFrame]:
    """Return the table of items under ``items``, nothing where the spec names none.

    Parameters
    ----------
    spec : LogSpec
    given : RawTable or None
        The table that a public source brings.
    chosen : Series
        Item of each interaction: the ids of the table become what these are, numbers or text.
    root : path, optional
        Where a relative path starts; by default the folder of the spec.

    Returns
    -------
    dict of str to DataFrame
        ``items``: `item_id`, distinct, and a column per feature: float64 (NaN for missing) where
        all that is filled is a number, else int64 or text. A vector, as a list in Parquet or a
        matrix in ``.npz``, becomes columns ``name_0``, ``name_1`` and so on. Items that nobody
        chose are kept: they can be recommended.

    Raises
    ------
    InputError
        For a file that cannot be read, an id that is missing, twice there or of another kind than
        those of the log, or vectors of unequal length.
    """
    if spec.items is None:
        return {}
    raw = given if spec.items.path is None else _read(spec, root)
    if raw is None:
        raise InputError(f"{spec.file.name}: [items] lacks path; {spec.name} brings no items")
    _check_named(spec, raw)
    columns = [pd.DataFrame({ITEM_ID: _ids(raw, spec.items.id, chosen)})]
    left_out, called = {spec.items.id, *spec.items.ignore}, {ITEM_ID}
    for name in (name for name in raw.table.column_names if name not in left_out):
        feature = _feature(raw, name, is_category=name in spec.items.categorical)
        for each in called.intersection(feature):
            other = "the ids are" if each == ITEM_ID else "another feature is"
            raw.fail(name, f"would be called {each!r}, as {other}; rename it, or {_ignore(name)}")
        called.update(feature)
        columns.append(feature)
    return {"items": pd.concat(columns, axis=1)}


def _check_named(spec: LogSpec, raw: RawTable) -> None:
    """Require the columns that ``[items]`` names."""
    names = raw.table.column_names
    if spec.items.id not in names:
        known = ", ".join(map(repr, names[:20])) + (", ..." if len(names) > 20 else "")
        raise InputError(
            f"{raw.file}: column {spec.items.id!r} of the items' ids is missing; the table has "
            f'{known or "nothing"}: say which they are, as in id = "film_id" in [items]'
        )
    for name in (*spec.items.categorical, *spec.items.ignore):
        raw.column(name)


def _ignore(name: str) -> str:
    return f"leave it out by {_line('ignore', name)} in [items]"


def _line(key: str, name: str) -> str:
    return f"{key} = {json.dumps([name], ensure_ascii=False)}"


def _read(spec: LogSpec, root: Path | str | None) -> RawTable:
    folder = Path(root) if root is not None else spec.file.parent
    if Path(spec.items.path).suffix.lower() == ".npz":
        return _read_arrays(folder / spec.items.path)
    raw = read_tables(folder, spec.items.path, delimiter=spec.table.delimiter)
    return replace(raw, decimal=spec.table.decimal, missing=spec.table.missing)


def _read_arrays(path: Path) -> RawTable:
    require_file(path)
    try:
        file = np.load(path, allow_pickle=False)
        if isinstance(file, np.ndarray):
            raise ValueError("one array without a name; write it by np.savez, the ids beside it")
        with file:
            arrays = {name: file[name] for name in file.files}
    except Exception as error:  # of zip, of zlib, of numpy, and of Python's own tokenizer
        raise InputError(f"{path.name}: no readable .npz file ({str(error)[:120]})") from None
    sizes = {name: array.shape[0] if array.ndim else -1 for name, array in arrays.items()}
    for name, array in arrays.items():
        if array.ndim not in (1, 2) or sizes[name] != max(sizes.values()):
            raise InputError(
                f"{path.name}: array {name!r} has shape {array.shape}; give one row per item, "
                f"{max(sizes.values())} as in the longest"
            )
    columns = {name: _as_column(path, name, array) for name, array in arrays.items()}
    return RawTable(path.name, pa.table(columns))


def _as_column(path: Path, name: str, array: np.ndarray) -> pa.Array:
    width = array.shape[1] if array.ndim == 2 else 1
    native = array.astype(array.dtype.newbyteorder("="))
    try:
        values = pa.array(native.ravel())
        return values if array.ndim == 1 else pa.FixedSizeListArray.from_arrays(values, width)
    except pa.ArrowException:
        found = f"of type {array.dtype}" if width else "of rows without a number"
        raise InputError(
            f"{path.name}: array {name!r} is {found}; give numbers or text, or {_ignore(name)}"
        ) from None


def _ids(raw: RawTable, name: str, chosen: pd.Series) -> pd.Series:
    """Return the ids as the log has them."""
    ids = category_column(raw, name)
    empty = np.flatnonzero((ids == "").to_numpy())
    if empty.size:
        raw.fail(name, "is empty; give each item its id", int(empty[0]))
    twice = np.flatnonzero(ids.duplicated().to_numpy())
    if twice.size:
        cell = shown(raw.column(name), twice[0])
        raw.fail(name, f"is {cell}, which stands above; give one row per item", int(twice[0]))
    numbers, wanted = (pd.api.types.is_integer_dtype(each) for each in (ids, chosen))
    if numbers == wanted:
        return ids
    if not wanted:
        return ids.astype(str)
    wrong = np.flatnonzero(~ids.str.fullmatch(r"-?\d{1,18}").to_numpy())
    if wrong.size:
        problem = f"is {ids[wrong[0]]!r}, where the items of the log are whole numbers"
        raw.fail(name, problem, int(wrong[0]))
    return ids.astype(np.int64)


def _feature(raw: RawTable, name: str, *, is_category: bool) -> pd.DataFrame:
    """Return the columns of a feature, several for a vector."""
    if is_category:
        return category_column(raw, name).to_frame(name)
    kind = raw.column(name).type
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        return _vectors(raw, name)
    try:
        return pd.DataFrame({name: number_column(raw, name)})
    except InputError as error:
        if _is_spoilt(raw, name):
            line = _line("categorical", name)
            raise InputError(f"{error}; if these are no numbers, add {line} to [items]") from None
        return category_column(raw, name).to_frame(name)


def _is_spoilt(raw: RawTable, name: str) -> bool:
    """Return whether a few cells alone keep a column from being numbers."""
    if not pa.types.is_string(raw.column(name).type):
        return pa.types.is_floating(raw.column(name).type)
    found, unreadable = numbers(raw, name)
    return unreadable.sum() <= FEW_TEXTS * np.isfinite(found).sum()


def _vectors(raw: RawTable, name: str) -> pd.DataFrame:
    values = raw.column(name)
    kind, cells = values.type.value_type, values.to_pylist()
    if not any(is_kind(kind) for is_kind in NUMBERS):
        raw.fail(name, f"holds lists of something else than numbers ({kind}); {_ignore(name)}")
    size = len(cells[0] or ())
    if size == 0:
        raw.fail(name, f"holds a list without a number; fill it in, or {_ignore(name)}", 0)
    for row, cell in enumerate(cells):
        if cell is None or len(cell) != size:
            found = "no" if cell is None else len(cell)
            raw.fail(name, f"has {found} numbers, the first row {size}; give as many in each", row)
    # A number that is missing inside a list is None, which becomes NaN.
    matrix = np.array(cells, np.float64)
    if not np.isfinite(matrix).all():
        row = int(np.flatnonzero(~np.isfinite(matrix).all(axis=1))[0])
        raw.fail(name, "holds a number that is not finite", row)
    return pd.DataFrame(matrix, columns=[f"{name}_{place}" for place in range(size)])

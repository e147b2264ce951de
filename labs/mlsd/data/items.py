"""Features of items beside a log of interactions: a table, or arrays in an ``.npz`` file."""

from __future__ import annotations

import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from mlsd.data.columns import category_column, number_column
from mlsd.data.spec import LogSpec
from mlsd.data.tables import RawTable, read_tables
from mlsd.data.tables.opening import require_file
from mlsd.runtime import InputError

ITEM_ID = "item_id"


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
    for name in (*spec.items.categorical, *spec.items.ignore):
        raw.column(name)
    table = pd.DataFrame({ITEM_ID: _ids(raw, spec.items.id, chosen)})
    left_out = {spec.items.id, *spec.items.ignore}
    names = [name for name in raw.table.column_names if name not in left_out]
    features = [_feature(raw, name, is_category=name in spec.items.categorical) for name in names]
    return {"items": pd.concat([table, *features], axis=1)}


def _read(spec: LogSpec, root: Path | str | None) -> RawTable:
    folder = Path(root) if root is not None else spec.file.parent
    if Path(spec.items.path).suffix.lower() == ".npz":
        return _read_arrays(folder / spec.items.path)
    raw = read_tables(folder, spec.items.path, delimiter=spec.table.delimiter)
    return replace(raw, decimal=spec.table.decimal, missing=spec.table.missing)


def _read_arrays(path: Path) -> RawTable:
    require_file(path)
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise InputError(f"{path.name}: no readable .npz file ({str(error)[:120]})") from None
    sizes = {name: array.shape[0] if array.ndim else -1 for name, array in arrays.items()}
    for name, array in arrays.items():
        if array.ndim not in (1, 2) or sizes[name] != max(sizes.values()):
            raise InputError(
                f"{path.name}: array {name!r} has shape {array.shape}; give one row per item, "
                f"{max(sizes.values())} as in the longest"
            )
    return RawTable(path.name, pa.table({name: _as_column(a) for name, a in arrays.items()}))


def _as_column(array: np.ndarray) -> pa.Array:
    if array.ndim == 1:
        return pa.array(array)
    return pa.FixedSizeListArray.from_arrays(pa.array(array.ravel()), array.shape[1])


def _ids(raw: RawTable, name: str, chosen: pd.Series) -> pd.Series:
    """Return the ids as the log has them."""
    ids = category_column(raw, name)
    empty = np.flatnonzero((ids == "").to_numpy())
    if empty.size:
        raw.fail(name, "is empty; give each item its id", int(empty[0]))
    twice = np.flatnonzero(ids.duplicated().to_numpy())
    if twice.size:
        raw.fail(name, f"is {ids[twice[0]]!r}, which stands above; give one row per item", twice[0])
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
    except InputError:
        return category_column(raw, name).to_frame(name)


def _vectors(raw: RawTable, name: str) -> pd.DataFrame:
    cells = raw.column(name).to_pylist()
    size = len(cells[0] or ())
    for row, cell in enumerate(cells):
        if cell is None or len(cell) != size:
            found = "no" if cell is None else len(cell)
            raw.fail(name, f"has {found} numbers, the first row {size}; give as many in each", row)
    try:
        matrix = np.array(cells, np.float64)
    except (ValueError, TypeError):
        raw.fail(name, "holds lists of something else than numbers")
    if not np.isfinite(matrix).all():
        row = int(np.flatnonzero(~np.isfinite(matrix).all(axis=1))[0])
        raw.fail(name, "holds a number that is not finite", row)
    return pd.DataFrame(matrix, columns=[f"{name}_{place}" for place in range(size)])

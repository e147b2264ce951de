"""Categories, users and items."""

from __future__ import annotations

import pandas as pd
import pyarrow as pa
import pyarrow.compute

from mlsd.data.columns.cells import guarded, plain
from mlsd.data.tables import RawTable


@guarded
def category_column(raw: RawTable, name: str) -> pd.Series:
    """Return a category, user or item: int64 where all cells are whole numbers, else text.

    A missing cell is the empty text, a value of its own. Text from CSV and TSV stays text, so that
    ``007`` is not ``7``.

    Raises
    ------
    InputError
        When the column holds lists, structures, bytes or the like.

    Examples
    --------
    >>> category_column(RawTable("log", pa.table({"user": [3, None]})), "user").tolist()
    ['3', '']
    """
    values = plain(raw, name)
    kind = values.type
    if pa.types.is_nested(kind) or pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        raw.fail(name, f"is of type {kind}; give text or whole numbers")
    if pa.types.is_floating(kind) or pa.types.is_boolean(kind):
        values = _whole(values)
    whole = pa.types.is_integer(values.type) and not pa.types.is_uint64(values.type)
    if whole and not values.null_count:
        return pd.Series(values.cast(pa.int64()).to_numpy())
    return values.cast(pa.string()).fill_null("").to_pandas()


def _whole(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Floats as integers where none has a fraction (NaN is missing), else unchanged."""
    values = values.cast(pa.float64())
    values = pa.compute.if_else(pa.compute.is_nan(values), None, values)
    try:
        return values.cast(pa.int64())
    except pa.ArrowInvalid:
        return values

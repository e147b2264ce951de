"""Which columns of a log a model could read, and which of their cells are empty."""

from __future__ import annotations

import numpy as np
import pandas as pd

from mlsd.data.log import LabelledLog


def feature_columns(log: LabelledLog) -> tuple[str, ...]:
    """Return the columns that a model could read: ids, categories, keys, numbers, the amount.

    Examples
    --------
    >>> from mlsd.data.log import ColumnRoles, Split
    >>> roles = ColumnRoles("click", time="ts", item="ad", numeric=("price",))
    >>> feature_columns(LabelledLog("tiny", pd.DataFrame(), roles, Split(*[np.arange(1)] * 3)))
    ('ad', 'price')
    """
    roles = log.roles
    keys = tuple(name for key in roles.entities for name in key)
    amount = (roles.amount,) if roles.amount else ()
    return tuple(dict.fromkeys((*roles.identifiers, *keys, *roles.numeric, *amount)))


def is_missing(values: pd.Series) -> np.ndarray:
    """Return which cells are missing: NaN, or the empty text of a category.

    Examples
    --------
    >>> is_missing(pd.Series(["a", ""])).tolist(), is_missing(pd.Series([0.0, np.nan])).tolist()
    ([False, True], [False, True])
    """
    missing = values.isna().to_numpy()
    return missing if pd.api.types.is_numeric_dtype(values) else missing | (values == "").to_numpy()

"""Simulated card payments of the Fraud Detection Handbook."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute

from mlsd.data.locations import find_raw_file
from mlsd.data.tables import RawTable, read_table
from mlsd.runtime import InputError

COLUMNS = {
    "TRANSACTION_ID": "transaction_id",
    "TX_TIME_SECONDS": "ts",
    "CUSTOMER_ID": "customer_id",
    "TERMINAL_ID": "terminal_id",
    "TX_AMOUNT": "amount",
    "TX_FRAUD": "label",
}
FEEDBACK_DELAY = 7 * 86_400
# A pickle may run any code when it is opened; only what a plain table consists of is let in.
_ALLOWED = {
    "pandas": {"DataFrame", "Index", "RangeIndex"},
    "pandas.core.frame": {"DataFrame"},
    "pandas.core.internals.managers": {"BlockManager"},
    "pandas.core.indexes.base": {"Index", "_new_Index"},
    "pandas.core.indexes.range": {"RangeIndex"},
    "pandas._libs.internals": {"_unpickle_block"},
    "pandas._libs.arrays": {"__pyx_unpickle_NDArrayBacked"},
    "pandas.core.arrays.datetimes": {"DatetimeArray"},
    "pandas.arrays": {"DatetimeArray"},
    "numpy": {"ndarray", "dtype"},
    "numpy.core.multiarray": {"_reconstruct"},
    "numpy.core.numeric": {"_frombuffer"},
    "numpy._core.multiarray": {"_reconstruct"},
    "numpy._core.numeric": {"_frombuffer"},
    "builtins": {"slice"},
    "__builtin__": {"slice"},
    "_codecs": {"encode"},
}


def read_fraud_handbook(folder: Path) -> dict[str, RawTable]:
    """Read all transactions in time order.

    Parameters
    ----------
    folder : path
        With ``transactions.parquet``, or with the published pickles, one per day
        (``2018-04-01.pkl`` and so on).

    Returns
    -------
    dict
        ``all``: ``transaction_id``, ``ts`` (seconds since 2018-04-01), ``known_at`` (seven days
        later, the Handbook's feedback delay), ``customer_id``, ``terminal_id``, ``amount``,
        ``label``. The fraud scenario, which tells the label, is left out.

    Raises
    ------
    InputError
        No file is there, or one is damaged or lacks a column.

    Examples
    --------
    >>> read_fraud_handbook(Path("nowhere"))
    Traceback (most recent call last):
    ...
    mlsd.runtime.errors.InputError: nowhere: transactions.parquet not found in nowhere; ...
    """
    days = sorted(folder.glob("????-??-??.pkl"))
    if days:
        table = pa.concat_tables([_read_day(path) for path in days])
    else:
        raw = read_table(find_raw_file(folder, "transactions.parquet"))
        table = pa.table({new: raw.column(old) for old, new in COLUMNS.items()})
    known_at = pa.compute.add(table.column("ts").cast(pa.int64()), FEEDBACK_DELAY)
    return {"all": RawTable(folder.name, table.append_column("known_at", known_at))}


class _TableUnpickler(pickle.Unpickler):
    """Opens pickles of plain tables, and nothing that could run other code."""

    def find_class(self, module: str, name: str) -> Any:
        if module == "pandas.core.indexes.numeric":
            return pd.Index
        if name in _ALLOWED.get(module, ()):
            return super().find_class(module, name)
        raise pickle.UnpicklingError(f"asks for {module}.{name}, which is not a part of a table")


def _read_day(path: Path) -> pa.Table:
    try:
        with path.open("rb") as stream:
            frame = _TableUnpickler(stream).load()
        frame = frame[list(COLUMNS)].rename(columns=COLUMNS)
        whole = dict.fromkeys(set(COLUMNS.values()) - {"amount"}, np.int64)
        frame = frame.astype({**whole, "amount": np.float64})
    except Exception as error:
        # Damaged pickles fail in any way at all, so no narrower class would do.
        raise InputError(f"{path.name}: no readable table ({error}); fetch it again") from None
    return pa.Table.from_pandas(frame, preserve_index=False)

"""iPinYou real-time bidding, the demonstration sample of campaign 2997."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from mlsd.data.columns import label_column
from mlsd.data.locations import find_raw_file
from mlsd.data.tables import RawTable, read_table
from mlsd.runtime import InputError

FIELDS = (
    "weekday",
    "hour",
    "useragent",
    "IP",
    "region",
    "city",
    "adexchange",
    "domain",
    "slotid",
    "slotwidth",
    "slotheight",
    "slotvisibility",
    "slotformat",
    "creative",
    "advertiser",
    "slotprice",
)
VALIDATION_SHARE = 0.1
DAY, HOUR = 86_400, 3_600


def read_ipinyou(folder: Path) -> dict[str, RawTable]:
    """Give both published days by time, and set the end of the first apart for validation.

    Parameters
    ----------
    folder : path
        With ``train.parquet`` and ``test.parquet`` (``click`` and the 16 fields by name), or the
        published ``train.fm.txt``, ``test.fm.txt`` (libsvm) and ``featindex.fm.txt``.

    Returns
    -------
    dict
        ``train``, ``validation``, ``test`` with ``click``, ``ts`` and the 16 fields as text. Known
        of the time are weekday and hour only: ``ts`` counts seconds from the midnight before the
        training rows to the start of the hour, with the test day as the next such weekday. Rows
        of one hour keep the order of the file. Validation is the last tenth of the training day in
        this order.

    Raises
    ------
    InputError
        A file is missing or damaged.

    Examples
    --------
    >>> read_ipinyou(Path("nowhere"))
    Traceback (most recent call last):
    ...
    mlsd.runtime.errors.InputError: nowhere: train.fm.txt not found in nowhere; ...
    """
    parts = {part: _read_part(folder, part) for part in ("train", "test")}
    start = int(parts["train"]["weekday"].iloc[0])
    for part, frame in parts.items():
        days = (frame["weekday"].astype(np.int64) - start) % 7
        seconds = days * DAY + frame["hour"].astype(np.int64) * HOUR
        parts[part] = frame.assign(ts=seconds).sort_values("ts", kind="stable")
    first_day = parts.pop("train")
    cut = len(first_day) - round(VALIDATION_SHARE * len(first_day))
    parts["train"], parts["validation"] = first_day.iloc[:cut], first_day.iloc[cut:]
    return {
        part: RawTable(f"{folder.name} {part}", pa.Table.from_pandas(frame, preserve_index=False))
        for part, frame in parts.items()
    }


def _read_part(folder: Path, part: str) -> pd.DataFrame:
    path = find_raw_file(folder, f"{part}.fm.txt", f"{part}.parquet")
    raw = _decode(path, folder) if ".txt" in path.suffixes else read_table(path)
    frame = pd.DataFrame({name: raw.column(name).to_pandas() for name in FIELDS})
    for name in ("weekday", "hour"):
        odd = np.flatnonzero(~frame[name].str.fullmatch(r"\d{1,2}").astype(bool))
        if odd.size:
            raw.fail(name, f"is {frame[name].iloc[odd[0]]!r}; expected a number", odd[0])
    return frame.assign(click=label_column(raw, "click"))


def _decode(path: Path, folder: Path) -> RawTable:
    """Turn one-hot rows (``0 1:1 6:1 ...``, one number a field) back into named fields."""
    names = _read_index(folder)
    row_names = ("click", *FIELDS)
    raw = read_table(path, delimiter=" ", names=row_names, quoted=False)
    columns: dict[str, pa.ChunkedArray | pd.Series] = {"click": raw.column("click")}
    for field in FIELDS:
        features = raw.column(field).to_pandas().str.removesuffix(":1")
        values = features.map(names.get(field, {}))
        unknown = np.flatnonzero(values.isna())
        if unknown.size:
            raw.fail(field, f"is {features.iloc[unknown[0]]!r}, unknown to the index", unknown[0])
        columns[field] = values
    return RawTable(path.name, pa.table(columns), 1)


def _read_index(folder: Path) -> dict[str, dict[str, str]]:
    """Value by field and feature number, from lines ``field:value<tab>number``."""
    path = find_raw_file(folder, "featindex.fm.txt")
    raw = read_table(path, delimiter="\t", names=("feature", "number"), quoted=False)
    parted = raw.column("feature").to_pandas().str.partition(":")
    frame = parted.assign(number=raw.column("number").to_pandas())
    index = {
        field: dict(zip(rows["number"], rows[2], strict=True)) for field, rows in frame.groupby(0)
    }
    missing = [field for field in FIELDS if field not in index]
    if missing:
        raise InputError(f"{path.name}: has no feature of field {missing[0]!r}; fetch it again")
    return index

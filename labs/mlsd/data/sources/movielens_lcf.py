"""MovieLens 1M in the split of the LCFN paper: who chose which film, in three parts."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pyarrow as pa

from mlsd.data.locations import find_raw_file
from mlsd.data.splits import PARTS
from mlsd.data.tables import RawTable, read_table
from mlsd.runtime import InputError

RAW_FILES = {"train": "train.txt", "validation": "validation_data.json", "test": "test.txt"}


def read_movielens_lcf(folder: Path) -> dict[str, RawTable]:
    """Read the three parts.

    Parameters
    ----------
    folder : path
        With ``train.txt`` and ``test.txt`` (a line per user: the user, then the items) and
        ``validation_data.json`` (a list of items per user, users from 0 on) as published, or with
        ``train``, ``validation`` and ``test`` as Parquet with columns ``user`` and ``item``.

    Returns
    -------
    dict
        ``train``, ``validation``, ``test``: ``user_id`` and ``item_id``, whole numbers.

    Raises
    ------
    InputError
        A file is missing or damaged.

    Examples
    --------
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> for name, text in RAW_FILES.items():
    ...     _ = (folder / text).write_text("[[7, 8]]" if name == "validation" else "0 3 4\\n")
    >>> read_movielens_lcf(folder)["validation"].table.to_pylist()
    [{'user_id': 0, 'item_id': 7}, {'user_id': 0, 'item_id': 8}]
    """
    return {part: _read_part(folder, part) for part in PARTS}


def _read_part(folder: Path, part: str) -> RawTable:
    path = find_raw_file(folder, RAW_FILES[part], f"{part}.parquet")
    if path.suffix == ".parquet":
        raw = read_table(path)
        return RawTable(path.name, pa.table({f"{n}_id": raw.column(n) for n in ("user", "item")}))
    try:
        text = path.read_text(encoding="utf-8")
        lists = _from_json(text) if path.suffix == ".json" else _from_lines(text)
        users, items = zip(*((user, item) for user, chosen in lists for item in chosen))
        columns = {"user_id": np.array(users, np.int64), "item_id": np.array(items, np.int64)}
    except (OSError, ValueError, TypeError, OverflowError) as error:
        raise InputError(f"{path.name}: is damaged ({error}); fetch it again") from None
    return RawTable(path.name, pa.table(columns))


def _from_json(text: str) -> Iterable[tuple[int, list[int]]]:
    return enumerate(json.loads(text))


def _from_lines(text: str) -> Iterable[tuple[int, list[int]]]:
    rows = ([int(number) for number in line.split()] for line in text.splitlines())
    return ((row[0], row[1:]) for row in rows if row)

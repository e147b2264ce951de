"""Rows that stand in the log twice, within a part and across parts."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa

from mlsd.data.log import LabelledLog
from mlsd.data.readings import LoadedLog
from mlsd.data.understanding.findings import Fact, Findings, LogWarning

REPEATED_SHARE = 0.001
FINE_TIMES = 0.1
MULTIPLIER = np.uint64(1_000_003)


def check_duplicates(loaded: LoadedLog) -> Findings:
    """Count rows that repeat an earlier one in every column of the table.

    Without a user and with a coarse time, or none, rows are equal by chance, so that the count is
    no warning.
    """
    log = loaded.log
    codes = repeated_codes(log.frame)
    # Columns without a role may tell apart what looks equal in those that have one.
    repeats = _raw_repeats(loaded) if (codes >= 0).any() else 0
    if not repeats:
        return Findings((Fact("duplicates", "no two rows are equal in all columns"),))
    across = rows_across_parts(log, codes)
    text = (
        f"{repeats:,} rows ({repeats / len(log.frame):.2%}) repeat an earlier row in every column; "
        f"of the test rows {across:,} are equal to a row of another part"
    )
    fact = Fact("duplicates", text)
    if repeats < REPEATED_SHARE * len(log.frame) or not _tells_rows_apart(log):
        return Findings((fact,))
    advice = (
        "Counters and intervals count them twice, and a test row seen in training is no test: "
        "write each row once (SELECT DISTINCT, df.drop_duplicates())."
    )
    return Findings((fact,), (LogWarning("duplicates", (), f"{text}. {advice}"),))


def _tells_rows_apart(log: LabelledLog) -> bool:
    """Whether two rows that are equal are probably one: there is a user, or a fine time."""
    if log.roles.user is not None or log.roles.time is None:
        return log.roles.user is not None
    return bool(log.frame[log.roles.time].nunique() >= FINE_TIMES * len(log.frame))


def repeated_codes(frame: pd.DataFrame) -> np.ndarray:
    """Return a number per row, shared by rows equal in every column; -1 where a row is unique.

    Examples
    --------
    >>> repeated_codes(pd.DataFrame({"ad": [5, 6, 5], "click": [0, 0, 0]})).tolist()
    [0, -1, 0]
    """
    hashes = _row_hashes(frame)
    order = np.argsort(hashes, kind="stable")
    starts = np.r_[True, hashes[order][1:] != hashes[order][:-1]]
    group = np.cumsum(starts) - 1
    alone = np.bincount(group)[group] == 1
    codes = np.full(len(frame), -1)
    codes[order[~alone]] = pd.factorize(group[~alone])[0]
    return codes


def rows_across_parts(log: LabelledLog, codes: np.ndarray) -> int:
    """Return how many test rows share their code with a row of another part.

    Examples
    --------
    >>> from mlsd.data.log import ColumnRoles, Split
    >>> split = Split(np.array([0]), np.array([1]), np.array([2, 3]))
    >>> log = LabelledLog("tiny", pd.DataFrame(), ColumnRoles("click"), split)
    >>> rows_across_parts(log, np.array([0, -1, 0, -1]))
    1
    """
    earlier = codes[np.r_[log.split.train, log.split.validation]]
    test = codes[log.split.test]
    return int(np.isin(test[test >= 0], earlier).sum())


def _row_hashes(frame: pd.DataFrame) -> np.ndarray:
    """Return a hash per row; among five million rows two meet by chance once in a million logs."""
    hashes = np.zeros(len(frame), np.uint64)
    for name in frame:
        hashes = hashes * MULTIPLIER + pd.util.hash_array(frame[name].to_numpy())
    return hashes


def _raw_repeats(loaded: LoadedLog) -> int:
    """Return how many rows of the files repeat an earlier one in every column, ignored ones too."""
    hashes = [_raw_hashes(raw.table) for raw in loaded.tables.values()]
    return int(pd.Series(np.concatenate(hashes)).duplicated().sum())


def _raw_hashes(table: pa.Table) -> np.ndarray:
    hashes = np.zeros(table.num_rows, np.uint64)
    for column in table.columns:
        cells = column.to_pandas()
        text = cells if cells.dtype.kind in "biufM" else cells.astype(str)
        hashes = hashes * MULTIPLIER + pd.util.hash_array(text.to_numpy())
    return hashes

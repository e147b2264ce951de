"""Role, kind and reason of each column, and columns that say nothing or something else."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute

from mlsd.data.readings import LoadedLog
from mlsd.data.understanding.features_of_log import feature_columns, is_missing
from mlsd.data.understanding.findings import Fact, Findings, LogWarning
from mlsd.data.understanding.spec_lines import line_without

MOST_LISTED, MOST_LINES = 10, 40
# Whole numbers up to 2 to so many are exact.
EXACT_BITS = {pa.float16(): 11, pa.float32(): 24, pa.float64(): 53}
AMOUNTS = ("numeric", "amount")
LOSSY = (("real numbers", False), ("whole numbers", True))  # ids as floats, ids as amounts
UNSEEN_SHARE = 0.9


def check_roles(loaded: LoadedLog) -> Findings:
    """Say what the columns were taken for and why, and what was left out."""
    groups: dict[str, list[str]] = {}
    for name, reading in loaded.readings.items():
        groups.setdefault(f"{reading.role} ({reading.kind}; {reading.reason})", []).append(name)
    for name, reason in {**loaded.left_out, **_unnamed(loaded)}.items():
        groups.setdefault(f"left out ({reason})", []).append(name)
    lines = [f"{words}: {listed(names)}" for words, names in groups.items()]
    if len(lines) > MOST_LINES:
        lines = [*lines[:MOST_LINES], f"and {len(lines) - MOST_LINES:,} more kinds of columns"]
    return Findings((Fact("columns", "\n".join(["", *lines])),))


def listed(names: list[str]) -> str:
    """Return the first names, and how many there are more.

    Examples
    --------
    >>> listed(["age", "price"]), listed([*"abcdefghijklm"])
    ('age, price', 'a, b, c, d, e, f, g, h, i, j and 3 more')
    """
    more = f" and {len(names) - MOST_LISTED:,} more" if len(names) > MOST_LISTED else ""
    return ", ".join(names[:MOST_LISTED]) + more


def _unnamed(loaded: LoadedLog) -> dict[str, str]:
    """Return the columns that the spec ignores or does not name, with which of the two it is."""
    known = {*loaded.readings, *loaded.left_out}
    names = next(iter(loaded.tables.values())).table.column_names
    ignored = loaded.columns.ignore
    return {
        name: "named in ignore" if name in ignored else "not named by the spec"
        for name in names
        if name not in known
    }


def check_constant(loaded: LoadedLog) -> Findings:
    """Warn of features with one value in the training part."""
    log = loaded.log
    train = log.frame.iloc[log.split.train]
    names = [name for name in feature_columns(log) if _is_constant(train[name])]
    names = [name for name in names if name not in (log.roles.user, log.roles.item)]
    if not names:
        return Findings()
    shown = listed([*map(repr, names)])
    count = f"{len(names):,} features have" if len(names) > 1 else "one feature has"
    text = f"{count} one value in the whole training part: {shown}."
    line = line_without(loaded, names)
    return Findings(warnings=(LogWarning("constant", tuple(names), text, line, leaves_out=True),))


def _is_constant(values: pd.Series) -> bool:
    # Most columns differ within their first rows, and those need no look at the rest.
    return all(part.nunique(dropna=False) == 1 for part in (values.iloc[:100], values))


def check_unseen(loaded: LoadedLog) -> Findings:
    """Say how many test rows have a category that training never saw; warn where most do."""
    log = loaded.log
    shares, warnings = {}, []
    for name in log.roles.identifiers:
        train, test = log.frame[name].iloc[log.split.train], log.frame[name].iloc[log.split.test]
        test = test[~is_missing(test)]
        if test.empty:
            continue
        seen = train.unique()
        shares[name] = 1 - float(test.isin(seen).mean())
        per_value = log.split.train.size / max(seen.size, 1)
        if shares[name] > UNSEEN_SHARE and name not in (log.roles.user, log.roles.item):
            warnings.append(_unseen(loaded, name, shares[name], per_value))
    if not shares:
        return Findings()
    ranked = sorted(shares, key=shares.get, reverse=True)[:5]
    text = ", ".join(f"{name} {shares[name]:.1%}" for name in ranked)
    return Findings((Fact("new in test", text),), tuple(warnings))


def _unseen(loaded: LoadedLog, name: str, share: float, per_value: float) -> LogWarning:
    text = (
        f"{share:.1%} of the test rows have a value of {name!r} that training never saw, and in "
        f"training a value has {per_value:,.1f} rows; as a category it tells nothing of new rows "
        "(a row number, a moment, free text?)."
    )
    return LogWarning("unseen ids", (name,), text, line_without(loaded, [name]), leaves_out=True)


def check_lossy_ids(loaded: LoadedLog) -> Findings:
    """Warn of ids and times beyond what the floating point that they were stored in tells apart.

    Of whole numbers that were read as amounts as well.
    """
    warnings = []
    for name, reading in loaded.readings.items():
        if (reading.kind, reading.role in AMOUNTS) in LOSSY:
            stored = reading.kind == "real numbers"
            columns = [raw.table.column(name) for raw in loaded.tables.values()]
            bits = min(EXACT_BITS.get(column.type, 53) for column in columns)
            largest = max(map(_largest, columns))
            if largest >= 2**bits and (reading.role != "time" or bits < 53):
                warnings.append(_lossy(name, largest, bits, stored=stored))
    return Findings(warnings=tuple(warnings))


def _lossy(name: str, largest: float, bits: int, *, stored: bool) -> LogWarning:
    cure = "If it is an id, name it under categorical."
    if stored:
        cure = "Write the column again as whole numbers or text."
    text = (
        f"{name!r} holds numbers up to {largest:.3g}, {'stored' if stored else 'read'} as floating "
        f"point, which is exact up to 2^{bits} = {2**bits:.1e} only: neighbouring ones became one. "
        f"{cure}"
    )
    return LogWarning("lossy ids", (name,), text)


def _largest(values: pa.ChunkedArray) -> float:
    """Return the largest size of a number in a column; 0 for a column that holds none."""
    kind = values.type
    if not (pa.types.is_floating(kind) or pa.types.is_integer(kind)) or not len(values):
        return 0.0
    if pa.types.is_float16(kind):
        values = values.cast(pa.float32())
    ends = pa.compute.min_max(values).as_py()
    sizes = [abs(end) for end in ends.values() if end is not None and np.isfinite(end)]
    return float(max(sizes, default=0))

"""Cost and correctness of the Fraud Detection Handbook's 14 features on 1,754,155 payments.

Reads ``fraud-handbook-simulated`` under ``MLSD_DATA`` and compares with the published features of
919,767 payments. One thread. Counted are

- ``cpu_seconds``: user and system time of computing the 14 features, once, from loaded columns;
- ``peak_mb``: highest resident memory of the process until then, imports and loading included;
- ``mismatched_rows``: published rows that differ in any feature, but for the following;
- ``same_second_rows``: rows that differ and whose customer made another payment in the same second.
  The Handbook lets the first of the two not see the second; here both see both.

Equal means within one part in a million and 1e-9: the published averages are float32, and carry
the rounding errors of a running sum, such as -4e-15 for the mean of a payment of 0.

    python tests/benchmarks/features.py [--json] [--peers]

``--peers`` also runs the same windows in pandas, polars and DuckDB (with the SQL of `render_sql`),
one thread each, and takes a minute more; polars is in the extra ``bench``.
"""

from __future__ import annotations

import os

os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "POLARS_MAX_THREADS"), "1")

import argparse
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from one_json import one_json_object
from rich.console import Console
from rich.table import Table

from mlsd.data.locations import data_root, find_raw_file
from mlsd.features.handbook import (
    FEEDBACK_DELAY,
    WINDOW_DAYS,
    compute_handbook_features,
    customer_windows,
    terminal_windows,
)
from mlsd.features.sql import render_sql
from mlsd.runtime import InputError
from mlsd.runtime.times import DAY

FOLDER = "fraud-handbook-simulated"
COLUMNS = ["TRANSACTION_ID", "CUSTOMER_ID", "TERMINAL_ID", "TX_AMOUNT", "TX_TIME_SECONDS"]
LABEL = "TX_FRAUD"
Features = dict[str, np.ndarray]


def load_columns(name: str, columns: list[str] | None = None) -> Features:
    path = find_raw_file(data_root() / FOLDER, name)
    table = pq.read_table(path, columns=columns, use_threads=False)
    return {column: table[column].to_numpy() for column in table.column_names}


def differing_rows(found: Features, expected: Features, rows: np.ndarray) -> np.ndarray:
    """Whether any expected feature differs, by expected row; `rows` are their rows in `found`."""
    differs = np.zeros(len(rows), dtype=bool)
    for name, values in expected.items():
        differs |= ~np.isclose(found[name][rows], values, rtol=1e-6, atol=1e-9)
    return differs


def is_same_second(payments: Features) -> np.ndarray:
    """Whether the customer has another payment in the same second."""
    customer, seconds = (payments[n].astype(np.int64) for n in ("CUSTOMER_ID", "TX_TIME_SECONDS"))
    _, group, size = np.unique(
        customer * (1 << 32) + seconds, return_inverse=True, return_counts=True
    )
    return size[group] > 1


def measure() -> tuple[dict, Features, Features]:
    """Return the figures, the payments and our features."""
    start = time.process_time()
    payments = load_columns("transactions.parquet", [*COLUMNS, LABEL])
    load_seconds = time.process_time() - start
    start = time.process_time()
    features = compute_handbook_features(payments)
    figures = {"cpu_seconds": round(time.process_time() - start, 3), "peak_mb": peak_mb()}
    published = load_columns("features_2018-06-11_2018-09-14.parquet")
    rows = np.searchsorted(payments["TRANSACTION_ID"], published.pop("TRANSACTION_ID"))
    differs = differing_rows(features, published, rows)
    explained = differs & is_same_second(payments)[rows]
    figures |= {
        "mismatched_rows": int((differs & ~explained).sum()),
        "same_second_rows": int(explained.sum()),
        "published_rows": len(rows),
        "rows": len(payments["TRANSACTION_ID"]),
        "load_cpu_seconds": round(load_seconds, 3),
    }
    return figures, payments, features


def peak_mb() -> float:
    unit = 1e6 if sys.platform == "darwin" else 1e3
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit, 1)


def with_pandas(payments: Features) -> Features:
    import pandas as pd

    frame = pd.DataFrame(payments)
    frame["at"] = pd.to_datetime(frame["TX_TIME_SECONDS"], unit="s")
    features = {}

    def rolled(entity: str, column: str, seconds: int, how: str) -> np.ndarray:
        groups = frame.set_index("at").groupby(entity)[column]
        values = getattr(groups.rolling(f"{seconds}s"), how)().to_numpy()
        result = np.empty(len(values))
        result[np.argsort(frame[entity].to_numpy(), kind="stable")] = values
        return result

    for days in WINDOW_DAYS:
        name = f"CUSTOMER_ID_{{}}_{days}DAY_WINDOW"
        for label, how in (("NB_TX", "count"), ("AVG_AMOUNT", "mean")):
            features[name.format(label)] = rolled("CUSTOMER_ID", "TX_AMOUNT", days * DAY, how)
    recent = [rolled("TERMINAL_ID", LABEL, FEEDBACK_DELAY, how) for how in ("count", "sum")]
    for days in WINDOW_DAYS:
        reach = FEEDBACK_DELAY + days * DAY
        whole = [rolled("TERMINAL_ID", LABEL, reach, how) for how in ("count", "sum")]
        count, frauds = (w - r for w, r in zip(whole, recent))
        features[f"TERMINAL_ID_NB_TX_{days}DAY_WINDOW"] = count
        features[f"TERMINAL_ID_RISK_{days}DAY_WINDOW"] = frauds / np.maximum(count, 1)
    return features


def with_polars(payments: Features) -> Features:
    import polars as pl

    def rolled(entity: str, column: str, seconds: int) -> pl.Expr:
        total = pl.col(column).rolling_sum_by("TX_TIME_SECONDS", window_size=f"{seconds}i")
        return total.over(entity)

    frame = pl.DataFrame(payments).with_columns(
        pl.col("TX_TIME_SECONDS").cast(pl.Int64), pl.col(LABEL).cast(pl.Int64), one=pl.lit(1)
    )
    parts = {}
    for days in WINDOW_DAYS:
        customer, reach = f"CUSTOMER_ID_{{}}_{days}DAY_WINDOW", FEEDBACK_DELAY + days * DAY
        count = rolled("CUSTOMER_ID", "one", days * DAY)
        parts[customer.format("NB_TX")] = count
        amount = rolled("CUSTOMER_ID", "TX_AMOUNT", days * DAY)
        parts[customer.format("AVG_AMOUNT")] = amount / count
        count, frauds = (
            rolled("TERMINAL_ID", name, reach) - rolled("TERMINAL_ID", name, FEEDBACK_DELAY)
            for name in ("one", LABEL)
        )
        parts[f"TERMINAL_ID_NB_TX_{days}DAY_WINDOW"] = count
        parts[f"TERMINAL_ID_RISK_{days}DAY_WINDOW"] = frauds / pl.max_horizontal(count, 1)
    found = frame.select(**parts)
    return {name: found[name].to_numpy() for name in found.columns}


def with_duckdb(payments: Features) -> Features:
    import duckdb

    connection = duckdb.connect(config={"threads": 1})
    connection.register("payments", pa.table(payments))
    windows = (*customer_windows(), *terminal_windows())
    text = render_sql(windows, table="payments", time="TX_TIME_SECONDS")
    found = connection.execute(f"SELECT * FROM ({text}) ORDER BY TRANSACTION_ID").fetchnumpy()
    return {window.output: np.asarray(found[window.output]) for window in windows}


def run_peer(run: Callable, payments: Features, ours: Features) -> dict:
    start = time.process_time()
    found = run(payments)
    seconds = time.process_time() - start
    expected = {name: ours[name] for name in found}
    differs = differing_rows(found, expected, np.arange(len(payments[LABEL])))
    return {"cpu_seconds": round(seconds, 2), "rows_unlike_ours": int(differs.sum())}


def print_table(figures: dict) -> None:
    table = Table("what", "measured", "bar", title="14 features of the Fraud Detection Handbook")
    bars = {"cpu_seconds": "2", "peak_mb": "1,200", "mismatched_rows": "0"}
    for name, value in figures.items():
        if name != "peers":
            table.add_row(name, f"{value:,}", bars.get(name, ""))
    for name, peer in figures.get("peers", {}).items():
        ratio = peer["cpu_seconds"] / figures["cpu_seconds"]
        text = f"{peer['cpu_seconds']:,} ({ratio:.1f} x), {peer['rows_unlike_ours']} rows unlike"
        table.add_row(f"{name}, CPU-seconds", text, "")
    Console().print(table)


def main() -> None:
    parser = argparse.ArgumentParser(description=Path(__file__).name)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--peers", action="store_true", help="also run pandas, polars and DuckDB")
    options = parser.parse_args()
    print_object = one_json_object(options.json)
    try:
        figures, payments, features = measure()
    except InputError as error:
        sys.exit(str(error))
    if options.peers:
        peers = {"polars": with_polars, "DuckDB": with_duckdb, "pandas": with_pandas}
        figures["peers"] = {n: run_peer(run, payments, features) for n, run in peers.items()}
    if options.json:
        print_object(figures)
    else:
        print_table(figures)


if __name__ == "__main__":
    main()

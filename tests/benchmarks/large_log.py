"""Memory and CPU time of a ladder's rungs on a log of one's own with five million rows.

The log has eight columns (user, ad, device, publisher, price, hour, time, click), its ids follow
Zipf's law, and its clicks depend on all of them. It is written to a temporary folder as Parquet and
read through a spec, as a reader's would be. Each rung is fitted once, with the first of its
settings, and predicts the test part; rungs that read counters find them computed, and what that
took is counted apart. One thread, one process: `peak_mb` is the most that it has held until then.

    python tests/benchmarks/large_log.py [--json] [--rows 5000000] [--rungs global_rate,hashed_lr]
"""

from __future__ import annotations

import os

os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")

import argparse
import resource
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from one_json import one_json_object
from rich.console import Console
from rich.table import Table
from scipy.special import expit

from mlsd.cases import find_case
from mlsd.data.loading import load_log
from mlsd.experiments.rungs import select_rungs
from mlsd.experiments.sources import Replicate
from mlsd.runtime.times import DAY

SIMPLE = "global_rate,hashed_lr,lightgbm"
SPEC = """case = "ad_click"
name = "large"
[table]
path = "log.parquet"
[columns]
label = "click"
time = "ts"
user = "user_id"
item = "ad_id"
categorical = ["device", "publisher"]
numeric = ["price", "hour"]
[split]
kind = "time"
"""


def write_log(folder: Path, rows: int) -> None:
    """Write spec and table into a folder."""
    rng = np.random.default_rng(5)
    sizes = {"user_id": max(rows // 17, 2), "ad_id": max(rows // 250, 2), "publisher": 800}
    columns, score = {}, np.full(rows, -3.2)
    for name, size in sizes.items():
        share = 1 / np.arange(1, size + 1)
        columns[name] = rng.permutation(size)[rng.choice(size, rows, p=share / share.sum())]
        score += rng.normal(0, 0.5, size)[columns[name]]
    columns["device"] = np.array(["desk", "phone", "tablet", "tv"])[rng.integers(0, 4, rows)]
    columns["price"] = rng.gamma(2, 1, rows).round(3)
    columns["hour"] = rng.integers(0, 24, rows)
    columns["ts"] = np.sort(rng.integers(0, 14 * DAY, rows))
    columns["click"] = (rng.random(rows) < expit(score - 0.1 * columns["price"])).astype(np.int8)
    pq.write_table(pa.table(columns), folder / "log.parquet")
    (folder / "log.toml").write_text(SPEC, encoding="utf-8")


def peak_mb() -> float:
    unit = 1e6 if sys.platform == "darwin" else 1e3
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit, 1)


class Steps:
    """CPU seconds of each step, and the peak after it."""

    def __init__(self) -> None:
        self.figures: dict[str, dict[str, float]] = {}
        self._start = time.process_time()

    def done(self, name: str, **more: float) -> None:
        seconds = round(time.process_time() - self._start, 1)
        self.figures[name] = {"cpu_seconds": seconds, "peak_mb": peak_mb(), **more}
        print(f"{name}: {self.figures[name]}", file=sys.stderr, flush=True)
        self._start = time.process_time()


def measure(folder: Path, names: list[str]) -> dict[str, dict[str, float]]:
    """Return the figures of loading, of the counters where they are read, and of each rung."""
    ladder, steps = find_case("ad_click").ladder, Steps()
    log = load_log(folder / "log.toml")
    steps.done("load")
    prepared = ladder.protocol.prepare(Replicate(0, log))
    for rung in select_rungs(ladder.rungs, names):
        if rung.uses_counters and "counters" not in steps.figures:
            columns = prepared.features.counter_table.shape[1]
            steps.done("counters", columns=columns)
        fitted = ladder.protocol.fit(rung, prepared, rung.settings(log.roles)[0])
        ladder.protocol.predict(fitted, prepared)
        loss = round(fitted.validation[ladder.protocol.validation_column], 5)
        steps.done(rung.name, validation_log_loss=loss)
    return steps.figures


def main() -> None:
    """Print a table, or with ``--json`` one object."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--rows", type=int, default=5_000_000)
    parser.add_argument("--rungs", default=SIMPLE)
    chosen = parser.parse_args()
    print_object = one_json_object(chosen.json)
    with tempfile.TemporaryDirectory() as folder:
        write_log(Path(folder), chosen.rows)
        figures = measure(Path(folder), chosen.rungs.split(","))
    if chosen.json:
        print_object(figures)
        return
    table = Table("step", "CPU seconds", "peak MB", title=f"{chosen.rows:,} rows")
    for name, each in figures.items():
        table.add_row(name, f"{each['cpu_seconds']:.1f}", f"{each['peak_mb']:,.0f}")
    Console().print(table)


if __name__ == "__main__":
    main()

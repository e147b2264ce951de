"""Requests of the ad click world's history per CPU-second of one thread.

Run by hand:

    OMP_NUM_THREADS=1 python tests/benchmarks/worlds.py [--json] [--large DAYS]

*history*: ``AdClickWorld(seed).history(14)`` at the default size, ten candidates and three slots a
request; the world is built before the clock starts. Every event is simulated and recorded; then all
tables but `candidates` are made into data frames inside the measured time. The losing candidates
are kept as compact arrays; making their long table (3.4 million rows) is timed beside it. The
median of five seeds is reported, after one run that warms up.

*large* (with ``--large DAYS``): streams that many of the 14 days of ``size="large"`` to Parquet in
a process of its own and reports rows, CPU-seconds and that process's peak resident memory.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import statistics
import tempfile
import time
from collections.abc import Callable

from one_json import one_json_object

from mlsd.worlds import AdClickWorld

SEEDS = (0, 1, 2, 3, 4)
MEGABYTE_IN_KILOBYTES = 1_024


def cpu_seconds(function: Callable[[], object]) -> float:
    start = time.process_time()
    function()
    return time.process_time() - start


def measure_history(seed: int, days: int = 14) -> dict[str, float]:
    world = AdClickWorld(seed=seed)
    start = time.process_time()
    logs = world.history(days)
    events = time.process_time() - start
    tables = cpu_seconds(lambda: [logs.tables[n] for n in logs.tables if n != "candidates"])
    candidates = cpu_seconds(lambda: logs.candidates)
    requests = len(logs.requests)
    return {
        "requests": requests,
        "impressions": len(logs.impressions),
        "cpu_seconds": events + tables,
        "requests_per_cpu_second": requests / (events + tables),
        "candidate_table_cpu_seconds": candidates,
    }


def _stream_large(days: int, results: multiprocessing.Queue) -> None:
    with tempfile.TemporaryDirectory() as folder:
        start = time.process_time()
        world = AdClickWorld(seed=0, size="large")
        logs = world.history(days, to=f"{folder}/logs")
        seconds = time.process_time() - start
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / MEGABYTE_IN_KILOBYTES
        rows = {
            name: _parquet_rows(f"{folder}/logs/{name}")
            for name in logs.tables
            if name in ("requests", "candidates", "impressions", "clicks")
        }
    results.put({"days": days, "rows": rows, "cpu_seconds": seconds, "peak_mb": peak})


def _parquet_rows(folder: str) -> int:
    import pyarrow.dataset as parquet

    return parquet.dataset(folder).count_rows()


def measure_large(days: int) -> dict:
    context = multiprocessing.get_context("spawn")
    results = context.Queue()
    process = context.Process(target=_stream_large, args=(days, results))
    process.start()
    measured = results.get()
    process.join()
    return measured


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--large", type=int, metavar="DAYS", help="also stream the large size")
    arguments = parser.parse_args()
    print_object = one_json_object(arguments.json)
    measure_history(SEEDS[0], days=2)
    runs = [measure_history(seed) for seed in SEEDS]
    result = {"ad_click": {name: statistics.median(run[name] for run in runs) for name in runs[0]}}
    if arguments.large:
        result["ad_click_large"] = measure_large(arguments.large)
    if arguments.json:
        print_object(result)
        return
    for world, figures in result.items():
        for name, value in figures.items():
            shown = value if isinstance(value, dict) else f"{value:,.2f}"
            print(f"{world:16s} {name:28s} {shown}")


if __name__ == "__main__":
    main()

"""Requests and impressions of the worlds per CPU-second of one thread, and the memory they need.

Run by hand:

    OMP_NUM_THREADS=1 python tests/benchmarks/worlds.py [--world NAME] [--json] [--sizes]
        [--large DAYS]

*history*: ``history(14)`` at the default size; the world is built before the clock starts. Every
event is simulated and recorded; then all tables but `candidates` are made into data frames inside
the measured time. The losing candidates are kept as compact arrays; making their long table
(several million rows) is timed beside it. Of the video world also *deployed*: a week from the end
of that history under a policy that costs next to nothing, measures and intervals included. The
median of five seeds is reported, after one run that warms up.

*sizes* (with ``--sizes``): rows per day and peak resident memory of ``history(14)`` at the small
and the default size, all tables made, `candidates` too, each in a process of its own.

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

import numpy as np
from one_json import one_json_object

from mlsd.worlds import AdClickWorld, VideoWorld
from mlsd.worlds.video import FeedRequests, Slates

WORLDS = {"ad_click": AdClickWorld, "video": VideoWorld}
SEEDS = (0, 1, 2, 3, 4)
DAYS, DEPLOYED_DAYS = 14, 7
MEGABYTE_IN_KILOBYTES = 1_024


class Newest:
    """Shows everybody the newest videos, going on from slate to slate: the cheapest of policies."""

    def act(self, requests: FeedRequests) -> Slates:
        first = requests.shown.shape[1]
        newest = requests.live[::-1][first : first + requests.slots]
        return Slates(np.tile(newest, (len(requests), 1)))

    def observe(self, events: object) -> None:
        pass


def cpu_seconds(function: Callable[[], object]) -> float:
    start = time.process_time()
    function()
    return time.process_time() - start


def measure_world(name: str, seed: int, days: int = DAYS) -> dict[str, float]:
    world = WORLDS[name](seed=seed)
    start = time.process_time()
    logs = world.history(days)
    events = time.process_time() - start
    tables = cpu_seconds(lambda: [logs.tables[n] for n in logs.tables if n != "candidates"])
    candidates = cpu_seconds(lambda: logs.candidates)
    requests, impressions = len(logs.requests), len(logs.impressions)
    measured = {
        "requests": requests,
        "impressions": impressions,
        "cpu_seconds": events + tables,
        "requests_per_cpu_second": requests / (events + tables),
        "impressions_per_cpu_second": impressions / (events + tables),
        "candidate_table_cpu_seconds": candidates,
    }
    return measured | (measure_deployment(world, days) if name == "video" else {})


def measure_deployment(world: VideoWorld, history_days: int) -> dict[str, float]:
    start = time.process_time()
    report = world.deploy(Newest(), DEPLOYED_DAYS, history_days=history_days)
    seconds = time.process_time() - start
    impressions = report.requests * world.config.slots
    return {
        "deployed_impressions": impressions,
        "deployed_cpu_seconds": seconds,
        "deployed_impressions_per_cpu_second": impressions / seconds,
    }


def _history(name: str, size: str, days: int, streamed: bool, results: object) -> None:
    """Make a history in this process, and report rows, CPU-seconds and peak memory."""
    with tempfile.TemporaryDirectory() as folder:
        start = time.process_time()
        world = WORLDS[name](seed=0, size=size)
        logs = world.history(days, to=f"{folder}/logs" if streamed else None)
        if not streamed:
            rows = {table: len(logs.tables[table]) for table in logs.tables}
        seconds = time.process_time() - start
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / MEGABYTE_IN_KILOBYTES
        if streamed:
            rows = {table: _parquet_rows(f"{folder}/logs/{table}") for table in world.tables}
    results.put({"days": days, "rows": rows, "cpu_seconds": seconds, "peak_mb": peak})


def _parquet_rows(folder: str) -> int:
    import pyarrow.dataset as parquet

    return parquet.dataset(folder).count_rows()


def measure_size(name: str, size: str, days: int, *, streamed: bool) -> dict:
    context = multiprocessing.get_context("spawn")
    results = context.Queue()
    process = context.Process(target=_history, args=(name, size, days, streamed, results))
    process.start()
    measured = results.get()
    process.join()
    return measured


def measure(name: str, *, sizes: bool, large: int | None) -> dict[str, dict]:
    measure_world(name, SEEDS[0], days=2)
    runs = [measure_world(name, seed) for seed in SEEDS]
    result = {name: {key: statistics.median(run[key] for run in runs) for key in runs[0]}}
    if sizes:
        for size in ("small", "default"):
            result[f"{name}_{size}"] = measure_size(name, size, DAYS, streamed=False)
    if large:
        result[f"{name}_large"] = measure_size(name, "large", large, streamed=True)
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--world", choices=WORLDS, help="one world alone")
    parser.add_argument("--sizes", action="store_true", help="also the memory of each size")
    parser.add_argument("--large", type=int, metavar="DAYS", help="also stream the large size")
    arguments = parser.parse_args()
    print_object = one_json_object(arguments.json)
    result = {}
    for name in [arguments.world] if arguments.world else WORLDS:
        result |= measure(name, sizes=arguments.sizes, large=arguments.large)
    if arguments.json:
        print_object(result)
        return
    for world, figures in result.items():
        for name, value in figures.items():
            shown = value if isinstance(value, dict) else f"{value:,.2f}"
            print(f"{world:16s} {name:36s} {shown}")


if __name__ == "__main__":
    main()

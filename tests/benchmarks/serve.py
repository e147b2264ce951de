"""A case's service under an open-loop load: latency, capacity, and what happens at twice of it.

Run by hand, on two cores that have nothing else to do:

    OMP_WAIT_POLICY=PASSIVE OMP_NUM_THREADS=1 python tests/benchmarks/serve.py ad_click [--json]
    OMP_WAIT_POLICY=PASSIVE OMP_NUM_THREADS=1 python tests/benchmarks/serve.py video --rate 100

`mlsd serve` runs as a process of its own, the load comes from this one on the same cores. Requests
come by a Poisson process at a fixed rate, whatever became of those before, and their latency counts
from the moment at which they were due to the last byte of the answer. Each request is another one,
made by the engine itself: users by their popularity, as many candidates as its examples have; so
the feature cache works as it would, and no answer could come from a cache. Refusals, fallbacks and
failures count as misses; before the load, answers are held against those of the engine itself.

After the required rate, the script searches the capacity (the highest rate at which 99 of 100
requests are answered by the model within the limit), and loads the service with twice as much.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import re
import signal
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil
from one_json import one_json_object

from mlsd.cases import find_service
from mlsd.runtime import project_root
from mlsd.serving import Engine, StageClock, poisson_arrivals
from mlsd.serving.artifact import read_artifact
from mlsd.serving.load import LoadReport, as_post, drive

REQUIRED_RATE = 200.0
LIMIT_SECONDS = 0.05
LEAST_RATE = 10.0
CHECKED_ANSWERS = 20
COMMAND = "from mlsd.cli import main; main()"


@dataclass
class Service:
    """The service that is loaded, and the engine that makes its requests."""

    port: int
    process: psutil.Process
    route: str
    examples: object
    started_in: float
    peak: int = 0

    def load(self, rate: float, seconds: float, seed: int) -> dict[str, object]:
        """Load it at a rate; return what came of it."""
        due = poisson_arrivals(rate, seconds, seed)
        generator = np.random.default_rng(seed)
        requests = [as_post(self.route, json.dumps(self.examples(generator)).encode()) for _ in due]
        before = self.process.cpu_times()
        report = asyncio.run(drive(self.port, requests, due))
        after = self.process.cpu_times()
        self.peak = max(self.peak, peak_memory(self.process))
        busy = after.user + after.system - before.user - before.system
        return {**summarise(report), "rate": rate, "cpu_ms_per_request": 1e3 * busy / len(due)}


def peak_memory(process: psutil.Process) -> int:
    """Return the most memory that a process has held, in bytes; where unknown, what it holds."""
    status = Path(f"/proc/{process.pid}/status")
    found = re.search(r"VmHWM:\s+(\d+) kB", status.read_text()) if status.exists() else None
    return int(found[1]) * 1024 if found else process.memory_info().rss


def summarise(report: LoadReport) -> dict[str, object]:
    """Return shares of all outcomes, and quantiles in milliseconds."""
    answered = ("model", "timeout", "error")
    return {
        "requests": len(report.due),
        "hit_share": report.hit_share(LIMIT_SECONDS),
        "p99_with_misses_ms": report.quantile_with_misses_ms(0.99),
        **{f"{each}_share": report.share(each) for each in (*answered, "shed", "failed")},
        "p50_ms": report.quantile_ms(0.5, *answered),
        "p99_ms": report.quantile_ms(0.99, *answered),
        "refused_p50_ms": report.quantile_ms(0.5, "shed"),
        "refused_p99_ms": report.quantile_ms(0.99, "shed"),
        "generator_late_p99_ms": 1e3 * float(np.quantile(report.late, 0.99)),
    }


@contextmanager
def serving(case: str, folder: str, *options: str):
    """Start `mlsd serve`, trained where needed, and yield it once it is ready."""
    train = [sys.executable, "-c", COMMAND, *arguments(case, folder, options, "--train-only")]
    subprocess.run(train, check=True)
    begun = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "-c", COMMAND, *arguments(case, folder, options, "--port", "0")],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        line = process.stdout.readline()
        found = re.search(r":(\d+)/.* version (\S+);", line)
        if not found:
            raise SystemExit(f"serve.py: the service did not come up: {line}")
        port = int(found[1])
        wait_until_ready(port)
        started_in = time.monotonic() - begun
        service = find_service(case)
        engine = service.load(read_artifact(Path(folder) / case / found[2], case=case))
        check_answers(port, service.route, engine)
        process_info = psutil.Process(process.pid)
        yield Service(port, process_info, service.route, engine.example, started_in)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)


def check_answers(port: int, route: str, engine: Engine) -> None:
    """Stop where the service does not answer as its engine does: a load counts any answer."""
    generator = np.random.default_rng(0)
    for _ in range(CHECKED_ANSWERS):
        body = json.dumps(engine.example(generator)).encode()
        expected = engine.answer(engine.parse(body), StageClock())
        kind = {"Content-Type": "application/json"}
        request = urllib.request.Request(f"http://127.0.0.1:{port}{route}", body, kind)
        answer = json.load(urllib.request.urlopen(request, timeout=5))
        told = {name: answer.get(name) for name in expected}
        if answer["source"] == "model" and told != json.loads(json.dumps(expected)):
            raise SystemExit(f"serve.py: the service answered {told}, its engine {expected}")


def arguments(case: str, folder: str, options: tuple[str, ...], *more: str) -> list[str]:
    """Return the words of the command."""
    return ["serve", case, "--artifacts", folder, *options, *more]


def wait_until_ready(port: int) -> None:
    """Return once requests may be sent."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5).close()
            return
        except OSError:
            time.sleep(0.02)
    raise SystemExit("serve.py: the service did not become ready")


def capacity(
    service: Service, seconds: float, rate: float
) -> tuple[float, list[dict[str, object]]]:
    """Return the highest rate that was served as required, to a tenth, and the runs that led there.

    Doubles until the service falls short, or halves until it does not; then halves the distance.
    """
    runs, low, high = [], 0.0, None
    while high is None or high > 1.1 * low:
        runs.append(service.load(rate, seconds, seed=len(runs) + 1_000))
        if runs[-1]["hit_share"] >= 0.99:
            low = rate
        else:
            high = rate
        if rate < LEAST_RATE:
            raise SystemExit(f"serve.py: falls short even at {rate:.0f} requests a second")
        rate = 2 * low if high is None else (low * high) ** 0.5 if low else high / 2
        time.sleep(1.0)
    return low, runs


def measure(
    case: str, folder: str, options: tuple[str, ...], *, rate: float, seconds: float
) -> dict[str, object]:
    """Start the service, load it, stop it."""
    with serving(case, folder, *options) as service:
        load_before = os.getloadavg()[0]
        service.load(rate / 2, 3.0, seed=99)
        required = service.load(rate, seconds, seed=1)
        most, search = capacity(service, max(seconds / 6, 2.0), rate)
        at_capacity = service.load(most, seconds, seed=2)
        twice = service.load(2 * most, seconds, seed=3)
        return {
            "case": case,
            "seconds": seconds,
            "limit_ms": 1e3 * LIMIT_SECONDS,
            "load_before": load_before,
            "python": platform.python_version(),
            "started_in_seconds": service.started_in,
            "required": required,
            "capacity": most,
            "at_capacity": at_capacity,
            "at_twice_the_capacity": twice,
            "search": search,
            "peak_memory_mb": service.peak / 1e6,
        }


def print_table(result: dict[str, object]) -> None:
    """Print what a person wants to know."""
    print(
        f"{result['case']}: {result['seconds']:g} s a rate, ready in "
        f"{result['started_in_seconds']:.1f} s, peak memory {result['peak_memory_mb']:.0f} MB, "
        f"load of the machine before {result['load_before']:.2f}"
    )
    names = ("rate", "hit_share", "p50_ms", "p99_ms", "timeout_share", "shed_share")
    names += ("refused_p99_ms", "failed_share", "cpu_ms_per_request")
    print("".join(f"{name:>19}" for name in names))
    for run in ("required", "at_capacity", "at_twice_the_capacity"):
        values = (result[run][name] for name in names)
        print("".join(f"{'-' if v is None else format(v, '.4g'):>19}" for v in values))


def main() -> None:
    """Print a table, or with ``--json`` one object."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("case")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--quick", action="store_true", help="a smoke test of two seconds a rate")
    parser.add_argument("--artifacts", help="folder of versions; that of `mlsd serve` where absent")
    parser.add_argument("--rung", help="the best deployed one where absent")
    parser.add_argument("--rate", type=float, default=REQUIRED_RATE, help="requests a second")
    parser.add_argument("--size", help="of the world that it is trained in")
    given = parser.parse_args()
    print_object = one_json_object(given.json)
    chosen = {"--rung": given.rung, "--size": given.size}
    options = tuple(word for pair in chosen.items() if pair[1] for word in pair)
    folder = given.artifacts or str(project_root() / "work" / "artifacts")
    seconds = 2.0 if given.quick else 60.0
    result = measure(given.case, folder, options, rate=given.rate, seconds=seconds)
    if given.json:
        print_object(result)
        return
    print_table(result)


if __name__ == "__main__":
    main()

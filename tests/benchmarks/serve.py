"""The ranking service under an open-loop load: latency, fallbacks, refusals.

Run by hand, on two cores that have nothing else to do:

    OMP_WAIT_POLICY=PASSIVE OMP_NUM_THREADS=1 python tests/benchmarks/serve.py [--json] [--quick]

The service runs as a process of its own (one event loop, one thread that scores), the load comes
from this one. Requests come by a Poisson process at a fixed rate, whatever became of those before,
and their latency counts from the moment at which they were due: a load that waits for answers
before it asks again hides the time in which it did not ask. Each request names 100 candidates; the
service looks up all features. The answer is complete when its last byte is read.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections import Counter
from pathlib import Path

import numpy as np
from one_json import one_json_object

from mlsd.serving import poisson_arrivals

CANDIDATES = 100
RATES = (200, 400, 800, 1_600)
HOST = "127.0.0.1"
CONTEXT = ("user_id", "publisher_id", "device", "hour")
NAMES = ("campaign_id", "category", "format", "publisher_id", "device", "hour", "age_band")


def serve(port: int) -> None:
    """Fit a student on three days of the world, and serve it until told to stop."""
    import uvicorn

    from mlsd.features import CounterFeatures
    from mlsd.models import SmoothedRate, StudentPerceptron
    from mlsd.serving import (
        CandidateFeatures,
        OnnxScorer,
        RankingService,
        create_app,
        export_onnx,
        snapshot_tables,
    )
    from mlsd.worlds import AdClickWorld

    logs = AdClickWorld(seed=7).history(days=3)
    log = logs.labelled_log()
    features = CounterFeatures([e for e in log.roles.entities if e != ("user_id", "ad_id")])
    table = log.frame.join(features.compute(log))
    student = StudentPerceptron(categorical=NAMES, numeric=features.names, epochs=0.5)
    student.fit(table, log.label)
    path = export_onnx(student, Path(tempfile.mkdtemp()) / "student.onnx")
    tables = snapshot_tables(logs, features.serving(log), logs.until)
    fallback = SmoothedRate(levels=(("ad_id",),)).fit(table, log.label)
    lookup = CandidateFeatures(tables, context=CONTEXT)
    app = create_app(RankingService(lookup, OnnxScorer(student, path), fallback))
    # The loop must not wait five milliseconds for a thread that computes in Python.
    sys.setswitchinterval(0.0005)
    # The caller's connections must not be closed while they are idle between two bursts.
    quiet = {"log_level": "warning", "access_log": False}
    uvicorn.run(app, host=HOST, port=port, timeout_keep_alive=300, **quiet)


def make_requests(count: int, seed: int) -> list[bytes]:
    """Return requests of 100 candidates as the bytes that go over the wire."""
    generator, requests = np.random.default_rng(seed), []
    for _ in range(count):
        limits = (("user_id", 16_000), ("publisher_id", 200), ("device", 3), ("hour", 24))
        body = {
            "context": {name: int(generator.integers(limit)) for name, limit in limits},
            "ad_ids": generator.choice(1_000, CANDIDATES, replace=False).tolist(),
            "bids": generator.uniform(0.2, 2.0, CANDIDATES).round(3).tolist(),
        }
        text = json.dumps(body, separators=(",", ":")).encode()
        head = f"POST /rank HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: {len(text)}\r\n\r\n"
        requests.append(head.encode() + text)
    return requests


class Caller:
    """Keeps connections open, and opens one more where all are busy."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
        self.outcomes: list[tuple[float, str]] = []

    async def call(self, request: bytes, due: float) -> None:
        """Send a request and note what came back, how long after it was due."""
        try:
            outcome = await asyncio.wait_for(self._exchange(request), 10.0)
        except (OSError, EOFError, TimeoutError):
            outcome = "failed"
        self.outcomes.append((time.perf_counter() - due, outcome))

    async def _exchange(self, request: bytes) -> str:
        reader, writer = self.idle.pop() if self.idle else await self._connect()
        writer.write(request)
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        length = int(head.partition("content-length:")[2].split("\r\n")[0])
        body = json.loads(await reader.readexactly(length))
        self.idle.append((reader, writer))
        status = head.split()[1]
        if status == "503" and "retry-after" in head and "error" in body:
            return "shed"
        return body.get("source", "failed") if status == "200" else "failed"

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection(HOST, self.port)


async def drive(port: int, rate: float, seconds: float, seed: int) -> list[tuple[float, str]]:
    """Send requests at their times; return latency and outcome of each."""
    requests, caller, tasks = make_requests(500, seed), Caller(port), []
    start = time.perf_counter() + 0.1
    for i, arrival in enumerate(poisson_arrivals(rate, seconds, seed)):
        due = start + arrival
        if (early := due - time.perf_counter()) > 0:
            await asyncio.sleep(early)
        tasks.append(asyncio.create_task(caller.call(requests[i % len(requests)], due)))
    await asyncio.gather(*tasks)
    return caller.outcomes


def summarise(outcomes: list[tuple[float, str]], rate: float) -> dict[str, float]:
    """Return quantiles of the answered requests in milliseconds, and shares of all outcomes."""
    counts = Counter(outcome for _, outcome in outcomes)
    answered = [s for s, outcome in outcomes if outcome in ("model", "timeout", "error")]
    refused = [s for s, outcome in outcomes if outcome == "shed"]
    quantiles = {f"p{q}_ms": 1e3 * np.percentile(answered, q) for q in (50, 99)}
    shares = {
        f"{name}_share": counts[name] / len(outcomes)
        for name in ("model", "timeout", "error", "shed", "failed")
    }
    shed_p99 = 1e3 * np.percentile(refused, 99) if refused else None
    return {"rate": rate, "requests": len(outcomes), **quantiles, **shares, "shed_p99_ms": shed_p99}


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as listener:
        listener.bind((HOST, 0))
        return listener.getsockname()[1]


def wait_until_up(port: int, service: subprocess.Popen) -> None:
    """Return when the service answers; raise if it ends before."""
    until = time.monotonic() + 300
    while time.monotonic() < until and service.poll() is None:
        try:
            urllib.request.urlopen(f"http://{HOST}:{port}/healthz", timeout=1).close()
            return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    raise SystemExit("serve.py: the service did not come up")


def measure(rates: tuple[int, ...], seconds: float) -> dict[str, object]:
    """Start the service, load it at each rate, stop it."""
    port = free_port()
    service = subprocess.Popen([sys.executable, __file__, "--serve", str(port)])
    try:
        wait_until_up(port, service)
        asyncio.run(drive(port, 100, min(seconds, 2.0), seed=99))
        load_before = os.getloadavg()[0]
        runs = [summarise(asyncio.run(drive(port, r, seconds, seed=r)), r) for r in rates]
    finally:
        service.terminate()
        service.wait(10)
    return {"candidates": CANDIDATES, "seconds": seconds, "load_before": load_before, "runs": runs}


def main() -> None:
    """Print a table, or with ``--json`` one object."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--quick", action="store_true", help="a smoke test of two seconds a rate")
    parser.add_argument("--serve", type=int, metavar="PORT", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        serve(arguments.serve)
        return
    print_object = one_json_object(arguments.json)
    result = measure(RATES, 2.0 if arguments.quick else 20.0)
    if arguments.json:
        print_object(result)
        return
    print(f"{CANDIDATES} candidates a request; load of the machine before {result['load_before']}")
    names = ("rate", "p50_ms", "p99_ms", "model_share", "timeout_share", "shed_share")
    print("".join(f"{name:>15}" for name in (*names, "failed_share")))
    for run in result["runs"]:
        print("".join(f"{run[name]:>15.4g}" for name in (*names, "failed_share")))


if __name__ == "__main__":
    main()

"""What the load test of a service says of its runs: hits, percentiles, capacity."""

import importlib
import math
from itertools import count

import numpy as np
import pytest

from mlsd.runtime import project_root
from mlsd.serving.load import LoadReport


@pytest.fixture
def benchmark(monkeypatch):
    monkeypatch.syspath_prepend(project_root() / "tests" / "benchmarks")
    module = importlib.import_module("serve")
    monkeypatch.setattr(module.time, "sleep", lambda seconds: None)
    return module


def test_only_the_models_answers_in_time_are_hits_and_refusals_are_no_latency(benchmark):
    outcome = ["model"] * 4 + ["timeout", "error"] + ["shed"] * 3 + ["failed"]
    latency = [0.01, 0.02, 0.05, 0.06, 0.03, 0.04, 0.001, 0.002, 0.9, math.inf]
    zeros = np.zeros(10)
    late = zeros.copy()
    late[-1] = 0.1
    said = benchmark.summarise(LoadReport(zeros, np.array(latency), np.array(outcome), late))
    assert said["requests"] == 10
    assert said["hit_share"] == 0.3
    assert said["p99_with_misses_ms"] is None
    shares = {"model": 0.4, "timeout": 0.1, "error": 0.1, "shed": 0.3, "failed": 0.1}
    assert {name: said[f"{name}_share"] for name in shares} == shares
    assert (said["p50_ms"], said["p99_ms"]) == (35.0, 59.5)
    assert (said["refused_p50_ms"], said["refused_p99_ms"]) == (2.0, 882.04)
    assert said["generator_late_p99_ms"] == pytest.approx(91.0)


class Station:
    """Serves as required up to a rate, and notes what it was asked for."""

    def __init__(self, most):
        self.most, self.rates, self.seeds = most, [], []

    def load(self, rate, seconds, seed):
        self.rates.append(rate)
        self.seeds.append(seed)
        return {"hit_share": 0.99 if rate <= self.most else 0.9899}


@pytest.mark.parametrize("most", [30.0, 150.0, 200.0, 777.0, 2_000.0])
def test_the_capacity_is_the_highest_rate_that_held_to_a_tenth(benchmark, most):
    station = Station(most)
    found, runs = benchmark.capacity(station, 2.0, benchmark.REQUIRED_RATE)
    assert most / 1.1 <= found <= most
    assert found in station.rates
    assert len(runs) == len(station.rates) == len(set(station.seeds))
    assert station.rates[0] == benchmark.REQUIRED_RATE


def test_a_service_that_answers_nothing_in_time_has_no_capacity(benchmark):
    with pytest.raises(SystemExit, match="falls short even at"):
        benchmark.capacity(Station(0.0), 2.0, benchmark.REQUIRED_RATE)


class Clock:
    """A process that uses half a second of processor time between two looks."""

    pid = 0

    def __init__(self):
        self.looks = count()

    def cpu_times(self):
        look = next(self.looks)
        return type("Times", (), {"user": 7 + 0.3 * look, "system": 3 + 0.2 * look})


def test_each_request_of_a_run_is_another_one_at_its_own_time(benchmark, monkeypatch):
    sent = []

    async def drive(port, requests, due):
        sent.append((requests, due))
        return LoadReport(due, due, np.full(len(due), "model"), 0 * due)

    monkeypatch.setattr(benchmark, "drive", drive)
    monkeypatch.setattr(benchmark, "peak_memory", lambda process: 5_000_000)
    examples = lambda generator: {"ad_ids": generator.integers(0, 2**31, 5).tolist()}
    service = benchmark.Service(1, Clock(), "/rank", examples, 0.0)
    said = service.load(100.0, 2.0, seed=1)
    service.load(100.0, 2.0, seed=2)
    (requests, due), (others, _) = sent
    assert len(requests) == len(due) == len(set(requests))
    assert not set(requests) & set(others)
    assert said["cpu_ms_per_request"] == pytest.approx(500 / len(due))
    assert service.peak == 5_000_000

"""Costs of a fitted scorer."""

import itertools
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from mlsd.experiments import costs as costs_module
from mlsd.experiments.costs import Stopwatch, cost_of_rows, cost_of_users, measure_costs
from mlsd.models import GlobalRate


def test_costs_are_positive_and_rows_per_second_is_rows_over_cpu_time():
    frame = pd.DataFrame({"ad_id": np.arange(600)})
    scorer = GlobalRate().fit(frame, np.arange(600) % 2)
    fitted = SimpleNamespace(model=scorer, watch=Stopwatch(seconds=4.0, cpu_seconds=2.0))
    costs = cost_of_rows(fitted, scorer.predict_proba, frame, train_rows=600)
    assert costs.rows_per_second == 300
    assert 0 < costs.predict_one_p50_ms <= costs.predict_one_p99_ms
    assert costs.memory_mb > 0


def test_a_stopwatch_counts_the_block_alone():
    with Stopwatch() as watch:
        np.linalg.svd(np.ones((200, 200)))
    assert 0 < watch.cpu_seconds < 60
    assert watch.seconds > 0


def test_latencies_are_the_median_and_the_99th_percentile_of_the_calls(monkeypatch):
    """Of 200 calls three are slow: the mean and the median miss what the percentile shows."""
    milliseconds = np.repeat([1.0, 500.0], [197, 3])
    monkeypatch.setattr(
        costs_module,
        "_call_milliseconds",
        lambda call, repetitions: milliseconds[-repetitions:] if repetitions > 20 else call(),
    )
    fitted = SimpleNamespace(model=None, watch=Stopwatch(1.0, 1.0))
    costs = measure_costs(fitted, 10, one=lambda: None, batch=lambda: np.array([2.0, 3.0, 40.0]))
    assert (costs.predict_one_p50_ms, costs.predict_one_p99_ms) == (1.0, 500.0)
    assert costs.predict_batch_ms == 3.0


def test_calls_are_timed_in_milliseconds_of_cpu_and_the_first_one_is_not(monkeypatch):
    clock = iter([10.0, 10.002, 20.0, 20.005])
    monkeypatch.setattr(costs_module.time, "process_time", lambda: next(clock))
    calls = []
    found = costs_module._call_milliseconds(lambda: calls.append(1), 2)
    np.testing.assert_allclose(found, [2.0, 5.0])
    assert len(calls) == 3


@pytest.mark.parametrize(("seconds", "calls"), [(0.004, 200), (0.05, 41), (3.0, 5)])
def test_slow_calls_are_timed_less_often(monkeypatch, seconds, calls):
    clock = (step * seconds / 2 for pair in itertools.count() for step in (4 * pair, 4 * pair + 2))
    monkeypatch.setattr(costs_module.time, "process_time", lambda: next(clock))
    found = costs_module._call_milliseconds(lambda: None, 200)
    np.testing.assert_allclose(found, np.full(calls, 1e3 * seconds))


def test_one_is_one_and_a_batch_is_500_rows_or_users():
    asked = []
    fitted = SimpleNamespace(model=b"x" * 1_000_000, watch=Stopwatch(4.0, 2.0))
    rows = {"ad_id": np.arange(600)}
    found = cost_of_rows(fitted, lambda X: asked.append(len(X["ad_id"])), rows, train_rows=10)
    assert (asked[0], asked[-1], set(asked)) == (1, 500, {1, 500})
    asked.clear()
    cost_of_users(fitted, lambda users: asked.append(len(users)), np.arange(600), train_rows=10)
    assert (asked[0], asked[-1], set(asked)) == (1, 500, {1, 500})
    assert (found.fit_seconds, found.fit_cpu_seconds) == (4.0, 2.0)
    assert abs(found.memory_mb - 1.0) < 0.001

"""The queue before one worker, against hand computation and theory."""

import math

import numpy as np
import pytest

from mlsd.runtime import InputError
from mlsd.serving import highest_rate, poisson_arrivals, simulate_hedging, simulate_queue


def outcome(arrivals, needed, **limits):
    return simulate_queue(np.array(arrivals, float), np.array(needed, float), **limits)


def test_by_hand():
    assert outcome([0, 1, 5], [3, 3, 1]).latency.tolist() == [3, 5, 2]


def test_who_waits_past_the_deadline_leaves_without_using_the_worker():
    found = outcome([0, 1, 4], [3.5, 3, 1], timeout=2.5)
    assert found.source.tolist() == ["timeout", "timeout", "model"]
    assert found.latency.tolist() == [2.5, 2.5, 1.0]


def test_who_is_being_scored_at_the_deadline_keeps_the_worker():
    found = outcome([0, 1], [3, 1], timeout=2.5)
    assert found.source.tolist() == ["timeout", "timeout"]
    assert outcome([0, 1], [2.4, 1], timeout=2.5).source.tolist() == ["model", "model"]


def test_one_too_many_is_refused_until_somebody_leaves():
    found = outcome([0, 0.1, 0.2, 1.5], [1, 1, 1, 1], max_waiting=2)
    assert found.source.tolist() == ["model", "model", "shed", "model"]
    assert np.isnan(found.latency[2])
    assert found.share("shed") == 0.25


def test_mean_latency_agrees_with_pollaczek_and_khinchine():
    rate, service = 600.0, 0.001
    arrivals = poisson_arrivals(rate, 300, seed=1)
    found = outcome(arrivals, np.full(len(arrivals), service))
    load = rate * service
    expected = service + load * service / (2 * (1 - load))
    assert found.latency.mean() == pytest.approx(expected, rel=0.03)


def test_a_timeout_alone_bounds_latency_and_wastes_the_worker():
    arrivals = poisson_arrivals(2_000, 5, seed=2)
    needed = np.full(len(arrivals), 0.001)
    alone = simulate_queue(arrivals, needed, timeout=0.02)
    assert np.nanmax(alone.latency) <= 0.02 + 1e-9
    assert alone.share("model") < 0.2
    both = simulate_queue(arrivals, needed, timeout=0.02, max_waiting=10)
    assert both.share("timeout") == 0
    assert both.share("model") == pytest.approx(0.5, abs=0.02)


def hedged(arrivals, needed, copies, **options):
    given = (np.array(each, float) for each in (arrivals, needed, copies))
    return simulate_hedging(*given, **options)


def test_the_first_answer_of_the_two_counts():
    assert hedged([0], [9], [1], patience=2).latency.tolist() == [3]
    assert hedged([0], [4], [9], patience=2).latency.tolist() == [4]
    assert hedged([0], [9], [1], patience=np.inf).source.tolist() == ["model"]


def test_who_comes_later_waits_for_the_copies_too():
    many = np.zeros(40), np.full(40, 4.0)
    alone = hedged(*many, many[1], patience=np.inf).latency.max()
    after = hedged([*many[0], 1000], [*many[1], 1], [*many[1], 1], patience=2)
    # Forty copies of 4 are work for both workers until 160, which nobody cancels.
    late = hedged([*many[0], 90], [*many[1], 1], [*many[1], 1], patience=2)
    assert alone < 110
    assert after.latency[-1] == 1
    assert late.latency[-1] > 60


def test_copies_are_bounded_by_their_tokens():
    arrivals = np.arange(1_000) * 10.0
    found = hedged(arrivals, np.full(1_000, 5.0), np.full(1_000, 1.0), patience=2, allowed=0.05)
    # Ten to begin with, then one in twenty.
    assert found.share("hedged") == pytest.approx(0.06, abs=0.002)
    assert (found.latency[found.source == "hedged"] == 3).all()
    assert (found.latency[found.source == "model"] == 5).all()


def test_without_copies_it_is_two_queues():
    arrivals = poisson_arrivals(400, 20, seed=6)
    needed = np.full(len(arrivals), 0.003)
    worker = np.random.default_rng(0).integers(2, size=len(arrivals))
    found = hedged(arrivals, needed, needed, patience=np.inf).latency
    for who in (0, 1):
        own = worker == who
        np.testing.assert_allclose(found[own], simulate_queue(arrivals[own], needed[own]).latency)


def test_arrivals_come_at_the_rate_with_exponential_gaps():
    gaps = np.diff(poisson_arrivals(500, 100, seed=3))
    assert gaps.mean() == pytest.approx(1 / 500, rel=0.02)
    assert gaps.std() == pytest.approx(gaps.mean(), rel=0.03)


def test_the_same_seed_gives_the_same_load():
    one, two = (poisson_arrivals(50, 2, seed=4) for _ in range(2))
    np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize("wrong", [([1, 0], [1, 1]), ([0, 1], [1])])
def test_bad_arrivals_are_named(wrong):
    with pytest.raises(InputError, match="arrivals have to ascend"):
        outcome(*wrong)


def test_a_rate_has_to_be_positive():
    with pytest.raises(InputError, match="above 0"):
        poisson_arrivals(0, 1, seed=0)


def tail(rate):
    """Return 1 / (100 - rate), the mean latency of a queue that does 100 a second."""
    return 1 / (100 - rate) if rate < 100 else math.inf


@pytest.mark.parametrize("start", [0.5, 70.0, 3_000.0])
def test_the_highest_rate_keeps_the_limit_and_one_percent_more_does_not(start):
    found = highest_rate(tail, 0.05, start=start)
    assert tail(found) <= 0.05 < tail(1.011 * found)


def test_a_limit_that_no_rate_keeps_gives_zero():
    assert highest_rate(tail, 0.005) == 0.0

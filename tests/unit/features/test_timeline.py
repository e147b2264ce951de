"""The kernel: entities, order, clock, running sums."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlsd.features.entities import GrowingIndex, entity_codes, stable_order
from mlsd.features.sums import RunningSum, sums_by_run
from mlsd.features.timeline import Clock, EntityTimeline
from mlsd.runtime import InputError


@pytest.mark.parametrize("most", [10, 70_000, 2**40])
def test_stable_order_is_that_of_numpy(most):
    codes = np.random.default_rng(0).integers(0, most, 5_000)
    expected = np.argsort(codes, kind="stable")
    assert (stable_order(codes) == expected).all()
    start = np.random.default_rng(1).permutation(5_000)
    assert (stable_order(codes, start) == start[np.argsort(codes[start], kind="stable")]).all()


@pytest.mark.parametrize(
    "columns",
    [
        {"a": np.random.default_rng(0).integers(-5, 5, 300)},
        {"a": np.array(["x", None, "y", np.nan, "x"], dtype=object)},
        {"a": np.array([1.5, np.nan, np.nan, 2.0])},
        {"a": np.array([2**62, -(2**62), 2**62])},
        {name: np.random.default_rng(i).integers(0, 2**60, 50) for i, name in enumerate("abcdef")},
        {"a": np.array([1, 1, 2]), "b": np.array(["x", "y", "x"], dtype=object)},
    ],
)
def test_codes_tell_entities_apart_as_pandas_does(columns):
    codes = entity_codes(columns, tuple(columns))
    expected = pd.DataFrame(columns).groupby(list(columns), dropna=False, sort=False).ngroup()
    assert (pd.factorize(codes)[0] == expected).all()
    assert codes.min() >= 0
    assert codes.max() < 2**31


def test_entities_that_name_nothing_are_refused():
    with pytest.raises(InputError, match="an entity names no column"):
        entity_codes({"a": [1]}, ())


@given(
    st.lists(st.integers(-8, 8), min_size=1, max_size=20),
    st.lists(st.integers(-20, 20), min_size=1, max_size=20),
    st.sampled_from([1, 2, 10**12]),
    st.sampled_from(["left", "right"]),
    st.booleans(),
)
def test_ranks_compare_as_the_moments_do(times, moments, step, side, whole):
    kind = np.int64 if whole else np.float64
    times, moments = np.array(times, kind) * step, np.array(moments, np.float64) * step / 2
    clock = Clock(times)
    ranks = clock.rank(moments, side)
    for moment, rank in zip(moments, ranks):
        before = times < moment if side == "left" else times <= moment
        assert ((clock.ranks < rank) == before).all()
        assert 0 <= rank <= clock.span


def test_positions_of_entities_without_events_hold_nothing():
    timeline = EntityTimeline(np.array([1, 1, 3]), np.array([1, 2, 3]))
    for code in (0, 2, 9):
        bounds = [timeline.positions(np.array([code]), np.array([t]), "left")[0] for t in (-99, 99)]
        assert bounds[0] == bounds[1]
    states = timeline.decayed(np.ones(3), 1.0)
    codes, moments = np.array([0, 2, 9]), np.full(3, 99)
    positions = timeline.positions(codes, moments, "left")
    assert timeline.decayed_at(states, 1.0, codes, moments, positions).tolist() == [0, 0, 0]


floats = st.floats(-1e12, 1e12) | st.floats(-1e-6, 1e-6)


@given(st.lists(floats, min_size=1, max_size=60), st.data())
def test_running_sums_are_as_exact_as_fsum(values, data):
    first = data.draw(st.integers(0, len(values)))
    last = data.draw(st.integers(first, len(values)))
    found = RunningSum(np.array(values)).between(np.array([first]), np.array([last]))[0]
    exact = math.fsum(values[first:last])
    assert found == pytest.approx(exact, rel=1e-14, abs=1e-15)


def test_running_sums_of_large_integers_do_not_wrap():
    values = np.full(100, 2**60)
    assert RunningSum(values).between(np.array([0]), np.array([100]))[0] == 100.0 * 2**60


def test_long_columns_are_summed_exactly_too():
    values = np.random.default_rng(0).lognormal(0, 5, 100_000)
    sums = RunningSum(values)
    for first, last in ((0, 100_000), (40_000, 40_007), (32_760, 65_540)):
        found = sums.between(np.array([first]), np.array([last]))[0]
        assert found == pytest.approx(math.fsum(values[first:last]), rel=1e-15)


@given(st.lists(st.integers(1, 9), min_size=1, max_size=12))
def test_sums_begin_anew_at_each_run(lengths):
    values = np.arange(1.0, sum(lengths) + 1)
    starts = np.cumsum([0, *lengths[:-1]])
    expected = np.concatenate([np.cumsum(run) for run in np.split(values, starts[1:])])
    assert (sums_by_run(values, starts) == expected).all()


def test_a_growing_index_numbers_values_in_order_of_appearance():
    rng = np.random.default_rng(0)
    index, batches = GrowingIndex(), [rng.integers(0, 5_000, 200) for _ in range(60)]
    codes = np.concatenate([index.find_or_add(batch) for batch in batches])
    everything = np.concatenate(batches)
    assert (codes == pd.factorize(everything)[0]).all()
    assert (index.find(everything) == codes).all()
    assert len(index) == len(np.unique(everything))
    assert index.find(np.array([-1])).tolist() == [-1]

import numpy as np
import pytest

from mlsd.worlds.ad_click.assignment import WINDOWS_PER_DAY, Assignment
from mlsd.worlds.ad_click.measures import PARTS, UNITS, Tally, compare_tallies
from mlsd.worlds.ad_click.traffic import Block


def tally_of(counts, seed=0):
    """A tally with the given clicks by unit, 10 requests and 30 impressions each."""
    tally = Tally(len(counts), first_day=14, days=1)
    unit, ts = np.arange(len(counts)), np.full(len(counts), 14 * 86_400.0)
    parts = dict(zip(PARTS, (10, 30, counts, 0.5 * counts, 2.0 * counts, 1)))
    for part, amount in parts.items():
        tally.add(part, unit, ts, np.broadcast_to(amount, unit.shape))
    return tally


def test_measures_by_hand():
    tally = tally_of(np.array([1, 3]))
    report = tally.report(tally.draws(0))
    values = {name: measure.estimate for name, measure in report.measures.items()}
    # 20 requests, 60 impressions, 4 clicks at 0.5, conversions worth 8, 2 hides.
    assert values == {
        "revenue": pytest.approx(100),
        "clicks": pytest.approx(200),
        "click_through_rate": pytest.approx(4 / 60),
        "advertiser_value": pytest.approx(300),
        "user_cost": pytest.approx(1_000 * 2 / 60),
    }
    assert set(report.units) == set(UNITS)
    assert report.requests == 20
    assert report.by_day["day"].tolist() == [14]
    assert report.by_day["advertiser_value"].tolist() == [6.0]


def test_intervals_cover_the_mean_of_independent_users():
    rng = np.random.default_rng(0)
    covered = 0
    for repetition in range(200):
        tally = tally_of(rng.poisson(2.0, 200))
        covered += not tally.report(tally.draws(repetition)).measures["clicks"].excludes(200.0)
    assert 0.89 <= covered / 200 <= 0.99


def test_pairing_narrows_the_difference():
    rng = np.random.default_rng(1)
    base = rng.poisson(5.0, 500)
    control, treatment = tally_of(base), tally_of(base + (rng.random(500) < 0.2))
    widths = []
    for paired in (True, False):
        lift = compare_tallies(control, treatment, design="x", seed=0, paired=paired)
        difference = lift.lifts["clicks"].difference
        widths.append(difference.high - difference.low)
    assert widths[0] < 0.5 * widths[1]


def test_the_relative_lift_is_the_difference_over_the_control():
    comparison = compare_tallies(
        tally_of(np.full(50, 2)), tally_of(np.full(50, 3)), design="x", seed=0, paired=True
    )
    assert comparison.lifts["clicks"].relative.estimate == pytest.approx(0.5)
    assert comparison.lifts["clicks"].difference.estimate == pytest.approx(100)


def block_of(hours, day=14):
    hour = np.asarray(hours, np.int8)
    empty = np.zeros(len(hour))
    return Block(
        day, empty, empty, np.arange(len(hour)), *[empty] * 2, hour, *[empty] * 4, (), np.zeros(1)
    )


def test_users_keep_their_arm_and_are_split_in_half():
    assignment = Assignment("user", 0, users=4_000, first_day=14)
    block = block_of(np.zeros(4_000))
    arms = assignment.arms(block, slice(None))
    np.testing.assert_array_equal(arms, assignment.arms(block, np.arange(4_000)))
    assert arms.mean() == pytest.approx(0.5, abs=0.04)


def test_switchback_gives_the_windows_of_a_pair_to_different_arms():
    assignment = Assignment("switchback", 0, users=10, first_day=14)
    arms = []
    for day in range(14, 34):
        by_hour = assignment.arms(block_of(range(24), day), slice(None)).reshape(-1, 4)
        assert (by_hour == by_hour[:, :1]).all()
        arms.append(by_hour[:, 0])
    pairs = np.concatenate(arms).reshape(-1, 2)
    assert (pairs.sum(axis=1) == 1).all()
    assert 0.2 < pairs[:, 0].mean() < 0.8
    assert assignment.count(20) == 20 * WINDOWS_PER_DAY

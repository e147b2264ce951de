"""Sums by unit and by day, and what is made of them, on clicks per request."""

import numpy as np
import pytest

from mlsd.runtime.times import DAY
from mlsd.worlds.kit.tally import Measures, Tally, compare_tallies

MEASURES = Measures(
    parts=("requests", "clicks"),
    units={"clicks": "clicks per request", "total": "clicks"},
    values=lambda sums: np.stack(
        [sums[..., 1] / np.maximum(sums[..., 0], 1), sums[..., 1]], axis=-1
    ),
    daily={"rate": lambda day: day["clicks"] / day["requests"]},
)


def tally_of(clicks):
    """A tally of one day with the given clicks by unit, 10 requests each."""
    tally = Tally(len(clicks), MEASURES, first_day=14, days=1)
    unit, ts = np.arange(len(clicks)), np.full(len(clicks), 14.0 * DAY)
    tally.add("requests", unit, ts, np.full(len(clicks), 10))
    tally.add("clicks", unit, ts, clicks)
    return tally


def test_a_report_by_hand():
    tally = tally_of(np.array([1, 3]))
    report = tally.report(tally.draws(0))
    values = {name: measure.estimate for name, measure in report.measures.items()}
    assert values == {"clicks": 0.2, "total": 4.0}
    assert (report.units, report.requests) == (MEASURES.units, 20)


def test_every_moment_of_a_day_counts_for_it():
    tally = Tally(1, MEASURES, first_day=14, days=3)
    ts = np.array([14 * DAY, 15 * DAY - 0.001, 15 * DAY, 16 * DAY, 17 * DAY - 0.001])
    one = np.zeros(5, int)
    tally.add("requests", one, ts, np.full(5, 10))
    tally.add("clicks", one, ts, np.arange(1, 6))
    by_day = tally.report(tally.draws(0)).by_day
    assert list(by_day) == ["day", "requests", "clicks", "rate"]
    assert by_day["day"].tolist() == [14, 15, 16]
    assert by_day["requests"].tolist() == [20, 10, 20]
    assert by_day["clicks"].tolist() == [3, 3, 9]
    assert by_day["rate"].tolist() == [0.15, 0.3, 0.45]


def test_rows_outside_the_days_are_refused():
    tally = Tally(1, MEASURES, first_day=14, days=1)
    for day in (13, 15):
        with pytest.raises(ValueError, match=r"negative|broadcast"):
            tally.add("requests", np.zeros(1, int), np.array([day * DAY]), np.ones(1))


def test_intervals_cover_the_mean_of_independent_units():
    rng = np.random.default_rng(0)
    covered = 0
    for repetition in range(200):
        tally = tally_of(rng.poisson(2.0, 200))
        covered += not tally.report(tally.draws(repetition)).measures["clicks"].excludes(0.2)
    assert 0.89 <= covered / 200 <= 0.99


def test_units_without_requests_do_not_move_the_weights_of_others():
    quiet, busy = Tally(3, MEASURES, first_day=0, days=1), Tally(3, MEASURES, first_day=0, days=1)
    for tally, units in ((quiet, [0, 2]), (busy, [0, 1, 2])):
        unit, ts = np.array(units), np.zeros(len(units))
        tally.add("requests", unit, ts, np.ones(len(units)))
        tally.add("clicks", unit, ts, (unit == 2).astype(float))
    # Unit 2 alone has clicks, so their total shows its weight.
    np.testing.assert_array_equal(quiet.draws(0)[:, 1], busy.draws(0)[:, 1])


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
    pair = tally_of(np.full(50, 2)), tally_of(np.full(50, 3))
    lift = compare_tallies(*pair, design="x", seed=0, paired=True).lifts["clicks"]
    assert lift.relative.estimate == pytest.approx(0.5)
    assert lift.difference.estimate == pytest.approx(0.1)


def test_the_relative_lift_is_that_of_the_sums_and_not_the_mean_of_its_draws():
    rng = np.random.default_rng(2)
    pair = (tally_of(rng.poisson(rate, 20)) for rate in (2.0, 3.0))
    lift = compare_tallies(*pair, design="x", seed=0, paired=False).lifts["clicks"]
    share = lift.treatment.estimate / lift.control.estimate - 1
    assert lift.relative.estimate == pytest.approx(share, rel=1e-12)
    assert lift.relative.low < share < lift.relative.high


def test_a_lift_over_nothing_is_no_lift():
    pair = tally_of(np.zeros(50)), tally_of(np.full(50, 3))
    lift = compare_tallies(*pair, design="x", seed=0, paired=True).lifts["clicks"]
    assert (lift.relative.estimate, lift.relative.low, lift.relative.high) == (0, 0, 0)


def test_a_lift_over_a_loss_keeps_its_sign():
    """Of a control that loses, half of the loss less is a lift of a half, upwards."""
    pair = tally_of(np.full(50, -2)), tally_of(np.full(50, -1))
    lift = compare_tallies(*pair, design="x", seed=0, paired=True).lifts["clicks"]
    assert lift.difference.estimate == pytest.approx(0.1)
    relative = (lift.relative.low, lift.relative.estimate, lift.relative.high)
    assert relative == pytest.approx((0.5, 0.5, 0.5))

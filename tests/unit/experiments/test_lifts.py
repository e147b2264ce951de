"""Lifts of means and ratios, against simulated truth and formulas."""

import numpy as np
import pytest
from scipy import stats

from mlsd.experiments import (
    mean_lift,
    paired_ratio_lift,
    ratio_lift,
    ratio_spread,
    users_per_arm,
)
from mlsd.runtime import InputError


def test_a_ratio_lift_covers_the_truth_where_rows_of_a_user_are_alike():
    """Users differ in rate and in number of views; 95 of 100 intervals hold a lift of 0."""
    rng = np.random.default_rng(5)
    covered, widths = [], []
    for _ in range(400):
        arms = []
        for _ in range(2):
            views = 1 + rng.poisson(rng.gamma(0.5, 20.0, 1_000))
            arms.append((rng.binomial(views, rng.beta(1, 9, 1_000)), views))
        lift = ratio_lift(*arms)
        covered.append(not lift.excludes(0))
        widths.append(lift.high - lift.low)
    assert 0.92 < np.mean(covered) < 0.98
    (clicks, views), _ = arms
    rate = clicks.sum() / views.sum()
    by_row = 2 * 1.96 * np.sqrt(2 * (1 - rate) / (rate * views.sum()))
    assert np.mean(widths) > 1.5 * by_row


def test_users_of_one_rate_leave_a_ratio_without_error():
    views = np.array([10.0, 40.0, 100.0])
    lift = ratio_lift((0.1 * views, views), (0.2 * views, views))
    assert (lift.estimate, lift.low, lift.high) == pytest.approx((1, 1, 1))


def test_a_mean_lift_has_the_error_of_two_independent_means():
    rng = np.random.default_rng(1)
    control, treatment = rng.gamma(2.0, 1.0, 500), rng.gamma(2.2, 1.0, 400)
    lift = mean_lift(control, treatment, level=0.9)
    assert lift.estimate == pytest.approx(treatment.mean() / control.mean() - 1)
    # Relative variances add where the lift is near zero.
    relative = [x.var(ddof=1) / len(x) / x.mean() ** 2 for x in (control, treatment)]
    wanted = stats.norm.ppf(0.95) * np.sqrt(sum(relative)) * treatment.mean() / control.mean()
    assert lift.high - lift.estimate == pytest.approx(wanted)


def test_lifts_refuse_arms_without_a_ratio():
    for bad in (([1.0], [1.0]), ([1.0, 2.0], [0.0, 0.0]), ([1.0, 2.0], [1.0])):
        with pytest.raises(InputError):
            ratio_lift(bad, ([1.0, 2.0], [1.0, 1.0]))
    with pytest.raises(InputError, match="positive"):
        mean_lift([0.0, 0.0], [1.0, 2.0])


def test_a_paired_lift_covers_the_truth_and_is_narrower_than_that_of_strangers():
    """Twins share what makes users differ; 95 of 100 intervals hold a lift of 0."""
    rng = np.random.default_rng(6)
    covered, narrower = [], []
    for _ in range(400):
        visits = 1 + rng.poisson(rng.gamma(0.5, 10.0, 1_000))
        rate = rng.beta(1, 9, 1_000)
        twins = [(rng.binomial(visits, rate), visits) for _ in range(2)]
        lift, apart = paired_ratio_lift(*twins), ratio_lift(*twins)
        assert lift.estimate == pytest.approx(apart.estimate)
        covered.append(not lift.excludes(0))
        narrower.append((lift.high - lift.low) / (apart.high - apart.low))
    assert 0.92 < np.mean(covered) < 0.98
    assert np.mean(narrower) < 0.95


def test_a_paired_lift_refuses_other_units():
    two, three = (np.ones(2), np.ones(2)), (np.ones(3), np.ones(3))
    with pytest.raises(InputError, match="same units"):
        paired_ratio_lift(two, three)
    with pytest.raises(InputError, match="positive"):
        paired_ratio_lift((np.zeros(2), np.ones(2)), two)


def test_the_spread_of_a_ratio_sizes_a_test_of_that_ratio():
    """A test of so many users has the half width that its formula promises."""
    rng = np.random.default_rng(7)
    arms = []
    for _ in range(2):
        views = 1 + rng.poisson(rng.gamma(0.5, 20.0, 4_000))
        arms.append((rng.binomial(views, rng.beta(1, 9, 4_000)), views))
    lift, spread = ratio_lift(*arms), ratio_spread(*arms[0])
    reach = stats.norm.ppf(0.975)
    assert (lift.high - lift.low) / 2 == pytest.approx(reach * spread * np.sqrt(2 / 4_000), rel=0.1)
    assert users_per_arm(spread, 0.05, power=0.5) == pytest.approx(
        2 * (reach * spread / 0.05) ** 2, rel=1e-6
    )
    with pytest.raises(InputError, match="positive"):
        ratio_spread(np.zeros(3), np.ones(3))

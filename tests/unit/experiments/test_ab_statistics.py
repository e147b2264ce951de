"""Statistics of A/B tests, against published tables, scipy and simulated truth."""

import numpy as np
import pytest
from scipy import stats

from mlsd.experiments import (
    cuped,
    false_alarm_probability,
    holm,
    mean_lift,
    ratio_lift,
    sample_ratio_p_value,
    sequential_boundary,
    users_per_arm,
)
from mlsd.runtime import InputError


def test_the_sample_size_has_the_power_that_was_asked_for():
    users = users_per_arm(1.5, 0.1, significance=0.1, power=0.7)
    error = 1.5 * np.sqrt(2 / users)
    reach = stats.norm.ppf(0.95)
    assert stats.norm.sf(reach - 0.1 / error) == pytest.approx(0.7)


@pytest.mark.parametrize("shares", [[0.5, 0.5], [0.2, 0.8], [1, 2, 3]])
def test_the_sample_ratio_test_is_the_chi_square_test(shares):
    counts = np.array([480, 530, 700])[: len(shares)]
    expected = counts.sum() * np.array(shares) / np.sum(shares)
    wanted = stats.chisquare(counts, expected).pvalue
    assert sample_ratio_p_value(counts, shares) == pytest.approx(wanted)


def test_the_sample_ratio_test_refuses_what_is_no_split():
    for counts, shares in (([5], None), ([0, 0], None), ([5, 5], [1.0]), ([5, 5], [0.0, 1.0])):
        with pytest.raises(InputError):
            sample_ratio_p_value(counts, shares)


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


def test_cuped_leaves_the_unexplained_variance_and_the_mean():
    rng = np.random.default_rng(2)
    before = rng.normal(size=(20_000, 2))
    outcome = 3 + before @ [1.0, 0.5] + rng.normal(size=20_000)
    adjusted = cuped(outcome, before)
    assert adjusted.mean() == pytest.approx(outcome.mean())
    assert adjusted.var() / outcome.var() == pytest.approx(1 / 2.25, abs=0.02)
    one = cuped(outcome, before[:, 0])
    assert np.corrcoef(one, before[:, 0])[0, 1] == pytest.approx(0, abs=1e-9)
    with pytest.raises(InputError, match="3 outcomes and 2 rows"):
        cuped([1.0, 2.0, 3.0], [1.0, 2.0])


@pytest.mark.parametrize(
    ("shape", "table"),
    [
        ("pocock", {1: 1.960, 2: 2.178, 3: 2.289, 5: 2.413, 10: 2.555, 20: 2.672}),
        ("obrien_fleming", {1: 1.960, 2: 1.977, 3: 2.004, 5: 2.040, 10: 2.087, 20: 2.126}),
    ],
)
def test_boundaries_are_those_of_the_published_tables(shape, table):
    """Jennison and Turnbull 2000, tables 2.1 and 2.3, significance 0.05."""
    for looks, constant in table.items():
        assert sequential_boundary(looks, shape=shape)[-1] == pytest.approx(constant, abs=6e-4)


def test_a_boundary_spends_the_significance_in_simulated_looks():
    rng = np.random.default_rng(3)
    sums = rng.normal(size=(40_000, 7)).cumsum(axis=1)
    z = np.abs(sums) / np.sqrt(np.arange(1, 8))
    for shape in ("pocock", "obrien_fleming"):
        boundary = sequential_boundary(7, significance=0.1, shape=shape)
        assert (z > boundary).any(axis=1).mean() == pytest.approx(0.1, abs=0.006)
    naive = (z > 1.96).any(axis=1).mean()
    assert false_alarm_probability([1.96] * 7) == pytest.approx(naive, abs=0.008)


def test_a_boundary_refuses_no_looks_and_unknown_shapes():
    with pytest.raises(InputError, match="looks=0"):
        sequential_boundary(0)
    with pytest.raises(InputError, match="pocock"):
        sequential_boundary(3, shape="straight")


def test_holm_keeps_the_order_and_never_exceeds_one():
    assert holm([0.2, 0.001, 0.9, 0.02]) == pytest.approx([0.4, 0.004, 0.9, 0.06])
    assert holm([0.6, 0.7]) == pytest.approx([1.0, 1.0])

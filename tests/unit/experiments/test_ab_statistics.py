"""Statistics of A/B tests, against published tables, scipy and simulated truth."""

import numpy as np
import pytest
from scipy import stats

from mlsd.experiments import (
    cuped,
    false_alarm_probability,
    holm,
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

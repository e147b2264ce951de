import numpy as np
import pytest

from mlsd.features.shrinkage import moment_strength, shrunk_rate


def test_rate_goes_from_the_prior_to_what_was_seen():
    found = shrunk_rate(np.array([0.0, 1.0, 900.0]), np.array([0.0, 2.0, 1_000.0]), 0.1, 8.0)
    np.testing.assert_allclose(found, [0.1, 1.8 / 10, 900.8 / 1_008])


def test_strength_by_hand():
    """Of 10 impressions each, 5 clicks expected: deviations of 3 and 1 squared are 10 in sum."""
    clicks, impressions = np.array([8, 4]), np.array([10, 10])
    excess, scale = 10 / 10 - 2 * 0.25, 2 * 9 * 0.25
    found = moment_strength(clicks, impressions, np.array([5.0, 5.0]), most=1e4)
    assert found == pytest.approx(scale / excess - 1) == pytest.approx(8.0)


@pytest.mark.parametrize("strength", [5.0, 50.0])
def test_a_planted_strength_is_recovered(strength):
    rng = np.random.default_rng(0)
    impressions = rng.integers(1, 400, 20_000)
    rates = rng.beta(0.1 * strength, 0.9 * strength, 20_000)
    clicks = rng.binomial(impressions, rates)
    found = moment_strength(clicks, impressions, 0.1 * impressions, most=1e4)
    assert found == pytest.approx(strength, rel=0.1)


def test_strength_is_bounded_on_both_sides():
    impressions, expected = np.full(4, 100), np.full(4, 50.0)
    even, extreme = np.full(4, 50), np.array([0, 100, 0, 100])
    assert moment_strength(even, impressions, expected, most=77.0) == 77.0
    assert moment_strength(extreme, impressions, expected, most=77.0) == 1.0


def test_weights_below_one_count_as_no_pair_of_impressions():
    clicks, impressions = np.array([0.5, 8.0, 4.0]), np.array([0.5, 10.0, 10.0])
    found = moment_strength(clicks, impressions, impressions / 2, most=1e4)
    excess = 0.25**2 / 0.5 + 10 / 10 - 3 * 0.25
    assert found == pytest.approx(2 * 9 * 0.25 / excess - 1)

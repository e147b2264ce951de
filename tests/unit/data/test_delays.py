"""The product-limit estimate of how many conversions have come by an age."""

import numpy as np
import pytest

from mlsd.data import completeness_curve, conversions_at_risk
from mlsd.runtime import InputError

DELAY, AGE = np.array([5.0, 1.0, 2.0]), np.array([10.0, 3.0, 10.0])


def test_by_hand():
    delay, share = completeness_curve(DELAY, AGE)
    assert delay.tolist() == [1, 2, 5]
    assert share.tolist() == [0.25, 0.5, 1]


def test_equals_the_product_over_the_conversions_at_risk():
    rng = np.random.default_rng(1)
    delay, age = rng.exponential(size=200), rng.uniform(0, 4, 200)
    seen = delay <= age
    moments, share = completeness_curve(delay[seen], age[seen])
    risk = [conversions_at_risk(delay[seen], age[seen], moment) for moment in moments]
    by_hand = [np.prod(1 - 1 / np.maximum(risk[i + 1 :], 2)) for i in range(len(moments))]
    np.testing.assert_allclose(share, by_hand)


def test_a_conversion_of_exactly_that_delay_and_age_is_at_risk():
    assert conversions_at_risk(np.array([1.0]), np.array([1.0]), 1.0) == 1


def test_recovers_the_law_where_the_observed_shares_do_not():
    rng = np.random.default_rng(2)
    delay, age = rng.weibull(0.5, 40_000), rng.uniform(0, 6, 40_000)
    seen = (delay <= age) & (delay <= 5)
    moments, share = completeness_curve(delay[seen], age[seen])
    at_one, truth = np.interp(1.0, moments, share), (1 - np.exp(-1)) / (1 - np.exp(-(5**0.5)))
    assert abs(at_one - truth) < 0.02
    assert np.mean(delay[seen] <= 1) > truth + 0.05


def test_clicks_older_than_the_window_stay_at_risk_at_it():
    moments, share = completeness_curve([1.0, 3.0], [2.0, 50.0], window=3.0)
    assert share.tolist() == completeness_curve([1.0, 3.0], [2.0, 3.0])[1].tolist() == [0.5, 1]


@pytest.mark.parametrize("pair", [([], []), ([1.0], [1.0, 2.0]), ([2.0], [1.0])])
def test_refuses(pair):
    with pytest.raises(InputError):
        completeness_curve(*pair)


def test_a_delay_beyond_the_window_is_refused():
    with pytest.raises(InputError, match="beyond the window of 2.5"):
        completeness_curve([1.0, 2.0, 3.0], [9.0, 9.0, 9.0], window=2.5)

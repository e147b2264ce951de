"""Users as the unit of a rate, and a boundary that keeps its promise at many looks."""

import numpy as np
import pytest

from mlsd.policies import always_valid_limit, rate_gap
from mlsd.runtime import InputError


def test_gap_by_hand():
    clicks, views = np.array([1.0, 3.0, 0.0, 2.0]), np.array([10.0, 20.0, 10.0, 40.0])
    is_new = np.array([False, False, True, True])
    gap = rate_gap(clicks, views, is_new)
    rate = 6 / 80
    variance = ((clicks - rate * views) ** 2).sum() / 80 * (1 / 30 + 1 / 50)
    assert gap.change == pytest.approx((2 / 50) / (4 / 30) - 1)
    assert gap.error == pytest.approx(np.sqrt(variance) / (4 / 30))
    assert gap.score == pytest.approx(gap.change / gap.error)


def test_rows_of_their_own_users_have_the_textbook_error():
    rng = np.random.default_rng(0)
    clicks, is_new = (rng.random(4000) < 0.1).astype(float), rng.random(4000) < 0.3
    gap = rate_gap(clicks, np.ones(4000), is_new)
    rate, arms = clicks.mean(), np.array([is_new.sum(), (~is_new).sum()])
    textbook = np.sqrt(rate * (1 - rate) * (1 / arms).sum()) / clicks[~is_new].mean()
    assert gap.error == pytest.approx(textbook)


@pytest.mark.parametrize("empty", [[0, 0, 5, 5], [5, 5, 0, 0]])
def test_an_arm_without_trials_says_nothing(empty):
    gap = rate_gap(np.zeros(4), np.array(empty, float), np.array([False, False, True, True]))
    assert (gap.change, gap.score) == (0.0, 0.0)
    assert always_valid_limit(gap.error, promise=0.01, harm=0.2) == np.inf


def test_a_new_arm_without_any_click_has_lost_everything():
    clicks, views = np.array([2.0, 4.0, 0.0, 0.0]), np.full(4, 10.0)
    gap = rate_gap(clicks, views, np.array([False, False, True, True]))
    # Rate 6 / 40 of both; residuals 0.5, 2.5, -1.5, -1.5.
    error = np.sqrt((0.5**2 + 2.5**2 + 2 * 1.5**2) / 40 * (1 / 20 + 1 / 20)) / (6 / 20)
    assert gap.change == -1
    assert gap.error == pytest.approx(error)


def test_limit_by_hand_and_its_warm_up():
    expected = np.sqrt(1.25 * (np.log(5) - 2 * np.log(0.02)))
    assert always_valid_limit(0.1, promise=0.01, harm=0.2) == pytest.approx(expected)
    limits = [always_valid_limit(e, promise=0.01, harm=0.2) for e in (2.0, 0.5, 0.15)]
    assert limits == sorted(limits, reverse=True)
    assert limits[0] > 20


def test_a_walk_without_change_seldom_crosses_however_often_one_looks():
    steps = np.random.default_rng(1).standard_normal((4000, 400)).cumsum(axis=1)
    n = np.arange(1, 401)
    score, error = steps / np.sqrt(n), 1 / np.sqrt(n)
    limit = np.array([always_valid_limit(e, promise=0.05, harm=0.3) for e in error])
    assert 0.005 < (score < -limit).any(axis=1).mean() < 0.05
    assert (score < -1.645).any(axis=1).mean() > 0.2
    moved = (steps - 0.3 * n) / np.sqrt(n)
    assert (moved < -limit).any(axis=1).mean() > 0.95


@pytest.mark.parametrize("wrong", [{"promise": 0.5}, {"promise": 0.0}, {"harm": 0.0}])
def test_impossible_promises_are_refused(wrong):
    with pytest.raises(InputError):
        always_valid_limit(0.1, **{"promise": 0.01, "harm": 0.2} | wrong)

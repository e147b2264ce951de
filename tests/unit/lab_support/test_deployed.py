from types import SimpleNamespace

import pytest

from mlsd.lab_support.deployed import market_seeds, mean_over_markets, revenue_lift


class Market:
    """A world in which a policy is what it earns."""

    def compare(self, a, b, days, *, history_days):
        assert (days, history_days) == (3, 7)
        relative = SimpleNamespace(estimate=b / a - 1)
        return SimpleNamespace(lifts={"revenue": SimpleNamespace(relative=relative)})


def test_a_lift_is_the_share_that_the_policy_earns_beyond_the_baseline():
    assert revenue_lift(Market(), 100.0, 108.0, days=3, history_days=7) == pytest.approx(0.08)


def test_no_two_seeds_share_a_market():
    seeds = [own for seed in range(40) for own in market_seeds(seed, markets=5)]
    assert len(set(seeds)) == 200


def test_every_market_counts_alike():
    earned = {9_000: 1.0, 9_001: 2.0, 9_002: 6.0}
    assert mean_over_markets(9, 3, earned.__getitem__) == 3.0

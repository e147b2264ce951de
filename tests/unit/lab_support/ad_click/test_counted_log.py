"""The counters lab's revenue: two markets, and the interval of their mean."""

import math

import pytest

from mlsd.lab_support.ad_click import counted_log
from mlsd.lab_support.deployed import market_seeds
from mlsd.metrics import Interval


def test_revenue_is_the_mean_of_two_markets_with_the_interval_of_a_mean(monkeypatch):
    first, second = market_seeds(4, counted_log.MARKETS)
    markets = {first: Interval(104.0, 101.0, 108.0), second: Interval(110.0, 106.0, 113.0)}
    monkeypatch.setattr(counted_log, "_earned", lambda seed, make: markets[seed])
    found = counted_log.deployed_revenue(4, lambda log: log)
    assert found.estimate == 107.0
    assert found.low == pytest.approx(107 - math.hypot(3, 4) / 2)
    assert found.high == pytest.approx(107 + math.hypot(4, 3) / 2)

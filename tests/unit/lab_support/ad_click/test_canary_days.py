"""Quiet days of the rollback lab: sums by user, damage, and what a rule is given."""

import numpy as np
import pytest

from mlsd.lab_support.ad_click import canary_days
from mlsd.lab_support.ad_click.canary_days import QuietDays, hours_until_rollback, market_days
from mlsd.policies import in_canary, rate_gap
from mlsd.worlds import AdClickConfig


@pytest.fixture
def small(monkeypatch):
    """Return days of a market of a few users."""
    config = AdClickConfig().scaled("small")
    monkeypatch.setattr(canary_days, "MARKETS", {"small": config})
    market_days.cache_clear()
    yield market_days(4, "small")
    market_days.cache_clear()


def test_sums_grow_and_damage_takes_its_share(small):
    past, later, damaged = small
    for days in (past, later):
        assert days.clicks.shape == days.views.shape == (72, days.users)
        assert (np.diff(days.views, axis=0) >= 0).all()
        assert (days.clicks <= days.views).all()
    assert past.views[-1].sum() != later.views[-1].sum()
    for harm, clicks in damaged.items():
        assert (clicks <= later.clicks).all()
        assert clicks[-1].sum() / later.clicks[-1].sum() == pytest.approx(1 - harm, abs=0.12)


def test_a_rule_is_asked_hourly_until_it_goes_back():
    asked = []

    def rule(clicks, views, is_new, hours):
        asked.append(hours)
        return hours == 3

    table = np.ones((72, 4))
    assert hours_until_rollback(rule, table, table, np.arange(4) < 2) == 3
    assert asked == [1, 2, 3]
    assert hours_until_rollback(lambda *given: False, table, table, np.arange(4) < 2) is None


def test_outcomes_of_rules_that_read_nothing(small):
    never = canary_days.market_outcome(4, "small", canary_days.never)
    assert never == pytest.approx({"avoided": 0.0, "false": 0.0}, abs=1e-9)
    at_18 = canary_days.market_outcome(4, "small", lambda past: lambda c, v, n, hours: hours >= 18)
    assert at_18 == pytest.approx({"avoided": 75.0, "false": 100.0})


def test_only_users_of_the_canary_are_harmed(small):
    _, later, damaged = small
    seen = []

    def make(past: QuietDays):
        def rule(clicks, views, is_new, hours):
            if hours == 72:
                seen.append(
                    (clicks[~is_new].sum() == later.clicks[-1][~is_new].sum(), clicks, is_new)
                )
            return False

        return rule

    canary_days.market_outcome(4, "small", make)
    assert len(seen) == canary_days.HARMLESS + canary_days.HARMFUL * len(damaged)
    assert all(same for same, *_ in seen)
    _, clicks, is_new = seen[-1]
    assert clicks[is_new].sum() < later.clicks[-1][is_new].sum()
    last = 1_000 + canary_days.HARMFUL - 1
    assert (is_new == in_canary(np.arange(later.users), canary_days.SHARE, salt=last)).all()


def test_harms_are_as_large_as_the_noise_of_their_market(small, monkeypatch):
    _, later, _ = small
    is_new = in_canary(np.arange(later.users), canary_days.SHARE, salt=99)
    one = rate_gap(later.clicks[-1], later.views[-1], is_new).error
    assert canary_days._error(later) == pytest.approx(one, rel=0.3)
    monkeypatch.setattr(canary_days, "_error", lambda days: 0.05)
    *_, damaged = market_days.__wrapped__(4, "small")
    assert list(damaged) == pytest.approx([0.3, 0.4])
    for harm, clicks in damaged.items():
        assert clicks[-1].sum() / later.clicks[-1].sum() == pytest.approx(1 - harm, abs=0.12)

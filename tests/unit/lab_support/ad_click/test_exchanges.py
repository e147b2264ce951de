import numpy as np
import pytest

from mlsd.lab_support.ad_click.exchanges import Exchange, trial_log, won_and_paid

RULES = ("first", "second", "soft floor")


def sold(rule, bid, *, rival, floor=0.0, fee=0.0):
    """Return the sale of one bid against one rival, all but exactly."""
    exchange = Exchange(rule, floor=floor, fee=fee, rivals=(rival, 0.0))
    return exchange.sell(np.full(400, bid), np.random.default_rng(0))


@pytest.mark.parametrize(
    ("rule", "bid", "expected"),
    [
        ("first", 30.0, 30.0),
        ("second", 30.0, 20.0),
        ("soft floor", 30.0, 25.0),
        ("soft floor", 22.0, 22.0),
    ],
)
def test_what_a_winner_pays(rule, bid, expected):
    floor = 25.0 if rule == "soft floor" else 10.0
    log = sold(rule, bid, rival=20.0, floor=floor, fee=0.1)
    assert log["won"].all()
    assert log["price"].mean() == pytest.approx(1.1 * expected, rel=0.002)


def test_only_a_soft_floor_sells_below_itself():
    won = {rule: sold(rule, 8.0, rival=5.0, floor=10.0)["won"].any() for rule in RULES}
    assert won == {"first": False, "second": False, "soft floor": True}


@pytest.mark.parametrize("rule", RULES)
def test_the_trial_bids_do_not_depend_on_rivals(rule):
    log = trial_log(Exchange(rule, floor=10.0, fee=0.0, rivals=(20.0, 0.5)), seed=1)
    assert log["price"].isna().equals(log["won"] == 0)
    assert np.log(log["bid"] / 20).mean() == pytest.approx(0.0, abs=0.02)
    assert log["bid"].between(5, 80).all()


def test_a_first_price_keeps_nothing_of_the_value_and_a_second_price_something():
    kept = {}
    for rule in ("first", "second"):
        exchange = Exchange(rule, floor=0.0, fee=0.0, rivals=(20.0, 0.5))
        won, paid = won_and_paid(exchange, np.array([30.0]))
        kept[rule] = (30.0 * won - paid).item()
    assert kept["first"] == pytest.approx(0.0, abs=0.01)
    assert kept["second"] > 5

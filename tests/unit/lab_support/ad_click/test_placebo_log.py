import pytest

from mlsd.lab_support.ad_click.placebo_log import placebo_lift
from mlsd.lab_support.ad_click.turning_interest import (
    fading_leak_policy,
    interest_world,
    plain_policy,
    share_policy,
    untrained_policy,
)


@pytest.fixture(scope="module")
def log():
    return interest_world(500)[1]


def test_what_looks_back_reads_nothing_out_of_random_clicks(log):
    assert placebo_lift(plain_policy, log) == 0
    assert abs(placebo_lift(share_policy, log)) < 0.2


@pytest.mark.parametrize("make_policy", [fading_leak_policy, untrained_policy])
def test_a_leak_and_a_bonus_not_learned_are_found(log, make_policy):
    assert placebo_lift(make_policy, log) > 0.5

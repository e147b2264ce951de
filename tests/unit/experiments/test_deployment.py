"""Fitted rungs in their world, and one rung tested against another."""

from dataclasses import replace
from types import SimpleNamespace

import pandas as pd
import pytest

from mlsd.cases import find_case
from mlsd.experiments import deployer, run_ab_test, run_ladder, summarise_ladder
from mlsd.metrics import Interval
from mlsd.runtime import InputError
from mlsd.worlds.base import Comparison, Lift, Report

CASE = find_case("ad_click")
LADDER = CASE.ladder


class Surely:
    """A world in which any policy earns a quarter more than the one before it."""

    def __init__(self):
        self.asked = []

    def compare_with_logging(self, policy, days, *, history_days):
        self.asked.append((policy, days, history_days))
        lift = Lift(
            control=Interval(1.6, 1.0, 3.0),
            treatment=Interval(2.0, 1.0, 3.0),
            difference=Interval(0.4, 0.3, 0.5),
            relative=Interval(0.25, 0.2, 0.3),
        )
        report = Report({}, pd.DataFrame())
        return Comparison("twin", {"revenue": lift}, report, report)


def test_the_ledger_keeps_the_true_value_of_each_deployed_rung():
    rungs = ("global_rate", "hashed_lr_counters", "oracle")
    source = CASE.source(size="small", history_days=4)
    runs = run_ladder(source, LADDER, seeds=(1,), rungs=rungs, deploy=deployer(LADDER, 1))
    online = {rung.rung.name: rung.online for rung in summarise_ladder(runs).rungs}
    assert online["global_rate"]["revenue"] > 0
    assert online["hashed_lr_counters"].keys() == online["global_rate"].keys()
    assert online["oracle"] == {}


def test_a_deployment_is_read_beside_the_policy_that_made_the_history():
    world = Surely()
    replicate = SimpleNamespace(world=world, history_days=4)
    ladder = replace(LADDER, policy=lambda fitted, prepared: fitted)
    deploy = deployer(ladder, 3)
    assert deploy("policy", SimpleNamespace(replicate=replicate)) == {
        "revenue": 2.0,
        "revenue_change": 25.0,
        "revenue_change_low": 20.0,
        "revenue_change_high": 30.0,
    }
    assert world.asked == [("policy", 3, 4)]


def test_an_oracle_is_deployed_by_a_policy_of_its_own():
    world = Surely()
    prepared = SimpleNamespace(replicate=SimpleNamespace(world=world, history_days=4))
    assert deployer(LADDER, 3)(None, prepared) == {}
    knowing = replace(LADDER, oracle_policy=lambda prepared: "knows all")
    assert deployer(knowing, 3)(None, prepared)["revenue"] == 2.0
    assert [policy for policy, *_ in world.asked] == ["knows all"]


def test_a_rung_against_itself_has_no_true_lift():
    result = run_ab_test(CASE.source(size="small"), LADDER, ("smoothed_ad", "smoothed_ad"), days=1)
    assert result.truth.lifts["revenue"].relative.estimate == 0
    low, high = (getattr(result.test.lifts["revenue"].relative, end) for end in ("low", "high"))
    assert low < 0 < high
    assert {len(row) for row in result.rows()} == {5}


@pytest.mark.parametrize(
    ("arms", "design", "message"),
    [
        (("global_rate", "oracle"), "user", "cannot be tested"),
        (("global_rate", "nope"), "user", "unknown rung"),
        (("global_rate", "smoothed_ad"), "coin", "unknown design"),
    ],
)
def test_bad_arms_and_designs_are_one_clear_line(arms, design, message):
    with pytest.raises(InputError, match=message):
        run_ab_test(CASE.source(size="small"), LADDER, arms, design=design, days=1)

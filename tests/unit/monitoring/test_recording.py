"""The recorder: what it keeps, and that it changes nothing."""

from __future__ import annotations

import pytest

from mlsd.models import SmoothedRate
from mlsd.monitoring import RecordedPolicy
from mlsd.policies.ad_click import ScorerPolicy
from mlsd.worlds import AdClickWorld


@pytest.fixture(scope="module")
def world():
    return AdClickWorld(seed=5, size="small")


@pytest.fixture(scope="module")
def policy(world):
    log = world.history(days=1).labelled_log().frame
    return ScorerPolicy(SmoothedRate(levels=(("ad_id",),)).fit(log, log["click"]))


def test_record_survives_the_copy_and_changes_nothing(world, policy):
    recorded = RecordedPolicy(policy)
    with_record = world.deploy(recorded, days=2, history_days=1)
    without = world.deploy(policy, days=2, history_days=1)
    assert with_record.by_day.equals(without.by_day)
    seen = recorded.rows()
    assert seen["ts"].is_monotonic_increasing
    assert {"predicted_ctr", "click", "hour"} <= set(seen.columns)
    deployed = seen[seen["ts"] >= 86_400]
    # The clicks of the last minutes are known after the end only.
    assert 0.98 < len(deployed) / without.by_day["impressions"].sum() <= 1
    assert deployed["impression_id"].is_unique


def test_an_empty_record_is_an_empty_table(policy):
    assert RecordedPolicy(policy).rows().empty

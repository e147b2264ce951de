from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from mlsd.lab_support.ad_click.thin_market import (
    THIN,
    drawn_candidates,
    in_currency,
    replayed_revenue,
)
from mlsd.models import GlobalRate
from mlsd.policies.ad_click import ReservePolicy, ScorerPolicy, per_click, per_impression
from mlsd.worlds import AdClickWorld


def test_another_currency_multiplies_revenue_and_changes_nothing_else():
    config = replace(THIN, users=1_000, requests_per_day=1_500)
    policy = ScorerPolicy(GlobalRate().fit({"ad_id": np.arange(50)}, np.arange(50) == 0))
    found = {}
    for unit in (1.0, 4.0):
        world = AdClickWorld(seed=4, config=in_currency(config, unit))
        guarded = ReservePolicy(policy, per_click(0.3 * unit))
        found[unit] = world.deploy(guarded, days=1, history_days=1).measures
    clicks = {unit: measures["clicks"].estimate for unit, measures in found.items()}
    assert clicks[4.0] == clicks[1.0] > 0
    revenue = found[1.0]["revenue"].estimate
    assert found[4.0]["revenue"].estimate == pytest.approx(4 * revenue, rel=1e-4)


def test_a_replay_sells_from_the_reserve_on_at_the_larger_of_reserve_and_runner_up():
    # Scores 2 and 1 in the first request, 0.6 and 0.5 in the second.
    log = pd.DataFrame({"bid": [4.0, 2.0, 1.2, 1.0], "predicted_ctr": 0.5})
    earned = [replayed_revenue(log, per_impression(r)) for r in (0.1, 0.6, 1.5, 2.0, 2.1)]
    assert earned == pytest.approx([1.5, 1.6, 1.5, 2.0, 0.0])


def test_drawn_bids_have_the_median_spread_and_idle_share_asked_for():
    log = drawn_candidates(3, median=2.0, spread=0.4, idle=0.3, requests=20_000)
    idle = log["bid"] < 0.2
    assert idle.mean() == pytest.approx(0.3, abs=0.02)
    assert np.log(log["bid"][~idle]).std() == pytest.approx(0.4, abs=0.02)
    assert log["bid"][~idle].median() == pytest.approx(2.0, rel=0.02)
    assert log["bid"][idle].median() == pytest.approx(0.04, rel=0.03)

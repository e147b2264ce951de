from dataclasses import replace

import numpy as np
import pytest

from mlsd.lab_support.ad_click.thin_market import THIN, in_currency
from mlsd.models import GlobalRate
from mlsd.policies.ad_click import ReservePolicy, ScorerPolicy, per_click
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

import numpy as np
import pytest

from mlsd.worlds.ad_click.measures import MEASURES, PARTS, UNITS
from mlsd.worlds.kit.tally import Tally


def test_measures_by_hand():
    tally = Tally(2, MEASURES, first_day=14, days=1)
    unit, ts = np.arange(2), np.full(2, 14 * 86_400.0)
    clicks = np.array([1, 3])
    for part, amount in zip(PARTS, (10, 30, clicks, 0.5 * clicks, 2.0 * clicks, 1), strict=True):
        tally.add(part, unit, ts, np.broadcast_to(amount, unit.shape))
    report = tally.report(tally.draws(0))
    values = {name: measure.estimate for name, measure in report.measures.items()}
    # 20 requests, 60 impressions, 4 clicks at 0.5, conversions worth 8, 2 hides.
    assert values == {
        "revenue": pytest.approx(100),
        "clicks": pytest.approx(200),
        "click_through_rate": pytest.approx(4 / 60),
        "advertiser_value": pytest.approx(300),
        "user_cost": pytest.approx(1_000 * 2 / 60),
    }
    assert set(report.units) == set(UNITS)
    assert report.requests == 20
    assert report.by_day["day"].tolist() == [14]
    assert report.by_day["advertiser_value"].tolist() == [6.0]
    assert report.by_day["click_through_rate"].tolist() == [pytest.approx(4 / 60)]

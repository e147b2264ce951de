"""The tracker lab's bookkeeping: factors by segment, and a morning that ends at noon."""

import numpy as np
import pandas as pd

from mlsd.lab_support.ad_click.sudden_event import (
    HISTORY_DAYS,
    SegmentPolicy,
    baseline_policy,
    deployed_revenue,
    morning_log,
)


class Tenth:
    """Expects one click in ten."""

    def predict_proba(self, X):
        return np.tile([0.9, 0.1], (len(X["category"]), 1))


def test_clicks_and_expected_clicks_arrive_by_segment():
    policy = SegmentPolicy(
        Tenth(),
        segment="category",
        learn=lambda state, clicks, expected: state + np.stack([clicks, expected]),
        strength=2.0,
        segments=3,
    )
    rows = pd.DataFrame({"category": [1, 1, 2], "click": [1, 0, 1]})
    policy.observe({"impressions": rows})
    assert np.allclose(policy.state, [[2, 3, 3], [2, 2.2, 2.1]])
    policy.observe({"impressions": rows.head(0)})
    assert np.allclose(policy.state, [[2, 3, 3], [2, 2.2, 2.1]])


def test_a_morning_is_the_first_half_of_the_event_day():
    rows = morning_log(33)
    first, last = rows["ts"].min() / 86_400, rows["ts"].max() / 86_400
    assert HISTORY_DAYS <= first < HISTORY_DAYS + 0.1
    assert HISTORY_DAYS + 0.4 < last < HISTORY_DAYS + 0.5
    assert 0.5 < rows["click"].sum() / rows["expected"].sum() < 2


def test_the_frozen_model_is_the_hundred_percent():
    assert deployed_revenue(33, baseline_policy) == 100.0

"""The hourly batch job: what it corrects, when it learns, and what midnight makes of it."""

import numpy as np
import pandas as pd
import pytest

from mlsd.lab_support.ad_click.hourly_job import CorrectedModel, HourlyPolicy, hourly_predictions
from mlsd.models import HashedLogisticRegression

HOUR, DAY = 3_600, 86_400


def shown(ads, clicks, ts, wait=600.0):
    """Return rows of one column, with their times."""
    ts = np.asarray(ts, float)
    return pd.DataFrame({"ad_id": ads, "click": clicks, "ts": ts, "known_at": ts + wait})


@pytest.fixture
def nightly():
    history = shown([1, 2] * 200, [1, 0] * 150 + [0, 1] * 50, np.arange(400) * 10)
    model = HashedLogisticRegression(categorical=("ad_id",), bits=10)
    return model.fit(history, history["click"])


def test_a_small_prior_variance_keeps_the_model_of_the_night(nightly):
    today = shown([1, 2] * 50, [0, 1] * 50, np.arange(100))
    before = nightly.predict_proba(today)
    held = CorrectedModel(nightly, C=1e-6).correct(today, today["click"]).predict_proba(today)
    free = CorrectedModel(nightly, C=100.0).correct(today, today["click"]).predict_proba(today)
    assert np.allclose(held, before, atol=1e-3)
    assert free[0, 1] < 0.05 < 0.95 < free[1, 1]


def test_the_correction_starts_afresh_each_time(nightly):
    one = shown([1, 2] * 50, [0, 1] * 50, np.arange(100))
    other = shown([1, 2] * 50, [1, 0] * 50, np.arange(100))
    model = CorrectedModel(nightly, C=1.0).correct(one, one["click"])
    again = model.correct(other, other["click"]).predict_proba(one)
    alone = CorrectedModel(nightly, C=1.0).correct(other, other["click"]).predict_proba(one)
    assert np.array_equal(again, alone)


def test_an_ad_of_today_gets_a_weight(nightly):
    today = shown([3, 1] * 50, [1, 0] * 50, np.arange(100))
    model = CorrectedModel(nightly, C=1.0).correct(today, today["click"])
    new, unseen = model.predict_proba({"ad_id": [3, 4]})[:, 1]
    assert new > 0.8
    assert unseen == pytest.approx(nightly.predict_proba({"ad_id": [4]})[0, 1])


def test_an_hour_is_predicted_from_labels_that_were_known_before_it(nightly):
    today = shown([1, 2] * 60, [0, 1] * 60, np.arange(120) * 60.0)
    predicted = hourly_predictions(CorrectedModel(nightly, C=1.0), today)
    plain = nightly.predict_proba(today)[:, 1]
    assert np.allclose(predicted[:60], plain[:60])
    known = today[today["known_at"] < HOUR]
    corrected = CorrectedModel(nightly, C=1.0).correct(known, known["click"])
    assert np.allclose(predicted[60:], corrected.predict_proba(today[60:])[:, 1])


def test_the_policy_corrects_hourly_and_refits_at_midnight(nightly):
    history = shown([1, 2] * 200, [1, 0] * 150 + [0, 1] * 50, np.arange(400) * 10 - DAY)
    policy = HourlyPolicy(CorrectedModel(nightly, C=1.0), history=history)
    policy.observe({"impressions": shown([1, 2] * 50, [0, 1] * 50, np.arange(100) * 60.0)})
    assert policy.learn(0.0) == 0
    assert policy.learn(HOUR - 1.0) == 0
    assert policy.scorer.correction_ is None
    assert policy.learn(HOUR + 30.0) == 50
    assert policy.scorer.correction_ is not None
    assert policy.learn(HOUR + 60.0) == 0
    assert policy.learn(DAY + 1.0) == 500
    assert policy.scorer.correction_ is None

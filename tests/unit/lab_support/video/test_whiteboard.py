"""The whiteboard says what ledger and studies say."""

import pytest

from mlsd.experiments import load_ledger, load_study
from mlsd.lab_support.video.whiteboard import (
    ranker_hours,
    rung_hours,
    serving_cores,
    study_hours,
)


def test_a_rung_is_that_of_the_ledger():
    ledger = load_ledger("video").set_index("rung")
    earned = ledger.loc["ials", "online_watch_hours_change"]
    assert float(rung_hours("ials").split(" [")[0]) == pytest.approx(earned, abs=0.5)


def test_a_ranker_and_a_study_are_those_of_their_studies():
    study = load_study("video/42_rankers").query("seed == 13 and name == 'logistic, watch time'")
    text = ranker_hours("rung", "logistic, watch time")
    assert float(text.split(" [")[0]) == pytest.approx(study["watch_hours_change"].iloc[0], abs=0.5)
    mixed = load_study("video/60_versions").query("pair == 'BPR, mixed'")["estimate"]
    low, high = map(float, study_hours("60_versions", "pair == 'BPR, mixed'").split(" to "))
    assert (low, high) == pytest.approx((mixed.min(), mixed.max()), abs=0.05)
    assert low < high < -50


def test_cores_follow_load_and_peak():
    one, two = (float(serving_cores(loads, peak=3).split()[0]) for loads in (1e9, 2e9))
    assert two == pytest.approx(2 * one, abs=1)
    assert float(serving_cores(1e9, peak=6).split()[0]) == pytest.approx(two, abs=1)

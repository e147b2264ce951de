"""Calibration scores: hand-computed cases, their law under a right model, and the alarm's rate."""

from __future__ import annotations

import numpy as np
import pytest

from mlsd.monitoring import alarm_threshold, calibration_score, calibration_scores
from mlsd.runtime import InputError


def test_score_by_hand():
    assert calibration_score([1, 0, 0], [0.2, 0.5, 0.1]) == pytest.approx(
        (1 - 0.8) / np.sqrt(0.16 + 0.25 + 0.09)
    )


def test_a_right_model_has_mean_0_and_variance_1_and_pages_as_often_as_promised():
    rng = np.random.default_rng(0)
    p = rng.uniform(0.01, 0.3, 4000)
    groups = np.arange(4000) % 10
    rounds = np.stack([calibration_scores(rng.random(4000) < p, p, groups) for _ in range(400)])
    assert rounds.mean() == pytest.approx(0, abs=0.06)
    assert rounds.std() == pytest.approx(1, abs=0.04)
    pages = (np.abs(rounds) > alarm_threshold(10, false_alarms=0.5)).sum(axis=1).mean()
    assert pages == pytest.approx(0.5, abs=0.12)


def test_a_shift_in_one_group_shows_there_and_cancels_in_the_sum():
    rng = np.random.default_rng(1)
    groups = np.repeat([0, 1], 20_000)
    p = np.full(40_000, 0.02)
    y = rng.random(40_000) < np.where(groups == 0, 0.01, 0.03)
    scores = calibration_scores(y, p, groups)
    assert scores[0] < -5
    assert scores[1] > 5
    assert abs(calibration_score(y, p)) < 4


def test_scores_are_indexed_by_group():
    scores = calibration_scores([1, 0, 1], [0.5, 0.5, 0.5], ["b", "a", "b"])
    assert scores.index.tolist() == ["a", "b"]
    assert scores["b"] == calibration_score([1, 1], [0.5, 0.5])


@pytest.mark.parametrize(
    ("label", "probability"), [([], []), ([1], [0.5, 0.5]), ([1], [1.0]), ([2], [0.5])]
)
def test_bad_input_is_one_clear_line(label, probability):
    with pytest.raises(InputError):
        calibration_score(label, probability)


def test_groups_have_to_match_the_rows():
    with pytest.raises(InputError, match="1 groups for 2 rows"):
        calibration_scores([1, 0], [0.5, 0.5], ["a"])


@pytest.mark.parametrize(("tests", "rate"), [(0, 0.1), (5, 0.0), (5, 5)])
def test_an_impossible_rate_is_refused(tests, rate):
    with pytest.raises(InputError, match="false alarms"):
        alarm_threshold(tests, false_alarms=rate)


def test_more_tests_need_a_higher_threshold():
    at = [alarm_threshold(n, false_alarms=0.1) for n in (1, 10, 100)]
    assert at == sorted(at)
    assert at[0] == pytest.approx(1.645, abs=1e-3)

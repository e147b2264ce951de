"""Trials of slates: what is counted of slates and uploads."""

import numpy as np
import pandas as pd
import pytest

from mlsd.lab_support.video.slate_trials import (
    Trial,
    deployed,
    logged_slates,
    slate_facts,
    trial_row,
    uploads_served,
)
from mlsd.runtime.times import DAY
from mlsd.worlds import VideoWorld


def slate(topics, creators, request=0):
    return pd.DataFrame(
        {
            "request_id": request,
            "position": np.arange(6),
            "topic": topics,
            "creator_id": creators,
        }
    )


def test_facts_of_slates_by_hand():
    rows = pd.concat(
        [slate([1, 1, 2, 3, 4, 5], [1, 1, 1, 2, 3, 4]), slate([1] * 6, [1, 1, 2, 2, 3, 3], 1)]
    )
    # One of fifteen pairs, and all of them; three videos of a creator, and two.
    expected = {"same_topic": pytest.approx(100 * (1 / 15 + 1) / 2), "over_cap": 50.0}
    assert slate_facts(rows.sample(frac=1, random_state=0)) == expected


def test_logged_slates_by_hand():
    first, second = slate([1, 1, 2, 2, 2, 3], [0] * 6), slate([1] * 6, [0] * 6, 1)
    rows = pd.concat([first.assign(step=0), second.assign(step=1)])
    rows = rows.assign(user_id=4, session_id=9, item_id=[0] + list(range(1, 12)))
    rows = rows.assign(click=[1, 0, 0, 0, 0, 1] + [0] * 6, watch_seconds=[5.0] * 6 + [0.0] * 6)
    found = logged_slates(rows.sample(frac=1, random_state=0))
    expected = {"pairs": [4, 15], "seconds": [30, 0], "clicks": [2, 0]}
    assert found[list(expected)].to_dict("list") == expected
    assert found["goes_on"].tolist() == [True, False]
    # Every video was shown once, so that nothing but the mean of all is expected of it.
    np.testing.assert_allclose(found["expected"], 15)


def test_what_is_expected_of_a_video_leaves_its_own_slate_out():
    rows = pd.concat([slate([0] * 6, [0] * 6, request) for request in range(3)])
    shared = {"step": 0, "user_id": 4, "click": 0, "session_id": rows["request_id"]}
    seconds = np.repeat([3.0, 6.0, 6.0], 6)
    rows = rows.assign(**shared, item_id=np.tile(range(6), 3), watch_seconds=seconds)
    found = logged_slates(rows)
    # Two others of 6 s, or of 3 and 6, beside twenty of the mean of 5.
    np.testing.assert_allclose(found["expected"], 6 * np.array([112, 109, 109]) / 22)


def test_uploads_count_while_they_are_new_and_if_their_time_is_over():
    shown = {"item_id": [5] * 3 + [6] * 3 + [7] * 3, "ts": [3.0 * DAY] * 9}
    ages = [0.1, 1.0, 2.0] + [1.0, 2.1, 2.2] + [0.1] * 3
    rows = pd.DataFrame(shown).assign(video_age_days=ages)
    uploads = pd.DataFrame({"item_id": [5, 6, 7, 8], "ts": np.array([0.5, 0.5, 2.5, 0.9]) * DAY})
    trial = Trial(None, rows, uploads)
    assert uploads_served(trial, least=3) == pytest.approx(100 / 3)


def test_a_trial_keeps_what_its_own_policy_showed():
    world = VideoWorld(seed=6, size="small")
    today = world.logging_policy(14)
    trial = deployed(world, today, 1)
    assert trial.rows["ts"].min() >= 14 * DAY
    assert 10 <= len(trial.uploads) <= 14
    # What is known by the last event of the day, or nearly all of it.
    assert 0.8 < len(trial.rows) / 6 / trial.report.requests <= 1
    row = trial_row(world, trial, trial)
    assert row["watch_hours"] == row["watch_hours_high"] == 0

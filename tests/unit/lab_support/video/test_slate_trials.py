"""Trials of slates: what is counted of slates and uploads."""

import numpy as np
import pandas as pd
import pytest

from mlsd.lab_support.video.slate_trials import (
    Trial,
    deployed,
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

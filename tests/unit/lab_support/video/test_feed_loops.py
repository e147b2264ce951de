"""What the chapter on the loop reads of a log: rows, weights, weeks, percentiles."""

import numpy as np
import pandas as pd
import pytest

from mlsd.lab_support.video.feed_loops import (
    FeedRun,
    anonymous_rows,
    arm_changes,
    discoveries,
    percentiles,
    rate_rows,
    run_feed,
    summarise_runs,
    weighted_rows,
)
from mlsd.models import PopularityRecommender
from mlsd.policies.video import RandomSlotsPolicy, RecommenderPolicy, watched_rows
from mlsd.runtime.times import DAY
from mlsd.worlds.video import VideoWorld


def log(**columns):
    return pd.DataFrame({"user_id": 1, "ts": 0.0, "watched": 1, "propensity": 1.0} | columns)


def test_anonymous_rows_leave_nothing_out_of_a_list():
    rows = anonymous_rows(log(item_id=[1, 2, 2]))
    model = PopularityRecommender().fit(rows)
    assert model.recommend(np.array([1]), 2)[0].tolist() == [[2, 1]]


def test_weights_are_one_over_the_propensity_and_capped():
    rows = weighted_rows(log(item_id=[1, 2, 3], propensity=[0.5, 1e-9, 0.1], watched=[1, 1, 0]))
    assert rows["weight"].tolist() == [2.0, 500.0]


def test_rates_do_not_grow_with_what_was_shown():
    item = np.repeat([1, 2], [1_000, 100])
    watched = np.r_[np.arange(1_000) % 10 == 0, np.arange(100) % 10 == 0].astype(int)
    score = PopularityRecommender().fit(rate_rows(log(item_id=item, watched=watched))).scores_
    np.testing.assert_allclose(score, [0.1, 0.1], rtol=1e-9)


def test_weeks_count_videos_that_nobody_watched():
    rows = pd.DataFrame(
        {
            "ts": np.array([0, 0, 8, 8]) * float(DAY),
            "item_id": [1, 1, 1, 2],
            "click": 1,
            "watch_seconds": 3_600.0,
            "session_id": [0, 1, 2, 2],
            "user_id": 1,
        }
    )
    videos = pd.DataFrame({"item_id": [1, 2, 3], "ts": [0.0, 0.0, 8.0 * DAY]})
    run = FeedRun(None, rows, videos)
    weeks = run.weekly()
    assert weeks.loc[1, "gini"] == pytest.approx(0.5)
    assert weeks.loc[2, "gini"] == pytest.approx(1 / 3)
    assert weeks["watch_hours"].tolist() == [1_000, 2_000]
    assert run.known_share() == 0
    assert run.hours_change(run).high == 0


class ByItem:
    def score(self, user_ids, item_ids):
        return np.asarray(item_ids) // 10


def test_percentiles_share_the_middle_of_ties():
    watched = pd.DataFrame({"user_id": [7, 8, 7], "item_id": [30, 1, 2]})
    found = percentiles(ByItem(), watched, np.array([1, 2, 30]))
    assert found.tolist() == [1.0, 0.25, 0.25]


def test_a_discovery_is_new_to_its_viewer_known_to_the_models_and_counted_once():
    known = pd.DataFrame({"user_id": [1, 2], "item_id": [5, 5], "watched": [1, 0]})
    rows = pd.DataFrame({"user_id": [1, 2, 2, 2, 2], "item_id": [5, 5, 5, 6, 9], "watched": 1})
    rows.loc[3, "watched"] = 0
    found = discoveries(rows, known, np.array([5, 6]))
    assert found[["user_id", "item_id"]].to_numpy().tolist() == [[2, 5]]


def test_arms_are_compared_within_their_world():
    study = pd.DataFrame(
        {"arm": ["a", "a", "b", "b"], "seed": [1, 2, 1, 2], "hours": [10.0, 20.0, 11.0, 18.0]}
    )
    changes = arm_changes(study, "a", ["b"], ["hours"])
    np.testing.assert_allclose(changes["hours"], [10, -10])


def test_a_run_keeps_the_log_of_its_own_days():
    world = VideoWorld(seed=3, size="small")
    logs = world.history(2)
    model = PopularityRecommender().fit(watched_rows(logs.labelled().frame))
    base = run_feed(world, RecommenderPolicy(model), logs, days=1)
    chance = RandomSlotsPolicy(RecommenderPolicy(model), 1.0)
    other = run_feed(world, chance, logs, days=1)
    assert base.rows["ts"].min() >= 2 * DAY
    assert base.videos["item_id"].is_unique
    assert other.weekly()["gini"].iloc[0] < base.weekly()["gini"].iloc[0]
    assert other.hours_change(base).high < 0
    table = summarise_runs({"base": base, "other": other}, base)
    assert table["hours, %"].iloc[0] == "+0.0 [+0.0, +0.0]"
    assert table["known videos, %"].is_monotonic_increasing
    truth = world.compare(RecommenderPolicy(model), chance, 1, history_days=2)
    assert other.hours_change(base).estimate == pytest.approx(
        100 * truth.lifts["watch_hours"].relative.estimate, abs=5
    )

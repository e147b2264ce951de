"""How viewers behave: by hand where it can be, and by what comes of it."""

import numpy as np
import pytest
from scipy import special

from mlsd.metrics import gini
from mlsd.runtime.times import DAY, HOUR
from mlsd.worlds.video import VideoConfig, VideoWorld
from mlsd.worlds.video.behaviour import Behaviour
from mlsd.worlds.video.oracle import TasteOracle
from mlsd.worlds.video.population import make_population

DAYS = 4


@pytest.fixture(scope="module")
def world():
    return VideoWorld(3, size="small")


@pytest.fixture(scope="module")
def logs(world):
    return world.history(DAYS)


@pytest.fixture(scope="module")
def truth(world, logs):
    return world.reveal(logs)


@pytest.fixture(scope="module")
def behaviour():
    config = VideoConfig().scaled("small")
    return Behaviour(make_population(config, 0), config)


def test_the_next_slot_is_looked_at_with_a_constant_probability(behaviour):
    np.testing.assert_allclose(behaviour.examination[:3], [1, 0.8, 0.64], rtol=1e-6)


def test_sameness_counts_the_topics_and_creators_above(behaviour):
    videos = behaviour.population.videos
    videos.topic[:4], videos.creator[:4] = [7, 7, 8, 7], [1, 1, 1, 2]
    assert behaviour._sameness(np.array([[0, 1, 2, 3]])).tolist() == [[0, 2, 2, 2]]


def test_clicks_come_as_often_as_the_truth_says(logs, truth):
    likely = truth["click_probability"]
    for part in np.array_split(np.argsort(likely.to_numpy()), 5):
        clicks, expected = logs.impressions["click"].iloc[part].mean(), likely.iloc[part].mean()
        error = np.sqrt(expected * (1 - expected) / len(part))
        assert abs(clicks - expected) < 4 * error


def test_watching_ends_with_the_video(logs):
    started = logs.impressions[logs.impressions["click"] == 1]
    assert (started["watch_seconds"] <= started["duration"]).all()
    ended = started["watch_seconds"] == started["duration"]
    np.testing.assert_array_equal(ended, started["completed"] == 1)
    assert 0.05 < ended.mean() < 0.5


def test_what_started_by_itself_is_watched_for_seconds_and_never_liked(logs, truth):
    rows = logs.impressions[truth["is_autoplay"].to_numpy()]
    assert (rows["click"] == 1).all()
    assert (rows["position"] == 0).all()
    assert rows["watch_seconds"].median() < 8
    assert rows["like"].sum() == 0


def test_longer_videos_are_watched_longer_and_finished_less_often(logs, truth):
    rows = logs.impressions[(logs.impressions["click"] == 1) & ~truth["is_autoplay"].to_numpy()]
    by_length = rows.groupby(rows["duration"] > rows["duration"].median())
    seconds, completed = by_length["watch_seconds"].mean(), by_length["completed"].mean()
    assert seconds[True] > seconds[False]
    assert completed[True] < completed[False]


def test_stars_grow_with_satisfaction(logs, truth):
    satisfied = truth["satisfaction"].set_axis(logs.impressions["impression_id"])
    asked = logs.surveys.assign(satisfied=satisfied.loc[logs.surveys["impression_id"]].to_numpy())
    assert np.corrcoef(asked["stars"], asked["satisfied"])[0, 1] > 0.4


def test_satisfied_viewers_come_back_more_often(world):
    oracle = TasteOracle(world._population, world.config)
    before = world.logging_policy(DAYS)
    changes = world.compare(before, oracle, 3, history_days=DAYS).changes()
    for measure in ("watch_hours", "satisfaction", "session_slates", "return_1", "return_28"):
        assert changes.loc[measure, "low"] > 0, measure


def test_social_proof_makes_popularity_more_unequal():
    def inequality(proof):
        config = VideoConfig(social_proof=proof)
        shown = VideoWorld(5, size="small", config=config).history(DAYS).impressions
        return gini(shown.groupby("item_id")["click"].sum().to_numpy())

    assert inequality(0.8) > inequality(0.0) + 0.02


def test_a_video_that_was_watched_is_clicked_less(behaviour):
    from mlsd.worlds.video.state import FeedState

    state = FeedState.fresh(behaviour.population, behaviour.config, ())
    state.remember(np.array([4, 4]), np.array([10, 11]))
    watched = behaviour._watched(state, np.array([4, 5]), np.array([[10, 12], [10, 12]]))
    assert watched.tolist() == [[True, False], [False, False]]


def test_likes_come_as_often_as_satisfaction_says_and_not_where_clicks_come_easily(logs, truth):
    rows = (logs.impressions["click"] == 1).to_numpy() & ~truth["is_autoplay"].to_numpy()
    config, satisfied = VideoConfig(), truth["satisfaction"].to_numpy(float)[rows]
    likely = special.expit(config.like_logit + config.like_gain * special.logit(satisfied))
    liked = logs.impressions["like"].to_numpy()[rows]
    assert abs(liked.sum() - likely.sum()) < 4 * np.sqrt((likely * (1 - likely)).sum())


def test_what_comes_of_an_impression_is_known_no_sooner_than_it_comes(logs):
    asked, sessions = logs.surveys, logs.sessions.set_index("session_id")
    assert len(asked) > 20
    assert (asked["known_at"] == asked["ts"]).all()
    assert asked["known_at"].sub(asked["view_ts"]).between(HOUR, DAY).all()
    ended = logs.impressions.groupby("session_id")["known_at"].max()
    np.testing.assert_allclose(sessions["known_at"], ended.loc[sessions.index])


def test_only_what_is_looked_at_and_not_clicked_starts_by_itself_at_the_top(logs, truth):
    attraction, top = truth["attraction"], logs.impressions["position"] == 0
    by_itself = (1 - attraction) * np.where(top, VideoConfig().autoplay_rate, 0)
    expected = truth["examination"] * (attraction + by_itself)
    np.testing.assert_allclose(truth["click_probability"], expected, rtol=1e-4)

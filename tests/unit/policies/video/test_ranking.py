"""Ranking in a feed: features as the log has them, slates by a ranker, sources kept."""

import numpy as np
import pandas as pd
import pytest

from mlsd.models import ImplicitALSRecommender, PopularityRecommender
from mlsd.monitoring import RecordedPolicy
from mlsd.policies.video import (
    FeedFeatures,
    RankingPolicy,
    RecommenderPolicy,
    SlateArranger,
    ViewerMoments,
)
from mlsd.policies.video.features import POSITION
from mlsd.retrieval import CandidateUnion
from mlsd.runtime.times import DAY
from mlsd.worlds import VideoWorld
from mlsd.worlds.video import VideoConfig
from mlsd.worlds.video.logs import with_watched

HISTORY, DAYS = 4, 2


class ByColumn:
    """A ranker that trusts one column."""

    def __init__(self, name):
        self.name = name

    def score(self, X):
        return np.nan_to_num(np.asarray(X[self.name], float))


class Kept(RankingPolicy):
    """Keeps the features of what it shows; not copied, so that a test can read them."""

    def __deepcopy__(self, memo):
        return self

    def rank(self, requests, items, scores):
        ranked = super().rank(requests, items, scores)
        columns = pd.DataFrame(self.features.columns(requests, items, scores))
        row, place = np.nonzero(items != -1)
        columns["request_id"] = requests.request_id[row]
        columns["item_id"] = items[row, place]
        self.kept = [*getattr(self, "kept", []), columns]
        return ranked


@pytest.fixture(scope="module")
def world():
    # Small, but with events every hour, within which nobody has two sessions.
    size = {"users": 800, "videos": 600, "uploads_per_day": 12, "creators": 80}
    return VideoWorld(seed=3, config=VideoConfig(**size))


@pytest.fixture(scope="module")
def logs(world):
    return world.history(days=HISTORY)


@pytest.fixture(scope="module")
def log(logs):
    return logs.labelled(split=(1.0, 0.0, 0.0))


@pytest.fixture(scope="module")
def features(log):
    old = log.frame[(log.frame["ts"] < 2 * DAY) & (log.frame["watched"] == 1)]
    sources = {"popular": PopularityRecommender(), "ials": ImplicitALSRecommender(dim=8)}
    fitted = {name: source.fit(old) for name, source in sources.items()}
    return FeedFeatures(fitted, known_users=old["user_id"].to_numpy())


def policy_of(features, logs, log, column, kind=RankingPolicy, candidates=60):
    union = CandidateUnion(features.sources, per_source=90)
    return kind(union, features.serving(logs, log), ByColumn(column), candidates=candidates)


def test_a_feed_reads_what_the_log_of_its_days_says(world, logs, log, features):
    policy = policy_of(features, logs, log, "score_ials", Kept)
    record = RecordedPolicy(policy, table="impressions")
    world.deploy(record, days=DAYS, history_days=HISTORY)
    served = pd.concat(policy.kept, ignore_index=True)
    shown = with_watched(record.rows())
    shown = shown[~shown["impression_id"].isin(log.frame["impression_id"])]
    # Of one day more the whole log would be the training part: its counters are nightly.
    whole = pd.concat([log.frame, shown], ignore_index=True)
    later = logs_with(logs, world, whole)
    rows = np.flatnonzero(whole["ts"] >= HISTORY * DAY)
    again = features.compute(later[0], later[1], rows)
    again["request_id"] = whole["request_id"].to_numpy()[rows]
    again["item_id"] = whole["item_id"].to_numpy()[rows]
    both = again.merge(served, on=["request_id", "item_id"], suffixes=("", "_served"))
    assert len(both) > 0.95 * len(rows) > 1_000
    for name in (*features.numeric, "device", "hour", "topic", "creator_id", "country"):
        # Rates are shrunk to what the training part expects, and the days added are part of it.
        tolerance = 0.3 if "log_odds" in name else 1e-4
        batch, served_as = (both[n].to_numpy(float) for n in (name, f"{name}_served"))
        np.testing.assert_allclose(batch, served_as, atol=tolerance, rtol=1e-4, err_msg=name)
    assert (both[f"{POSITION}_served"] == 0).all()
    assert both[POSITION].nunique() == 6


def logs_with(logs, world, frame):
    """Return logs and a labelled log of history and deployment together."""
    later = logs.labelled(split=(1.0, 0.0, 0.0))
    split = type(later.split)(np.arange(len(frame)), np.zeros(0, int), np.zeros(0, int))
    known = type(logs)({"videos": world.history(days=HISTORY + DAYS).videos}, until=logs.until)
    return known, type(later)(later.name, frame, later.roles, split)


def test_the_ranker_decides_the_order_and_the_union_what_there_is(world, logs, log, features):
    policy = policy_of(features, logs, log, "log_duration", candidates=12)
    record = RecordedPolicy(policy, table="impressions")
    report = world.deploy(record, days=1, history_days=HISTORY)
    assert report.measures["watch_hours"].estimate > 0
    shown = record.rows().query("ts >= @HISTORY * @DAY").sort_values(["request_id", "position"])
    length = shown["duration"].to_numpy().reshape(-1, 6)
    assert (np.diff(length, axis=1) <= 0).mean() > 0.99
    assert set(shown["source"]) == {0, 1}


def test_one_source_ranked_by_its_own_score_is_that_recommender(world, logs, log, features):
    name, source = "popular", features.sources["popular"]
    alone = FeedFeatures({name: source})
    ranked = policy_of(alone, logs, log, "score_popular", candidates=90)
    listed = RecommenderPolicy(source, depth=90)
    options = {"days": 1, "history_days": HISTORY}
    assert world.deploy(ranked, **options).measures == world.deploy(listed, **options).measures


def test_a_rule_arranges_the_slate_and_the_top_is_one(world, logs, log, features):
    options = {"days": 1, "history_days": HISTORY}
    plain, top, second = (
        policy_of(features, logs, log, "log_duration", candidates=12) for _ in range(3)
    )
    top.arrange = SlateArranger()
    second.arrange = lambda requests, items, scores: np.argsort(-scores, axis=1)[:, 6:]
    reports = [world.deploy(policy, **options) for policy in (plain, top)]
    assert reports[0].measures == reports[1].measures
    record = RecordedPolicy(second)
    world.deploy(record, **options)
    shown = record.rows().query("ts >= @HISTORY * @DAY").sort_values(["request_id", "position"])
    length = shown["duration"].to_numpy().reshape(-1, 6)
    assert (np.diff(length, axis=1) <= 0).mean() > 0.95


def test_moments_of_a_log_are_those_before_the_request():
    rows = pd.DataFrame(
        {
            "user_id": [1, 1, 1, 1, 2],
            "session_id": [5, 5, 5, 6, 7],
            "ts": [0.0, 0.0, 60.0, 900.0, 30.0],
            "position": [0, 1, 0, 0, 0],
            "item_id": [10, 11, 12, 13, 14],
            "click": [0, 1, 1, 0, 1],
        }
    )
    asked = rows.iloc[[2, 3, 4]]
    past = ViewerMoments.of_log(rows, asked)
    assert past.started[:, -3:].tolist() == [[-1, -1, 11], [-1, 11, 12], [-1, -1, -1]]
    assert past.shown.tolist() == [[10, 11], [-1, -1], [-1, -1]]


def test_sources_say_nothing_of_viewers_whom_they_do_not_know():
    rows = pd.DataFrame({"user_id": [1, 2], "item_id": [5, 6]})
    fitted = {"popular": PopularityRecommender().fit(rows)}
    pairs = np.array([1, 9]), np.array([5, 5])
    told = FeedFeatures(fitted, known_users=np.array([1, 2])).score_pairs(*pairs)
    assert np.isnan(told).tolist() == [[False], [True]]
    assert not np.isnan(FeedFeatures(fitted).score_pairs(*pairs)).any()

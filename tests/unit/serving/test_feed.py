"""The home feed of a small made-up catalogue: who is found by which source, what a page holds."""

import json
from dataclasses import replace

import numpy as np
import pytest

from mlsd.runtime import InputError
from mlsd.serving.engine import Engine, StageClock
from mlsd.serving.video.engine import FeedEngine
from mlsd.serving.video.feed import FeedCatalogue, FeedViewers, ServedFeed
from mlsd.serving.video.ranker import STARTS, FeedRanker
from mlsd.serving.video.requests import FeedRequest
from mlsd.serving.video.sources import (
    FreshSource,
    ListSource,
    NeighbourSource,
    TrendingSource,
    VectorSource,
    Viewer,
)

VIDEOS, USERS = 8, 3
ALL = np.ones(VIDEOS, bool)
NONE = np.zeros(0, np.intp)


def recent(*items):
    return np.array([*[-1] * (50 - len(items)), *items], np.int32)


def make_feed(**changed):
    weights = np.zeros((VIDEOS, VIDEOS), np.float32)
    weights[0, [2, 3]] = weights[1, [3, 4]] = 0.6, 0.5
    vectors = np.eye(VIDEOS, 2, dtype=np.float32)
    known = np.ones(USERS, bool)
    parts = {
        "moment": 1e6,
        "catalogue": FeedCatalogue(
            topic=np.arange(VIDEOS) % 3,
            creator=np.array([0, 1, 2, 2, 2, 3, 4, 5]),
            duration=np.full(VIDEOS, 90, np.float32),
            uploaded_at=np.arange(VIDEOS) * 1e5,
            live=np.arange(VIDEOS) != 7,
        ),
        "viewers": FeedViewers(
            recent=np.stack([recent(0, 1), recent(), recent(5), recent()]),
            starts=np.array([0, 2, 2, 3, 3]),
            watched=np.array([0, 1, 5], np.int32),
            by_activity=np.array([0, 2]),
        ),
        "sources": {
            "trending": TrendingSource(np.arange(1.0, 9.0)),
            "overnight": ListSource(np.array([[5, 6], [2, 6], [2, 7], [6, 5]], np.int32)),
            "ease": NeighbourSource(weights),
            "ials": VectorSource(np.eye(USERS, 2, dtype="f4"), known, vectors, "one", "one"),
            "fresh": FreshSource(np.arange(VIDEOS) * 1e5, 5e5),
        },
        "quotas": {"ease": 4, "overnight": 2, "trending": 3, "fresh": 2},
        "rungs": {"popularity": "trending", "overnight": "overnight", "ials": "ials"},
        "default_rung": "funnel",
        "ranker": None,
        "creator_cap": 1,
        "golden": {},
    }
    return ServedFeed(**{**parts, **changed})


def page(engine, **request):
    return engine.answer(engine.parse(json.dumps(request).encode()), StageClock())


@pytest.fixture
def engine():
    return FeedEngine(make_feed(), slots=4)


def test_it_keeps_the_contract_of_engines(engine):
    assert isinstance(engine, Engine)
    clock = StageClock()
    engine.answer(engine.parse(b'{"user_id": 0}'), clock)
    assert tuple(clock.seconds) == engine.stages
    example = engine.example(np.random.default_rng(0))
    assert engine.parse(json.dumps(example).encode()).user_id in (0, 2)


def test_neighbours_add_up_over_what_was_watched_and_say_which():
    source, viewer = make_feed().sources["ease"], Viewer(0, NONE, np.array([0, 1]), NONE)
    items, scores = source.find(viewer, ALL, 3)
    assert items.tolist() == [3, 2, 4]
    assert scores.tolist() == pytest.approx([1.1, 0.6, 0.5])
    assert source.reason(viewer, 4) == "Because you watched video 1"
    assert source.find(Viewer(1, NONE, NONE, NONE), ALL, 9)[0].tolist() == []


def test_what_is_not_live_was_shown_or_was_watched_is_not_shown(engine):
    items = page(engine, user_id=0, rung="popularity")["items"]
    assert items == [6, 5, 4, 3]  # 7 is not live
    items = page(engine, user_id=0, rung="popularity", shown=[6], watched=[4])["items"]
    assert items == [5, 3, 2]  # 0 and 1 were watched before


def test_watching_reaches_the_neighbours_at_once_and_not_the_list_of_last_night(engine):
    assert page(engine, user_id=1, rung="overnight")["items"] == [2, 6]
    assert page(engine, user_id=1, rung="overnight", watched=[0])["items"] == [2, 6]
    before, after = (page(engine, user_id=1, watched=seen) for seen in ([], [0]))
    assert "ease" not in before["sources"]
    assert "ease" in after["sources"]
    assert "Because you watched video 0" in after["reasons"]


def test_the_funnel_caps_creators_and_a_rung_alone_does_not():
    engine = FeedEngine(make_feed(), slots=3)
    creators = engine.served.catalogue.creator
    funnel = page(engine, user_id=0)
    assert len(set(funnel["creators"])) == len(funnel["items"]) == 3
    alone = page(engine, user_id=0, rung="popularity", shown=[5, 6])["items"]
    assert creators[alone].tolist() == [2, 2, 2]


def test_a_stranger_gets_what_trends_and_what_is_new(engine):
    funnel = page(engine, user_id=999)
    assert set(funnel["sources"]) <= {"trending", "fresh", "overnight"}
    nothing = page(engine, user_id=999, rung="ials")
    assert nothing["rung"] == "trending"
    assert nothing["items"]


def test_a_source_that_fails_is_left_out_and_named():
    sources = dict(make_feed().sources)
    sources["ease"] = None
    broken = FeedEngine(make_feed(sources=sources), slots=4)
    answer = page(broken, user_id=0)
    assert answer["failed"] == ["ease"]
    assert answer["items"] == [6, 5, 4]


def test_vectors_of_two_trainings_never_meet():
    sources = dict(make_feed().sources)
    sources["ials"] = replace(sources["ials"], user_version="monday", item_version="tuesday")
    answer = page(FeedEngine(make_feed(sources=sources), slots=4), user_id=0, rung="ials")
    assert answer["failed"] == ["ials"]
    assert answer["rung"] == "trending"


class SumOfColumns:
    """Scores by the columns named, missing ones as 0."""

    def __init__(self, *names):
        self.names = names

    def score(self, columns):
        return np.nan_to_num(columns.numbers(self.names)).sum(axis=1)


def ranker(*names):
    return FeedRanker(
        scorer=SumOfColumns(*names),
        items={"topic": np.arange(VIDEOS) % 3, "creator_id": np.array([0, 1, 2, 2, 2, 3, 4, 5])},
        users={"age_band": np.array([3, 4, 5, 0])},
        by_topic={"liking": np.arange(12.0).reshape(4, 3)},
        by_creator={},
        sources=("ease", "ials"),
        known=np.array([True, True, False, False]),
    )


def test_the_ranker_decides_the_order_of_the_funnel_and_of_no_other_rung():
    by_topic = FeedEngine(make_feed(ranker=ranker("liking")), slots=3)
    # Topic 1 is of a creator who has a video of topic 2 on the page.
    assert page(by_topic, user_id=0)["topics"] == [2, 2, 0]
    alone = page(by_topic, user_id=0, rung="popularity")
    assert alone["items"] == [6, 5, 4]


def test_a_ranker_reads_the_viewer_the_moment_and_the_sources():
    feed = make_feed()
    viewer = Viewer(0, np.array([0, 1, 4]), np.array([0, 1]), np.array([4, 5]))
    request = FeedRequest(0, None, 21, 3, 1, 2, NONE, NONE)
    items = np.array([1, 2, 4])
    columns = ranker().columns(request, viewer, items)
    told = {name: values.tolist() for name, values in columns.items()}
    assert told["age_band"] == [3, 3, 3]
    assert (told["hour"], told["device"], told["step"]) == ([21] * 3, [1] * 3, [2] * 3)
    assert told["liking"] == [1.0, 2.0, 1.0]  # topics 1, 2, 1 of viewer 0
    assert told["recent_topic_share"] == pytest.approx([2 / 3, 0, 2 / 3])
    assert told["recent_creator_share"] == pytest.approx([1 / 3, 1 / 3, 1 / 3])
    assert told["started_before"] == [1.0, 0.0, 1.0]
    assert told["session_topic_shown"] == [1.0, 1.0, 1.0]
    assert told["session_topic_started"] == [1.0, 0.0, 1.0]
    by_source = ranker("score_ease").score(request, viewer, items, feed.sources)
    assert by_source.tolist() == pytest.approx([0, 0.6, 0.5])
    without = {name: source for name, source in feed.sources.items() if name != "ease"}
    assert ranker("score_ease").score(request, viewer, items, without).tolist() == [0, 0, 0]
    stranger = replace(viewer, row=2)
    assert ranker("score_ease").score(request, stranger, items, feed.sources).tolist() == [0, 0, 0]


@pytest.mark.parametrize(
    ("request_", "problem"),
    [
        ({}, "user_id is missing"),
        ({"user_id": "7"}, "user_id"),
        ({"user_id": -1}, "user_id"),
        ({"user_id": 1, "rung": "nope"}, "choose among popularity, overnight, ials, funnel"),
        ({"user_id": 1, "hour": 24}, "hour"),
        ({"user_id": 1, "watched": [True]}, "watched"),
        ({"user_id": 1, "shown": list(range(501))}, "shown"),
        ({"user_id": 1, "slots": 3}, "slots"),
    ],
)
def test_a_wrong_request_is_one_line(engine, request_, problem):
    with pytest.raises(InputError, match=problem) as raised:
        engine.parse(json.dumps(request_).encode())
    assert "\n" not in str(raised.value)


def test_ids_that_no_artifact_knows_change_nothing(engine):
    known = page(engine, user_id=0)["items"]
    assert page(engine, user_id=0, shown=[10**6], watched=[10**6])["items"] == known


def test_of_a_long_past_the_latest_starts_count():
    viewer = Viewer(0, np.array([0] + [1] * STARTS), NONE, NONE)
    request = FeedRequest(0, None, 21, 3, 1, 2, NONE, NONE)
    columns = ranker().columns(request, viewer, np.array([0, 1]))
    assert columns["started_before"].tolist() == [0, 1]
    assert columns["recent_topic_share"].tolist() == [0, 1]
    assert columns["recent_starts"].tolist() == [STARTS, STARTS]


def test_equal_scores_stand_in_the_order_of_the_catalogue():
    places, _ = TrendingSource(np.ones(VIDEOS)).find(Viewer(0, NONE, NONE, NONE), ALL, 3)
    assert (np.diff(places) > 0).all()


def test_the_first_viewer_after_the_known_ones_is_a_stranger(engine):
    assert [engine.served.viewers.row(user) for user in (USERS - 1, USERS)] == [USERS - 1, -1]
    for rung in ("funnel", "ials", "overnight"):
        assert page(engine, user_id=USERS, rung=rung) == page(engine, user_id=999, rung=rung)

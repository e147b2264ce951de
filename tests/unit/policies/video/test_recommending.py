"""A deployed recommender and the videos that are uploaded after its training."""

import copy
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from mlsd.models import PopularityRecommender, TwoTowerRecommender
from mlsd.monitoring import RecordedPolicy
from mlsd.policies.video import RecommenderPolicy
from mlsd.policies.video.recommending import passed_over
from mlsd.runtime import InputError
from mlsd.runtime.times import DAY
from mlsd.worlds.video import FeedRequests, VideoWorld

QUICK = {"dim": 8, "embedding_dim": 8, "hidden": (16,), "epochs": 20, "learning_rate": 0.01}
CONTENT = {"item_id": False, "item_categorical": ("topic",), "item_numeric": ("duration",)}


@pytest.fixture(scope="module")
def world():
    return VideoWorld(seed=3, size="small")


@pytest.fixture(scope="module")
def fitted(world):
    """Two towers that read columns, and two that read ids."""
    logs = world.history(days=2)
    frame = logs.labelled().frame
    watched = frame.loc[frame["watched"] == 1, ["user_id", "item_id", "ts"]]
    return {
        "content": TwoTowerRecommender(**QUICK, **CONTENT).fit(watched, items=logs.videos),
        "ids": TwoTowerRecommender(**QUICK).fit(watched),
        "popularity": PopularityRecommender().fit(watched),
    }


def uploads(*ids):
    table = {"item_id": ids, "ts": 0.0, "known_at": 0.0, "topic": 1, "duration": 60.0}
    return {"videos": pd.DataFrame(table)}


def test_uploads_reach_a_recommender_that_takes_them(fitted):
    policy = RecommenderPolicy(copy.deepcopy(fitted["content"]))
    known = policy.recommender.item_ids_.copy()
    new = int(known.max()) + 5
    policy.observe(uploads())
    assert policy.recommender.item_ids_.tolist() == known.tolist()
    policy.observe(uploads(int(known[0]), new))
    assert policy.recommender.item_ids_.tolist() == [*known, new]
    assert np.ptp(policy.recommender.item_vectors_[-1]) > 0


@pytest.mark.parametrize("name", ["ids", "popularity"])
def test_others_stay_as_they_were_fitted(fitted, name):
    policy = RecommenderPolicy(fitted[name])
    before = policy.recommender.item_ids_.copy()
    policy.observe(uploads(int(before.max()) + 5))
    assert policy.recommender.item_ids_.tolist() == before.tolist()


def asked(*live):
    """Return the request of one viewer who has seen nothing."""
    return FeedRequests(
        np.zeros(1),
        np.arange(1),
        {"user_id": np.zeros(1, int)},
        4,
        np.array(live, np.int32),
        np.zeros((1, 0), np.int32),
        lambda length: np.full((1, length), -1),
    )


@pytest.mark.parametrize("at_request", [False, True])
def test_a_list_of_the_night_lacks_the_uploads_of_the_day(fitted, at_request):
    model = copy.deepcopy(fitted["content"])
    policy = RecommenderPolicy(model, at_request=at_request, depth=2)
    old, new = model.item_ids_[:4].tolist(), int(model.item_ids_.max()) + 1
    policy.act(asked(*old))
    policy.observe(uploads(new))
    model.item_vectors_[-1] = 100 * model.user_vectors([0])[0]
    first = policy.act(asked(*old, new)).items[0, 0]
    assert (first == new) == at_request


class Newest:
    """Recommends the video after the one that was started last."""

    def recommend(self, user_ids, k, *, candidates=None, histories=None):
        first = histories[:, -1:] + 1
        return first + np.arange(k), np.zeros((len(first), k))


@pytest.mark.parametrize(
    ("views_until", "first"),
    [("request", [1, 2, 3, 4]), ("session", [1, 1, 3, 4]), ("day", [1, 1, 1, 4])],
)
def test_a_list_reads_the_views_until_then(views_until, first):
    policy = RecommenderPolicy(Newest(), at_request=True, depth=40, views_until=views_until)
    shown = []
    # Two requests of a session, then one of the same day, then one of the next day.
    for number, (session, ts) in enumerate([(7, 0.0), (7, 60.0), (8, 7_200.0), (9, DAY + 1.0)]):
        request = asked(*range(50))
        context = {"user_id": np.zeros(1, int), "session_id": np.array([session])}
        views = np.full((1, 50), number)
        request = replace(
            request, ts=np.array([ts]), context=context, recent=lambda length, views=views: views
        )
        lists = policy._find(request, request.history(50))
        shown.append(int(lists[0, 0]))
    assert shown == first


def test_a_wrong_reading_is_refused():
    with pytest.raises(InputError, match="views_until is 'week'"):
        RecommenderPolicy(Newest(), at_request=True, views_until="week")


def test_a_deployed_content_tower_shows_later_uploads_and_the_callers_copy_stays(world, fitted):
    model = fitted["content"]
    before = model.item_ids_.copy()
    record = RecordedPolicy(RecommenderPolicy(model))
    world.deploy(record, days=2, history_days=2)
    rows = record.rows().query(f"ts >= {2 * DAY}")
    new = rows[rows["item_id"] > before.max()]
    # Told apart, not all alike: some uploads are shown far more often than others.
    assert new["item_id"].nunique() > 3
    assert new.groupby("item_id").size().std() > 1
    assert model.item_ids_.tolist() == before.tolist()


def test_passed_over_is_what_was_shown_started_or_removed_and_the_end_of_a_list():
    request = replace(asked(1, 2, 3, 4), shown=np.array([[2]], np.int32))
    lists, started = np.array([[1, 2, 3, 4, 9, -1]]), np.array([[-1, 3]])
    assert passed_over(lists, request, started).tolist() == [[False, True, True, False, True, True]]

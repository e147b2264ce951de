"""Exploration slots: who is drawn, how often, and what the log says of it."""

import numpy as np
import pandas as pd
import pytest

from mlsd.models import PopularityRecommender
from mlsd.monitoring import RecordedPolicy
from mlsd.policies.video import ExplorationSlotPolicy, RecommenderPolicy
from mlsd.policies.video.uploads import EXPLORED
from mlsd.runtime import InputError
from mlsd.runtime.times import DAY
from mlsd.worlds import VideoWorld
from mlsd.worlds.video import FeedRequests, Slates

HISTORY, SHARE, POSITION = 3, 0.4, 3


@pytest.fixture(scope="module")
def world():
    return VideoWorld(seed=5, size="small")


@pytest.fixture(scope="module")
def policy(world):
    frame = world.history(days=HISTORY).labelled().frame
    return RecommenderPolicy(PopularityRecommender().fit(frame[frame["watched"] == 1]))


@pytest.fixture(scope="module")
def rows(world, policy):
    videos = world.history(days=HISTORY).videos
    slot = ExplorationSlotPolicy(policy, videos, position=POSITION, share=SHARE, cap=1)
    record = RecordedPolicy(slot)
    world.deploy(record, days=2, history_days=HISTORY)
    shown = record.rows()
    began = shown.loc[(shown["step"] == 0) & (shown["ts"] >= HISTORY * DAY), "session_id"]
    return shown[shown["session_id"].isin(began)]


def test_the_slot_holds_recent_uploads_and_nothing_else_does(rows):
    explored = rows["source"] == EXPLORED
    assert (rows.loc[explored, "position"] == POSITION).all()
    assert rows.loc[explored, "video_age_days"].max() <= 2
    assert abs(explored.sum() / rows["request_id"].nunique() - SHARE) < 0.03
    assert explored.groupby(rows["item_id"]).sum().gt(0).sum() > 30


def test_an_explored_upload_is_by_a_creator_who_is_not_on_the_slate(rows):
    explored = rows[rows["source"] == EXPLORED]
    others = rows[rows["source"] != EXPLORED]
    both = explored.merge(others, on=["request_id", "creator_id"])
    assert both.empty


def test_propensities_add_up_to_one(rows):
    """The mean of an indicator over its propensity is 1 for what chance could have drawn."""
    slot = rows[rows["position"] == POSITION]
    explored = slot["source"] == EXPLORED
    assert np.allclose(slot.loc[~explored, "propensity"], 1 - SHARE)
    pool = 1 / slot.loc[explored, "propensity"] * SHARE
    assert np.allclose(pool, pool.round(), atol=1e-3)
    assert (rows.loc[rows["position"] != POSITION, "propensity"] == 1).all()


def test_without_uploads_slates_stay_as_they_were(world, policy):
    videos = pd.DataFrame({"item_id": [0], "creator_id": [0], "ts": [-9e9]})
    silent = ExplorationSlotPolicy(policy, videos, share=1.0, max_age_days=1e-9)
    options = {"days": 1, "history_days": HISTORY}
    assert world.deploy(silent, **options).measures == world.deploy(policy, **options).measures


def test_settings_out_of_range(policy):
    videos = pd.DataFrame({"item_id": [0], "creator_id": [0], "ts": [0.0]})
    for settings in ({"share": 1.2}, {"position": -1}, {"max_age_days": 0}):
        with pytest.raises(InputError):
            ExplorationSlotPolicy(policy, videos, **settings)


class Chancy:
    """Shows three videos, each slot with a propensity of its own."""

    def act(self, requests):
        shape = (len(requests), 3)
        odds = np.broadcast_to(np.float32([0.25, 0.5, 0.75]), shape)
        return Slates(np.tile([0, 1, 2], (len(requests), 1)), odds)


def asked(ts):
    count = len(ts)
    none = np.zeros((count, 0), np.int32)
    return FeedRequests(
        np.asarray(ts), np.arange(count), {}, 3, np.arange(6), none, lambda length: none
    )


def test_what_stays_keeps_its_own_propensity_and_other_slots_all_of_it():
    videos = pd.DataFrame({"item_id": range(6), "creator_id": 0, "ts": [-9e9] * 3 + [0.0] * 3})
    slates = ExplorationSlotPolicy(Chancy(), videos, position=1, share=0.4).act(asked([1.0] * 99))
    explored = slates.source[:, 1] == EXPLORED
    assert 20 < explored.sum() < 60
    np.testing.assert_allclose(slates.propensity[:, 1], np.where(explored, 0.4 / 3, 0.6 * 0.5))
    assert (slates.propensity[:, [0, 2]] == [0.25, 0.75]).all()


def test_an_upload_is_too_old_for_whoever_asks_too_late():
    videos = pd.DataFrame({"item_id": range(6), "creator_id": 0, "ts": [-9e9] * 5 + [0.0]})
    policy = ExplorationSlotPolicy(Chancy(), videos, position=1, share=1.0, max_age_days=1.0)
    slates = policy.act(asked([0.5 * DAY, 1.5 * DAY]))
    assert slates.items[:, 1].tolist() == [5, 1]
    assert slates.propensity[:, 1].tolist() == [1.0, 0.5]

"""A feed that learns from its own log: when it fits, on what; and slots left to chance."""

import numpy as np
import pandas as pd
import pytest

from mlsd.models import PopularityRecommender
from mlsd.monitoring import RecordedPolicy
from mlsd.policies.video import (
    HoldoutPolicy,
    RandomSlotsPolicy,
    RecommenderPolicy,
    RetrainedPolicy,
    watched_rows,
)
from mlsd.runtime import InputError
from mlsd.runtime.times import DAY
from mlsd.worlds.video import FeedRequests, Slates, VideoWorld

HISTORY = 2


@pytest.fixture(scope="module")
def world():
    return VideoWorld(seed=3, size="small")


@pytest.fixture(scope="module")
def history(world):
    return world.history(days=HISTORY).labelled().frame


@pytest.fixture(scope="module")
def popular(history):
    return PopularityRecommender().fit(watched_rows(history))


class Kept(RetrainedPolicy):
    """Not copied, so that a test can read it after a deployment."""

    def __deepcopy__(self, memo):
        return self


def rows_of(policy, world, days):
    record = RecordedPolicy(policy)
    world.deploy(record, days=days, history_days=HISTORY)
    rows = record.rows()
    return rows[rows["ts"] >= HISTORY * DAY]


@pytest.mark.parametrize(("every", "fits"), [(None, 0), (1, 3), (2, 1)])
def test_it_fits_at_every_so_many_midnights(world, history, popular, every, fits):
    policy = Kept(popular, history, every=every)
    world.deploy(policy, days=4, history_days=HISTORY)
    assert policy.fits == fits


def test_without_a_refit_it_is_the_recommender_as_it_was_fitted(world, history, popular):
    never = rows_of(RetrainedPolicy(popular, history, every=None), world, 2)
    plain = rows_of(RecommenderPolicy(popular), world, 2)
    assert never["item_id"].tolist() == plain["item_id"].tolist()
    daily = rows_of(RetrainedPolicy(popular, history, every=1), world, 2)
    assert daily["item_id"].tolist() != plain["item_id"].tolist()


def test_it_learns_from_what_was_known_and_within_its_window(world, history, popular):
    seen = []

    def rows(known):
        seen.append((known["known_at"].min(), known["known_at"].max(), len(known)))
        return watched_rows(known)

    policy = Kept(popular, history, every=1, rows=rows, window_days=1.0)
    world.deploy(policy, days=3, history_days=HISTORY)
    for midnight, (first, last, count) in zip((3 * DAY, 4 * DAY), seen, strict=True):
        assert midnight - DAY < first < last <= midnight
        assert count > 1_000


def test_what_became_known_after_a_midnight_waits_for_the_next_one(history, popular):
    """Where the first request of a day comes late, more is known than at its midnight."""
    seen = []
    policy = Kept(popular, history, rows=lambda known: seen.append(known) or watched_rows(known))
    live = np.unique(history["item_id"]).astype(np.int32)

    def ask(ts):
        context = {"user_id": np.zeros(1, int), "session_id": np.zeros(1, int)}
        nothing = np.zeros((1, 0), np.int32)
        options = (6, live, nothing, lambda length: np.full((1, length), -1))
        policy.act(FeedRequests(np.full(1, float(ts)), np.arange(1), context, *options))

    midnight = (HISTORY + 1) * DAY
    ask(midnight - DAY)
    late = history.tail(5).assign(known_at=midnight + 600.0)
    policy.observe({"impressions": late, "videos": pd.DataFrame()})
    ask(midnight + 3_600)
    assert len(seen) == 1
    assert len(seen[0]) == len(history)


def test_every_row_of_the_history_and_of_the_feed_is_learned_once(world, history, popular):
    seen = []
    policy = Kept(popular, history, rows=lambda known: seen.append(known) or watched_rows(known))
    shown = rows_of(policy, world, 2)
    known = seen[-1]["impression_id"]
    assert known.is_unique
    assert set(history["impression_id"]) <= set(known)
    by_then = shown.loc[shown["known_at"] <= (HISTORY + 1) * DAY, "impression_id"]
    assert len(by_then) > 1_000
    assert set(by_then) <= set(known)


def test_with_nothing_to_learn_it_stays_as_it_was(world, history, popular):
    policy = Kept(popular, history, rows=lambda known: known[:0])
    world.deploy(policy, days=2, history_days=HISTORY)
    assert policy.fits == 0
    assert policy.recommender is popular


def test_a_cadence_below_a_day_is_refused(history, popular):
    with pytest.raises(InputError, match="every is 0"):
        RetrainedPolicy(popular, history, every=0)


class Fixed:
    """Shows the same videos to everybody."""

    def __init__(self, *items):
        self.items = items

    def act(self, requests):
        return Slates(np.tile(self.items, (len(requests), 1)))

    def observe(self, events):
        pass


def asked(count, live, shown=()):
    """Return requests of viewers whose sessions have been shown the same videos."""
    return FeedRequests(
        np.zeros(count),
        np.arange(count),
        {"user_id": np.arange(count)},
        3,
        np.array(live, np.int32),
        np.tile(np.array(shown, np.int32), (count, 1)).reshape(count, len(shown)),
        lambda length: np.full((count, length), -1),
    )


def test_the_propensity_is_how_often_chance_and_policy_show_a_video():
    requests = asked(40_000, [2, 3, 5, 7, 11, 13], shown=[3])
    slates = RandomSlotsPolicy(Fixed(7, 2, 11), 0.4).act(requests)
    assert not (np.sort(slates.items, axis=1)[:, 1:] == np.sort(slates.items, axis=1)[:, :-1]).any()
    assert not np.isin(slates.items, [3]).any()
    for slot in range(3):
        table = pd.DataFrame(slates.items[:, : slot + 1])
        table["propensity"] = slates.propensity[:, slot]
        above = list(range(slot))
        groups = table.groupby(above) if above else [((), table)]
        for _, group in groups:
            if len(group) < 1_000:
                continue
            share = group[slot].value_counts(normalize=True)
            said = group.groupby(slot)["propensity"].agg(["min", "max"])
            assert (said["min"] == said["max"]).all()
            assert said["min"].sum() == pytest.approx(1, abs=1e-5)
            np.testing.assert_allclose(share[said.index], said["min"], atol=0.05)


def test_no_chance_shows_the_policy_and_only_chance_shows_everything_alike():
    requests = asked(6_000, range(10), shown=[0, 1])
    none = RandomSlotsPolicy(Fixed(4, 5, 6), 0.0).act(requests)
    assert (none.items == [4, 5, 6]).all()
    assert (none.propensity == 1).all()
    assert (none.source == 0).all()
    only = RandomSlotsPolicy(Fixed(4, 5, 6), 1.0).act(requests)
    np.testing.assert_allclose(only.propensity, 1 / np.array([[8, 7, 6]] * 6_000), rtol=1e-6)
    assert np.bincount(only.items.ravel(), minlength=10)[:2].sum() == 0
    assert np.bincount(only.items.ravel())[2:].min() > 2_000
    assert (only.source == 1).all()


def test_a_share_outside_its_range_is_refused():
    with pytest.raises(InputError, match="share is 2"):
        RandomSlotsPolicy(Fixed(1), 2)


def test_a_holdout_is_served_apart_and_keeps_the_order_of_requests():
    requests = asked(6, range(10))
    policy = HoldoutPolicy(Fixed(4, 5, 6), Fixed(1, 2, 3), lambda user: user % 3 == 1)
    slates = policy.act(requests)
    assert slates.items[:, 0].tolist() == [4, 1, 4, 4, 1, 4]
    chance = RandomSlotsPolicy(Fixed(1, 2, 3), 1.0)
    slates = HoldoutPolicy(Fixed(4, 5, 6), chance, lambda user: user == 2).act(requests)
    assert (slates.propensity[[0, 1, 3, 4, 5]] == 1).all()
    np.testing.assert_allclose(slates.propensity[2], 1 / np.array([10, 9, 8]), rtol=1e-6)


@pytest.mark.parametrize(("held", "first"), [(True, 1), (False, 4)])
def test_a_holdout_of_everybody_or_nobody(held, first):
    policy = HoldoutPolicy(Fixed(4, 5, 6), Fixed(1, 2, 3), lambda user: np.full(len(user), held))
    assert (policy.act(asked(3, range(10))).items[:, 0] == first).all()

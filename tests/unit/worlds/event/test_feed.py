"""The event world keeps its own rules: reach, seats, dates, invitations, pushes."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from mlsd.runtime import InputError
from mlsd.runtime.times import DAY, HOUR
from mlsd.worlds.event import EventConfig, EventWorld, Pushes
from mlsd.worlds.event.pairs import PairTable
from mlsd.worlds.event.population import Links
from mlsd.worlds.event.pushes import in_push_holdout
from mlsd.worlds.event.state import FEED, GROUP, INVITATION, PUSH, WAITING, YES
from mlsd.worlds.kit.slates import NO_ITEM, Slates

DAYS = 12


@pytest.fixture(scope="module")
def world():
    return EventWorld(seed=5, size="small")


@pytest.fixture(scope="module")
def logs(world):
    return world.history(DAYS)


def home_at(logs, rows):
    """Return rows with the home of their user at their time."""
    homes = logs.homes.sort_values("ts")
    return pd.merge_asof(rows.sort_values("ts"), homes, on="ts", by="user_id", suffixes=("", "_at"))


def test_only_open_events_in_reach_are_shown(world, logs):
    shown = logs.impressions.merge(logs.events, on="event_id", suffixes=("", "_event"))
    assert (shown["ts_event"] <= shown["ts"]).all()
    assert (shown["ts"] < shown["starts_at"]).all()
    km = np.hypot(shown["home_x"] - shown["x"], shown["home_y"] - shown["y"])
    assert km.max() <= world.config.reach_km


def test_the_home_of_an_impression_is_the_one_of_its_time(logs):
    found = home_at(logs, logs.impressions)
    assert (found["home_x"] == found["home_x_at"]).all()
    assert (logs.homes.groupby("user_id").size() > 1).any()


def test_no_event_has_more_yeses_than_seats_and_only_full_ones_turn_people_away(logs):
    capacity = logs.events.set_index("event_id")["capacity"]
    yes = logs.rsvps[logs.rsvps["status"] == YES].groupby("event_id").size()
    assert (yes <= capacity[yes.index]).all()
    turned_away = logs.rsvps.loc[logs.rsvps["status"] == WAITING, "event_id"].unique()
    assert len(turned_away) >= 3
    assert (yes[turned_away] == capacity[turned_away]).all()


def test_everybody_answers_once_and_before_the_event(logs):
    assert not logs.rsvps.duplicated(["user_id", "event_id"]).any()
    begins = logs.events.set_index("event_id")["starts_at"]
    assert (logs.rsvps["ts"].to_numpy() < begins[logs.rsvps["event_id"]].to_numpy()).all()
    assert set(logs.rsvps["source"]) == {FEED, GROUP, INVITATION, PUSH}


def test_the_yes_of_an_impression_is_an_answer_from_the_feed(logs):
    keys = ["user_id", "event_id"]
    of_feed = logs.rsvps[(logs.rsvps["source"] == FEED) & (logs.rsvps["status"] == YES)]
    shown = logs.impressions[logs.impressions["yes"] == 1]
    assert (shown["click"] == 1).all()
    one, two = (frame[keys].sort_values(keys, ignore_index=True) for frame in (shown, of_feed))
    pd.testing.assert_frame_equal(one, two)


def test_attendance_is_known_after_the_end_and_nobody_comes_without_an_answer(logs):
    ends = logs.events.set_index("event_id")["ends_at"]
    late = logs.attendance["known_at"].to_numpy() - ends[logs.attendance["event_id"]].to_numpy()
    np.testing.assert_allclose(late, 12 * HOUR)
    said = logs.rsvps.set_index(["user_id", "event_id"])["status"]
    status = said[pd.MultiIndex.from_frame(logs.attendance[["user_id", "event_id"]])]
    assert set(status) == {1, 2}
    came = logs.attendance["attended"].to_numpy()
    assert came[status.to_numpy() == YES].mean() > 3 * came[status.to_numpy() == 2].mean()


def test_only_friends_of_that_time_invite_and_only_for_what_they_go_to(logs):
    known = logs.invitations.merge(logs.friendships, on=["user_id", "friend_id"])
    assert len(known) == len(logs.invitations) > 50
    assert (known["ts_y"] <= known["ts_x"]).all()
    said = logs.rsvps[logs.rsvps["status"] == YES].set_index(["user_id", "event_id"])["ts"]
    inviting = pd.MultiIndex.from_frame(logs.invitations[["user_id", "event_id"]])
    np.testing.assert_array_equal(said[inviting].to_numpy(), logs.invitations["ts"].to_numpy())


def test_friendships_go_both_ways_since_the_same_day_and_after_both_signed_up(logs):
    one = logs.friendships
    other = one.rename(columns={"user_id": "friend_id", "friend_id": "user_id"})
    assert len(one.merge(other, on=["user_id", "friend_id", "ts"])) == len(one)
    signup = logs.users.set_index("user_id")["ts"]
    assert (one["ts"].to_numpy() >= signup[one["user_id"]].to_numpy()).all()


def test_logged_pushes_are_a_coin_toss_over_random_pairs_and_spare_the_holdout(world, logs):
    pushes = logs.pushes
    held_out = in_push_holdout(world.seed, world.config.push_holdout, np.arange(2_000))
    assert 0.07 < held_out.mean() < 0.13
    assert not held_out[pushes["user_id"]].any()
    assert (pushes["propensity"] == 0.5).all()
    count, sent = len(pushes), pushes["sent"].sum()
    assert abs(sent - count / 2) < 4 * np.sqrt(count) / 2
    assert (pushes["ts"] % DAY == 17 * HOUR).all()
    gone = logs.opt_outs.groupby("user_id")["ts"].min()
    last = pushes.groupby("user_id")["ts"].max()
    both = gone.index.intersection(last.index)
    assert len(both) > 3
    assert (last[both] <= gone[both]).all()


def test_propensities_are_those_of_the_draw(logs):
    """An event in the first slot with propensity p is there in a share p of like requests."""
    top = logs.impressions[logs.impressions["position"] == 0]
    # The mean of 1 / p over what was drawn is the number of events that could be.
    open_now = logs.impressions.groupby("city")["event_id"].nunique()
    by_city = top.groupby("city")["propensity"].apply(lambda p: (1 / p).mean())
    assert (by_city <= open_now[by_city.index] * 1.2).all()
    assert top["propensity"].between(0, 1).all()


def reached(requests, first=0):
    """Return a page of the first events in reach for each request."""
    items = np.full((len(requests), requests.slots), NO_ITEM, np.int32)
    x, y = requests.context["home_x"], requests.context["home_y"]
    for row in range(len(requests)):
        km = np.hypot(requests.open_x - x[row], requests.open_y - y[row])
        near = requests.open[km <= requests.reach_km][first:]
        items[row, : len(near)] = near[: requests.slots]
    return items


class Feed:
    """Shows the first events in reach, changed by `spoil`."""

    def __init__(self, spoil=None):
        self.spoil = spoil

    def act(self, requests):
        items = reached(requests)
        return Slates(items if self.spoil is None else self.spoil(requests, items))

    def observe(self, events):
        pass


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda requests, items: items[:, :-1], "items have shape"),
        (lambda requests, items: np.full_like(items, 10**6), "is not open"),
        (lambda requests, items: np.full_like(items, -2), "is not open"),
        (lambda requests, items: np.tile(items[:, :1], (1, items.shape[1])), "an event twice"),
        (lambda requests, items: np.roll(items, len(items) // 2, axis=0), "km from the home"),
    ],
)
def test_what_cannot_be_shown_is_refused_by_name(world, spoil, message):
    with pytest.raises(InputError, match=message):
        world.deploy(Feed(spoil), 1, history_days=1)


class Pushing(Feed):
    """Sends everybody the first event in reach."""

    def push(self, requests):
        return Pushes(reached(requests)[:, 0])


class Spoilt(Feed):
    def push(self, requests):
        return Pushes(np.full(len(requests), 10**6))


def test_pushes_bring_people_and_make_some_switch_them_off(world):
    comparison = world.compare(Feed(), Pushing(), 5, history_days=2)
    assert comparison.control.measures["opt_outs"].estimate == 0
    assert comparison.treatment.measures["opt_outs"].estimate > 1
    assert comparison.lifts["rsvps"].difference.low > 0
    with pytest.raises(InputError, match="pushes: event 1000000 of request"):
        world.deploy(Spoilt(), 1, history_days=1)


def test_without_friends_nobody_is_invited_and_in_large_rooms_nobody_is_turned_away():
    lonely = EventWorld(5, "small", EventConfig.variant("no_friends")).history(4)
    assert len(lonely.invitations) == 0
    roomy = EventWorld(5, "small", EventConfig.variant("roomy")).history(4)
    assert not (roomy.rsvps["status"] == WAITING).any()


def test_friends_who_go_draw_friends(world):
    """The same pages with and without their influence: yeses of those who have friends there."""
    quiet = EventWorld(5, "small", replace(EventConfig(), friend_gain=0.0))
    change = [
        each.deploy(Feed(), 5, history_days=2).measures["rsvps"].estimate for each in (quiet, world)
    ]
    assert change[1] > change[0]


def test_attendance_of_a_yes_counts_in_a_deployment_however_late(world):
    report = world.deploy(Feed(), 1, history_days=2)
    test = world.ab_test(Feed(), Feed(), 1, history_days=2)
    assert report.measures["attendance"].estimate > 3 * test.control.measures["attendance"].estimate


def test_cities_keep_to_one_arm_and_their_partners_to_the_other(world):
    test = world.ab_test(Feed(), Feed(), 2, design="city", history_days=1)
    arms = [set(report.by_unit.index) for report in (test.control, test.treatment)]
    assert not arms[0] & arms[1]
    for place in range(0, world.config.cities, 2):
        assert len(arms[0] & {place, place + 1}) == 1


def test_a_pair_table_adds_finds_and_forgets():
    table = PairTable()
    rng = np.random.default_rng(0)
    truth = np.zeros(50, int)
    for _ in range(20):
        keys = rng.integers(0, 50, 30)
        table.add(keys)
        np.add.at(truth, keys, 1)
        if rng.random() < 0.3:
            table.settle()
    np.testing.assert_array_equal(table.get(np.arange(50)), truth)
    kept = np.arange(10) % 2 == 0
    table.settle(kept, 10)
    np.testing.assert_array_equal(table.get(np.arange(50)), np.where(np.tile(kept, 5), truth, 0))


def test_links_are_those_that_exist_at_the_time():
    user, to = np.array([1, 0, 1, 1]), np.array([5, 6, 7, 7])
    links = Links.of(3, user, to, np.array([10.0, 1.0, 3.0, 2.0]))
    place, found = links.of_users(np.array([1, 1, 2, 0]), np.array([2.0, 10.0, 99.0, 0.5]))
    assert place.tolist() == [0, 1, 1]
    assert found.tolist() == [7, 5, 7]


def test_there_are_at_least_thirty_cities_and_each_can_be_lived_in(logs):
    assert logs.homes["city"].nunique() >= 30
    assert logs.events["city"].nunique() >= 30

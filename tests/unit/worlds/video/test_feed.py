"""Slates, sessions and state: what is refused, what is remembered, who comes when."""

import numpy as np
import pytest

from mlsd.runtime import InputError
from mlsd.runtime.times import DAY, HOUR
from mlsd.worlds.kit.exposure import ExposureTally
from mlsd.worlds.video import FeedRequests, Slates, VideoConfig, VideoWorld
from mlsd.worlds.video.measures import MEASURES
from mlsd.worlds.video.population import make_population
from mlsd.worlds.video.slates import require_showable
from mlsd.worlds.video.state import REMEMBERED, FeedState
from mlsd.worlds.video.traffic import Traffic


@pytest.fixture(scope="module")
def config():
    return VideoConfig().scaled("small")


@pytest.fixture(scope="module")
def population(config):
    return make_population(config, 0)


@pytest.fixture
def requests():
    shown = np.zeros((1, 0), np.int32)
    return FeedRequests(
        np.zeros(1), np.array([5]), {}, 2, np.array([1, 2]), shown, lambda length: shown
    )


@pytest.mark.parametrize(
    ("items", "message"),
    [
        ([[1, 2, 3]], r"items have shape \(1, 3\); give \(1, 2\)"),
        ([[1, 3]], "video 3 of request 5 is not live"),
        ([[-1, 2]], "video -1 of request 5 is not live"),
        ([[1, 99]], "video 99 of request 5 is not live"),
        ([[2, 2]], "request 5 shows a video twice"),
    ],
)
def test_slates_that_cannot_be_shown_are_refused(requests, items, message):
    is_live = np.array([False, True, True, False])
    with pytest.raises(InputError, match=message):
        require_showable(Slates(np.array(items)), requests, is_live)
    require_showable(Slates(np.array([[2, 1]])), requests, is_live)


def test_the_last_started_videos_are_remembered_in_order(population, config):
    state = FeedState.fresh(population, config, ())
    state.remember(np.array([1, 1, 2]), np.array([10, 11, 20]))
    state.remember(np.array([1]), np.array([12]))
    assert state.last_started(np.array([1, 2, 3]), 3).tolist() == [
        [10, 11, 12],
        [-1, -1, 20],
        [-1, -1, -1],
    ]
    for item in range(REMEMBERED):
        state.remember(np.array([1]), np.array([100 + item]))
    assert state.last_started(np.array([1]), 2).tolist() == [[162, 163]]
    assert 12 not in state.last_started(np.array([1]), REMEMBERED)


def test_sessions_of_one_viewer_and_day_lie_hours_apart(population, config):
    traffic = Traffic(population, config, 0, luck="nature")
    day = traffic.day(4, np.full(len(population.users.activity), 1.0))
    order = np.lexsort([day.ts, day.user])
    user, ts = day.user[order], day.ts[order]
    gaps = np.diff(ts)[user[1:] == user[:-1]]
    assert len(gaps) > 100
    assert gaps.min() > HOUR / 3
    assert (day.ts // DAY == 4).all()
    assert len(np.unique(day.session_id)) == len(day.session_id)


def test_visits_follow_the_expected_number_and_grow_with_habit(population, config):
    traffic = Traffic(population, config, 0, luck="nature")
    habit = np.zeros(len(population.users.activity), np.float32)
    counts = np.array([traffic.counts(day, habit) for day in range(20)])
    expected = np.array([traffic.expected(day, habit) for day in range(20)])
    rare = expected < 0.5
    assert abs(counts[rare].sum() / expected[rare].sum() - 1) < 0.05
    assert (traffic.counts(3, habit + 0.3) >= traffic.counts(3, habit)).all()
    late = population.users.signup_day > 3
    assert traffic.counts(3, habit)[late].sum() == 0


def test_a_removed_video_is_live_no_more_and_its_removal_is_news():
    world = VideoWorld(0, size="small", config=VideoConfig(removals_per_day=0.05))
    logs = world.history(3)
    removed = logs.videos.dropna(subset="removed_at")
    assert len(removed) > 20
    assert logs.as_of(1.0 * DAY).videos["removed_at"].dropna().le(DAY).all()
    last = logs.impressions.groupby("item_id")["ts"].max()
    shown = removed.set_index("item_id")["removed_at"]
    ended = last.reindex(shown.index).dropna()
    # A session is served with what was live when its hours began, and may go on for a while.
    assert (ended - shown.loc[ended.index]).max() < 6 * HOUR


def test_coverage_and_inequality_are_counted_by_hand():
    owner = np.array([0, 0, 1, 1])
    tally = ExposureTally(8, MEASURES, owner=owner, available=np.ones(4, bool), span=range(3, 5))
    for user in range(8):
        tally.add_exposures(np.full(10, user), np.array([0] * 9 + [2]))
    coverage, unequal = tally.estimates()[-2:]
    assert coverage == 0.25
    np.testing.assert_allclose(unequal, 0.4)
    draws = tally.draws(0)[:, -2:]
    assert draws.shape[0] == 300
    assert np.ptp(draws[:, 1]) < 1e-9


def test_twins_are_paired_so_that_small_differences_show():
    world = VideoWorld(2, size="small")

    class Listed:
        def __init__(self, swap):
            self.swap = swap

        def observe(self, events):
            pass

        def act(self, requests):
            first = requests.shown.shape[1]
            items = np.tile(requests.live[first : first + requests.slots], (len(requests), 1))
            if self.swap:
                items[:, [4, 5]] = items[:, [5, 4]]
            return Slates(items)

    twins = world.compare(Listed(False), Listed(True), 3, history_days=1)
    lift = twins.lifts["watch_hours"]
    assert lift.difference.high - lift.difference.low < lift.control.high - lift.control.low


def test_a_log_says_when_a_slate_was_asked_for_and_when_it_was_over():
    """A row's time lies before what came of it: else gaps between rows tell the watch time."""
    shown = VideoWorld(seed=2, size="small").history(days=1).impressions
    slates = shown.groupby(["session_id", "step"]).agg(
        ts=("ts", "first"), known_at=("known_at", "first"), watched=("watch_seconds", "sum")
    )
    assert (slates["known_at"] > slates["ts"] + slates["watched"]).all()
    following = slates.groupby("session_id")["ts"].shift(-1).dropna()
    np.testing.assert_allclose(following, slates.loc[following.index, "known_at"])

"""Slates, sessions and state: what is refused, what is remembered, who comes when."""

import numpy as np
import pytest
from scipy import special

from mlsd.runtime import InputError
from mlsd.runtime.times import DAY, HOUR
from mlsd.worlds.kit.exposure import ExposureTally
from mlsd.worlds.video import FeedRequests, Slates, VideoConfig, VideoWorld
from mlsd.worlds.video.behaviour import Reaction
from mlsd.worlds.video.feed import Feed, _ask
from mlsd.worlds.video.measures import MEASURES
from mlsd.worlds.video.population import make_population
from mlsd.worlds.video.records import UNWANTED_SATISFACTION, StepRecord
from mlsd.worlds.video.setup import Setup
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


@pytest.fixture
def feed(population, config):
    observed = ("returns", "videos")
    return Feed(Setup(config, population, 0), FeedState.fresh(population, config, observed))


def test_a_night_says_who_returns_and_fades_what_the_day_has_left(feed, config):
    day, state = 4, feed.state
    sessions = feed.traffic.day(day, state.habit)
    user = np.unique(sessions.user)
    state.shift[:], state.requested[:] = 1, 7
    state.satisfied[user[0]], state.enjoyed[user[0]] = 2.7, 2
    night = feed._close(day, sessions)
    np.testing.assert_allclose(state.shift, 0.5 ** (1 / config.shift_half_life), rtol=1e-6)
    assert not state.requested.any()
    assert not state.enjoyed.any()
    # Three satisfactions in two views and the prior of one view: 3 / 3, and 0.3 without a view.
    gained = config.habit_gain * (np.array([1.0, 0.3]) - config.habit_reference)
    np.testing.assert_allclose(state.habit[user[:2]], gained, rtol=1e-5)
    table = night.tables["returns"]
    tomorrow = np.isin(user, feed.traffic.day(day + 1, state.habit).user)
    np.testing.assert_array_equal(table["returned"], tomorrow)
    assert 0 < tomorrow.sum() < len(user)
    assert (table["ts"] == (day + 1) * DAY).all()
    assert (table["known_at"] == (day + 2) * DAY).all()
    left = state.habit * 0.5 ** (28 / config.habit_half_life)
    rate = np.minimum(feed.traffic.expected(day + 28, left)[user], 6)
    np.testing.assert_allclose(night.later, 1 - np.exp(-rate), rtol=1e-5)


def one_view(feed, satisfaction, *, clicked, autoplay):
    """Return what one viewer's slate left behind: the top video started, nothing else did."""
    shape = (1, feed.setup.config.slots)
    top = np.zeros(shape, bool)
    top[0, 0] = True
    none, enjoyment = np.zeros(shape, bool), np.full(shape, special.logit(satisfaction), "f4")
    batch = feed._batch(feed.traffic.day(4, feed.state.habit).between(0, 24))
    return StepRecord(
        batch=batch.keep([0]),
        slates=Slates(np.arange(shape[1])[None]).filled(),
        reaction=Reaction(enjoyment, enjoyment, enjoyment),
        examined=top,
        clicked=top if clicked else none,
        autoplay=top if autoplay else none,
        **dict.fromkeys(("seconds", "completed", "liked", "hidden"), none),
        **dict.fromkeys(("done_at", "ends"), np.zeros(1)),
    )


def test_a_view_that_satisfies_draws_taste_to_its_topic_and_a_poor_one_away(feed, config):
    topic = feed.setup.population.videos.topic[0]
    for satisfaction in (0.9, 0.2):
        record = one_view(feed, satisfaction, clicked=True, autoplay=False)
        user, before = record.batch.user[0], feed.state.shift.copy()
        feed._learn(record)
        moved = feed.state.shift - before
        gain = config.taste_shift * (2 * satisfaction - 1)
        assert moved[user, topic] == pytest.approx(gain, rel=1e-4)
        assert np.count_nonzero(moved) == 1


def test_a_good_view_lifts_the_mood_and_what_started_by_itself_spoils_it(feed, config):
    for how, worth in (({"clicked": True, "autoplay": False}, 0.9),
                       ({"clicked": False, "autoplay": True}, UNWANTED_SATISFACTION)):  # fmt: skip
        record = one_view(feed, 0.9, **how)
        mood = feed.viewing._mood(record.reaction, record.clicked, record.autoplay)
        wanted = config.mood_gain * (worth - config.satisfied_at) - config.slate_cost
        assert mood[0] == pytest.approx(wanted, rel=1e-5)


def test_each_arm_is_asked_for_its_own_requests(requests):
    four = FeedRequests(
        np.zeros(4), np.arange(4), {}, 2, requests.live, np.zeros((4, 0), np.int32), None
    )

    class Fixed:
        def __init__(self, *items):
            self.items = items

        def act(self, requests):
            return Slates(np.tile(self.items, (len(requests), 1)))

    slates = _ask([Fixed(1, 2), Fixed(2, 1)], four, np.array([0, 1, 1, 0]))
    assert slates.items.tolist() == [[1, 2], [2, 1], [2, 1], [1, 2]]


def test_a_user_may_come_on_the_day_of_signing_up(population, config):
    traffic = Traffic(population, config, 0, luck="nature")
    habit = np.zeros(len(population.users.activity), np.float32)
    first = population.users.signup_day == 3
    assert first.any()
    assert (traffic.expected(3, habit)[first] > 0).all()
    assert (traffic.expected(2, habit)[first] == 0).all()

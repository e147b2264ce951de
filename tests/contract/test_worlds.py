"""What every world promises. A new world is one more entry of `WORLDS`."""

import copy
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mlsd.runtime import InputError
from mlsd.runtime.times import DAY, HOUR
from mlsd.worlds import AdClickConfig, AdClickWorld, VideoWorld
from mlsd.worlds.ad_click import Actions
from mlsd.worlds.base import Policy, World
from mlsd.worlds.event import EventWorld
from mlsd.worlds.kit.slates import Slates

HISTORY, DAYS = 2, 2
OPTIONS = {"history_days": HISTORY}


@dataclass(frozen=True)
class Case:
    """A world, two policies for it, and what its tables are called.

    `events` names the tables that policies observe, with the key of each; `complete` one of them
    and the column whose ids run on without a gap from request to request. In a `closed_loop` what
    is shown decides which requests follow, so that ids have gaps and twins meet other requests.
    `pending` names a table whose rows take long to be known, and the column of when they began.
    A switchback test has windows of `window_hours`, in each `place` by itself where there are some.
    The truth is that of the rows of `revealed`, or of the complete table.
    """

    make: Callable[[int], World]
    control: Any
    treatment: Any
    user: str
    events: dict[str, str]
    complete: tuple[str, str]
    measure: str
    closed_loop: bool = False
    pending: tuple[str, str] | None = None
    place: str | None = None
    window_hours: int = 4
    revealed: str | None = None


class Constant:
    """Predicts one rate for all ads."""

    def act(self, requests):
        return Actions(np.full(requests.shape, 0.02, np.float32))

    def observe(self, events):
        pass


class Shuffled(Constant):
    """Ranks by a hash of the ad: another order than by bid."""

    def act(self, requests):
        ad = requests.candidates["ad_id"].astype(np.int64)
        return Actions(((ad * 2_654_435_761) % 1_000 / 25_000 + 0.001).astype(np.float32))


def ad_click(payments):
    # Budgets never run out, so every request brings impressions.
    config = AdClickConfig(budget_per_impression=1.0)
    tables = ("impressions", "clicks", "hides", "conversions")
    return Case(
        make=lambda seed: AdClickWorld(seed=seed, size="small", config=config),
        control=Constant(),
        treatment=Shuffled(),
        user="user_id",
        events=dict.fromkeys(tables, "impression_id"),
        complete=("impressions", "request_id"),
        measure="click_through_rate",
    )


def card_payments(payments):
    return Case(
        make=payments.PaymentWorld,
        control=payments.DeclineAbove(),
        treatment=payments.DeclineAbove(100.0),
        user="card_id",
        events={"payments": "payment_id"},
        complete=("payments", "payment_id"),
        measure="loss",
    )


class Listed:
    """Shows live videos from a place on, the same to everybody, going on from slate to slate."""

    start = 0

    def act(self, requests):
        first = self.start + requests.shown.shape[1]
        items = requests.live[first : first + requests.slots]
        return Slates(np.tile(items, (len(requests), 1)))

    def observe(self, events):
        pass


class ListedFurther(Listed):
    """Starts a hundred videos further down."""

    start = 100


def video(payments):
    tables = {
        "impressions": "impression_id",
        "requests": "request_id",
        "sessions": "session_id",
        "surveys": "impression_id",
        "videos": "item_id",
    }
    return Case(
        make=lambda seed: VideoWorld(seed=seed, size="small"),
        control=Listed(),
        treatment=ListedFurther(),
        user="user_id",
        events=tables,
        complete=("impressions", "request_id"),
        measure="watch_hours",
        closed_loop=True,
        pending=("surveys", "view_ts"),
    )


class Earliest:
    """Shows the events in reach that were published first, or from a later place on."""

    first = 0

    def act(self, requests):
        items = np.full((len(requests), requests.slots), -1, np.int32)
        x, y = (np.asarray(requests.context[name]) for name in ("home_x", "home_y"))
        for row in range(len(requests)):
            km = np.hypot(requests.open_x - x[row], requests.open_y - y[row])
            near = requests.open[km <= requests.reach_km][self.first :]
            items[row, : len(near)] = near[: requests.slots]
        return Slates(items)

    def observe(self, events):
        pass


class Later(Earliest):
    """Leaves out the first five."""

    first = 5


def event(payments):
    tables = {"impressions": "impression_id", "requests": "request_id", "events": "event_id"}
    return Case(
        make=lambda seed: EventWorld(seed=seed, size="small"),
        control=Earliest(),
        treatment=Later(),
        user="user_id",
        events=tables,
        # Where nothing is in reach, a page is empty and leaves no impression.
        complete=("requests", "request_id"),
        measure="rsvps",
        closed_loop=True,
        place="city",
        window_hours=24,
        revealed="impressions",
        pending=("attendance", "ts"),
    )


WORLDS = (ad_click, card_payments, video, event)


@pytest.fixture(scope="module", params=WORLDS, ids=lambda make: make.__name__)
def case(request, payments):
    return request.param(payments)


@pytest.fixture(scope="module")
def world(case):
    return case.make(3)


class Listener:
    """Keeps what its policy is asked and handed; a copy of it is itself."""

    def __init__(self, policy):
        self.policy = policy
        self.requests, self.deliveries = [], []

    def __deepcopy__(self, memo):
        return self

    def act(self, requests):
        self.requests.append(requests)
        return self.policy.act(requests)

    def observe(self, events):
        asked = len(self.requests)
        self.deliveries.append((asked, {name: events[name] for name in events}))
        self.policy.observe(events)

    def seen(self, name):
        return pd.concat([events[name] for _, events in self.deliveries], ignore_index=True)

    def users(self, column):
        return np.concatenate([requests.context[column] for requests in self.requests])


@pytest.fixture(scope="module")
def listener(case, world):
    heard = Listener(copy.deepcopy(case.control))
    world.deploy(heard, DAYS, **OPTIONS)
    return heard


def assert_same_logs(one, two):
    assert set(one.tables) == set(two.tables)
    for name in one.tables:
        pd.testing.assert_frame_equal(one.tables[name], two.tables[name])


def estimates(comparison):
    return {name: lift.relative.estimate for name, lift in comparison.lifts.items()}


def test_it_has_every_method_with_the_arguments_that_callers_pass(world):
    assert isinstance(world, World)
    for name, promised in inspect.getmembers(World, inspect.isfunction):
        if name.startswith("_"):
            continue
        found = inspect.signature(getattr(type(world), name)).parameters
        for argument in inspect.signature(promised).parameters.values():
            assert found[argument.name].kind == argument.kind, (name, argument)
            assert found[argument.name].default == argument.default, (name, argument)


def test_history_and_deployments_do_not_depend_on_the_order_of_calls(case):
    one, two = case.make(3), case.make(3)
    logs = one.history(HISTORY)
    report = one.deploy(case.control, DAYS, **OPTIONS)
    tests = [one.ab_test(case.control, case.treatment, DAYS, **OPTIONS) for _ in range(2)]
    assert estimates(tests[0]) == estimates(tests[1])
    again = two.ab_test(case.control, case.treatment, DAYS, **OPTIONS)
    assert estimates(again) == estimates(tests[0])
    two.compare(case.control, case.treatment, DAYS, **OPTIONS)
    again = two.deploy(case.control, DAYS, **OPTIONS)
    assert again.measures == report.measures
    pd.testing.assert_frame_equal(again.by_day, report.by_day)
    assert_same_logs(two.history(HISTORY), logs)


def test_the_units_of_a_report_add_up_to_its_days_and_arms_share_no_user(case, world):
    test = world.ab_test(case.control, case.treatment, DAYS, **OPTIONS)
    arms = [test.control, test.treatment]
    for report in arms:
        days = report.by_day[list(report.by_unit.columns)].sum()
        np.testing.assert_allclose(report.by_unit.sum(), days, rtol=1e-9, atol=1e-9)
        assert (report.by_unit.iloc[:, 0] > 0).all()
    assert not set(arms[0].by_unit.index) & set(arms[1].by_unit.index)


def test_deploying_after_a_longer_history_changes_nothing(case, world):
    first = world.deploy(case.control, 1, **OPTIONS)
    world.history(HISTORY + 2)
    assert world.deploy(case.control, 1, **OPTIONS).measures == first.measures


def test_a_policy_is_copied_before_it_is_deployed(case, world):
    class Counting(type(case.control)):
        asked = 0

        def act(self, requests):
            self.asked += 1
            return super().act(requests)

    policy = Counting()
    before = copy.deepcopy(vars(policy))
    world.deploy(policy, 1, **OPTIONS)
    world.ab_test(policy, policy, 1, **OPTIONS)
    assert vars(policy) == before
    assert policy.asked == 0


class Scribbler:
    """Acts as another policy does, and then turns round what it was shown."""

    def __init__(self, policy):
        self.policy = policy

    def act(self, requests):
        actions = self.policy.act(requests)
        candidates = getattr(requests, "candidates", {})
        shown = [requests.ts, requests.request_id, *requests.context.values()]
        for values in [*shown, *candidates.values()]:
            values[...] = values[::-1].copy()
        return actions

    def observe(self, events):
        self.policy.observe(events)


def test_a_policy_that_changes_what_it_is_shown_changes_nothing_else(case, world):
    plain = world.deploy(case.treatment, days=1, **OPTIONS)
    scribbled = world.deploy(Scribbler(case.treatment), days=1, **OPTIONS)
    assert scribbled.measures == plain.measures


def test_the_logging_policy_can_be_deployed_on(world):
    policy = world.logging_policy(HISTORY)
    assert isinstance(policy, Policy)
    assert world.deploy(policy, 1, **OPTIONS).requests > 100


def test_the_logging_policy_is_handed_out_as_a_copy(world):
    assert world.logging_policy(HISTORY) is not world.logging_policy(HISTORY)


def test_every_event_is_handed_over_once_and_only_when_known(case, world, listener):
    start, end = HISTORY * DAY, (HISTORY + DAYS) * DAY
    logs = world.history(HISTORY)
    for name, key in case.events.items():
        seen = listener.seen(name)
        assert seen[key].is_unique, name
        assert not set(seen[key]) & set(logs.tables[name][key]), name
        assert seen["known_at"].between(start, end).all(), name
        assert seen["known_at"].is_monotonic_increasing, name


def test_no_event_is_handed_over_before_the_moment_at_which_it_is_used(case, listener):
    used = 0
    for asked, events in listener.deliveries:
        if asked < len(listener.requests):
            first = listener.requests[asked].ts[0]
            for name in case.events:
                used += len(events[name])
                assert not (events[name]["known_at"] > first).any(), name
    assert used > 100


def test_no_event_that_became_known_is_missing(case, world, listener):
    name, key = case.complete
    logged, seen = world.history(HISTORY).tables[name], listener.seen(name)
    ids = np.union1d(logged[key], seen[key])
    asked = np.concatenate([requests.request_id for requests in listener.requests])
    if case.closed_loop:
        answered = listener.seen(name)["known_at"].max()
        assert set(asked) - set(ids) <= _asked_after(listener, answered - HOUR)
    else:
        np.testing.assert_array_equal(ids, np.arange(len(ids)))
    delay = (seen["known_at"] - seen["ts"]).max()
    assert seen["ts"].max() + delay > (HISTORY + DAYS) * DAY - HOUR


def _asked_after(listener, ts):
    """Return the requests that came after a time: the last ones were not answered yet."""
    return {
        number
        for requests in listener.requests
        for number in requests.request_id[requests.ts > ts].tolist()
    }


def test_what_was_pending_at_the_end_of_the_history_arrives_in_the_deployment(case, listener):
    name, began = case.pending or (case.complete[0], "ts")
    assert (listener.seen(name)[began] < HISTORY * DAY).any()


def test_twins_share_their_luck(case, world):
    same = world.compare(case.control, case.control, DAYS, **OPTIONS)
    for lift in same.lifts.values():
        assert (lift.difference.estimate, lift.difference.low, lift.difference.high) == (0, 0, 0)


def test_twins_meet_the_same_requests(case, world):
    heard = [Listener(copy.deepcopy(policy)) for policy in (case.control, case.treatment)]
    world.compare(*heard, DAYS, **OPTIONS)
    if case.closed_loop:
        # Until the first policy's day has changed who comes, the same sessions begin.
        first, second = (_first_day_of_sessions(each) for each in heard)
        pd.testing.assert_frame_equal(first, second)
        return
    for one, two in zip(heard[0].requests, heard[1].requests, strict=True):
        np.testing.assert_array_equal(one.ts, two.ts)
        np.testing.assert_array_equal(one.request_id, two.request_id)


def _first_day_of_sessions(listener):
    """Return when the sessions of the first day began, and by whom."""
    began = [r for r in listener.requests if not r.context.get("step", [0])[0]]
    columns = {
        "request_id": np.concatenate([requests.request_id for requests in began]),
        "ts": np.concatenate([requests.ts for requests in began]),
        "user_id": np.concatenate([requests.context["user_id"] for requests in began]),
    }
    table = pd.DataFrame(columns)
    return table[table["ts"] < (HISTORY + 1) * DAY]


def test_comparing_is_deploying_each_alone(case, world):
    both = world.compare(case.control, case.treatment, DAYS, **OPTIONS)
    assert both.design == "twin"
    for policy, report in ((case.control, both.control), (case.treatment, both.treatment)):
        alone = world.deploy(policy, DAYS, **OPTIONS)
        assert alone.measures == report.measures
    assert both.lifts[case.measure].difference.estimate != 0


def test_the_policy_of_the_history_is_a_control_like_any_other(case, world):
    logging = world.logging_policy(HISTORY)
    expected = world.compare(logging, case.treatment, DAYS, **OPTIONS)
    for _ in range(2):
        found = world.compare_with_logging(case.treatment, DAYS, **OPTIONS)
        assert (found.design, found.lifts) == (expected.design, expected.lifts)


def test_an_a_b_test_splits_users(case, world):
    heard = [Listener(copy.deepcopy(policy)) for policy in (case.control, case.treatment)]
    world.ab_test(*heard, DAYS, **OPTIONS)
    one, two = (set(each.users(case.user).tolist()) for each in heard)
    assert not one & two
    assert 0.3 < len(one) / len(one | two) < 0.7


def test_a_switchback_test_gives_windows_of_time_to_one_policy_each(case, world):
    heard = [Listener(copy.deepcopy(policy)) for policy in (case.control, case.treatment)]
    world.ab_test(*heard, DAYS, design="switchback", **OPTIONS)
    one, two = (_windows(case, each) for each in heard)
    assert not one & two
    if case.place is None:
        assert len(one) == len(two) == DAYS * 24 // case.window_hours // 2
    else:
        assert 0.3 < len(one) / len(one | two) < 0.7


def _windows(case, listener):
    """Return the windows of time, with their places, in which a policy was asked."""
    found = set()
    for requests in listener.requests:
        # A session stays with the policy that it began with.
        if not requests.context.get("step", [0])[0]:
            window = requests.ts // (case.window_hours * HOUR)
            place = requests.context[case.place] if case.place else np.zeros(len(window))
            found |= set(zip(window.tolist(), place.tolist(), strict=True))
    return found


def test_in_an_a_b_test_both_policies_observe_everything(case, world):
    heard = [Listener(copy.deepcopy(policy)) for policy in (case.control, case.treatment)]
    world.ab_test(*heard, DAYS, **OPTIONS)
    for name, key in case.events.items():
        pd.testing.assert_series_equal(heard[0].seen(name)[key], heard[1].seen(name)[key])


def test_an_a_a_test_finds_nothing(case):
    """Of twelve right 95 % intervals, four miss in one case out of four hundred."""
    worlds = [case.make(seed) for seed in range(12)]
    for design in worlds[0].designs:
        lifts = [
            world.ab_test(case.control, case.control, 4, design=design, history_days=1)
            for world in worlds
        ]
        relative = [lift.lifts[case.measure].relative for lift in lifts]
        assert sum(interval.excludes(0.0) for interval in relative) <= 3, design
        assert all(interval.low < interval.high for interval in relative)
        assert {lift.design for lift in lifts} == {design}


def test_an_a_b_test_has_luck_of_its_own(case, world, listener):
    heard = Listener(copy.deepcopy(case.control))
    world.ab_test(heard, heard, DAYS, **OPTIONS)
    tested, deployed = (
        np.concatenate([requests.ts for requests in each.requests]) for each in (heard, listener)
    )
    assert not set(tested) & set(deployed)


def test_unknown_designs_and_impossible_days_are_named(case, world):
    with pytest.raises(InputError, match="unknown design 'clock'"):
        world.ab_test(case.control, case.control, 1, design="clock")
    for days in (0, 1_000):
        with pytest.raises(InputError, match=f"days={days}: give 1 to"):
            world.history(days)
        with pytest.raises(InputError, match="give 1 to"):
            world.deploy(case.control, days, history_days=1)


def test_a_negative_seed_is_refused(case):
    with pytest.raises(InputError, match="seed=-1 is negative"):
        case.make(-1)


def test_a_longer_history_as_of_earlier_is_the_shorter_history(world):
    assert_same_logs(world.history(3).as_of(2 * DAY), world.history(2))


def test_a_streamed_history_equals_the_one_in_memory(world, tmp_path):
    assert_same_logs(world.history(2, to=tmp_path / "logs"), world.history(2))


def test_the_labelled_log_is_a_log_to_learn_from(world):
    log = world.history(HISTORY).labelled()
    assert set(np.unique(log.label)) == {0, 1}
    assert (log.frame[log.roles.known_at] <= HISTORY * DAY).all()


def test_the_truth_of_an_earlier_state_is_part_of_the_whole(case, world):
    name = case.revealed or case.complete[0]
    logs = world.history(3)
    early = logs.as_of(2.5 * DAY)
    truth = world.reveal(logs)
    assert len(truth) == len(logs.tables[name])
    known = (logs.tables[name]["known_at"] <= 2.5 * DAY).to_numpy()
    pd.testing.assert_frame_equal(world.reveal(early), truth[known].reset_index(drop=True))


def test_logs_of_another_world_are_refused(case, world):
    with pytest.raises(InputError, match="not of this world"):
        world.reveal(case.make(4).history(HISTORY))


def test_no_public_attribute_leads_to_the_truth(world):
    logs = world.history(HISTORY)
    hidden = set(world.reveal(logs))
    assert {name for name in vars(world) if not name.startswith("_")} <= {"seed", "size", "config"}
    assert {name for name in vars(logs) if not name.startswith("_")} == {"tables", "until"}
    for name in logs.tables:
        assert not set(logs.tables[name]) & hidden, name


def test_intervals_of_a_deployment_cover_the_rate_that_is_built_in(payments):
    """Of 95 % intervals, at most one in seven of 60 seeds may miss: far beyond their luck."""
    missed = sum(
        payments.PaymentWorld(seed)
        .deploy(payments.DeclineAbove(), 3, history_days=1)
        .measures["fraud_rate"]
        .excludes(payments.FRAUD_RATE)
        for seed in range(60)
    )
    assert missed <= 8


def test_a_test_counts_what_is_known_by_its_end_and_a_deployment_whatever_comes(payments):
    world, policy = payments.PaymentWorld(3), payments.DeclineAbove()
    heard = Listener(payments.DeclineAbove())
    test = world.ab_test(heard, policy, 3, history_days=1)
    counted = test.control.by_day["fraud"] + test.treatment.by_day["fraud"]
    rows = heard.seen("payments")
    during = rows[rows["ts"] >= DAY]
    by_day = during.groupby(during["ts"] // DAY)["fraud"].sum()
    # Every fraud is known a day later, so those of the last day are not known yet.
    assert counted.tolist() == [*by_day.tolist(), 0]
    assert world.deploy(policy, 3, history_days=1).by_day["fraud"].iloc[-1] > 0

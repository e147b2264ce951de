"""What every world promises, checked on the ad click world."""

import copy

import numpy as np
import pandas as pd
import pytest

from mlsd.runtime import InputError
from mlsd.worlds import AdClickConfig, AdClickWorld
from mlsd.worlds.ad_click import Actions
from mlsd.worlds.base import Policy

DAY = 86_400
HISTORY, DAYS = 2, 2
EVENTS = {
    "impressions": "impression_id",
    "clicks": "impression_id",
    "hides": "impression_id",
    "conversions": "impression_id",
}
TRUTH = (
    "click_probability",
    "examination",
    "attraction",
    "is_spam",
    "conversion_probability",
)


class Constant:
    """Predicts one rate for all and counts how often it was asked."""

    def __init__(self, rate=0.02):
        self.rate = rate
        self.asked = 0

    def act(self, requests):
        self.asked += 1
        return Actions(np.full(requests.candidates["ad_id"].shape, self.rate, np.float32))

    def observe(self, events):
        pass


class Shuffled(Constant):
    """Ranks by a hash of the ad: another order than by bid, and no learning."""

    def act(self, requests):
        ad = requests.candidates["ad_id"].astype(np.int64)
        return Actions(((ad * 2_654_435_761) % 1_000 / 25_000 + 0.001).astype(np.float32))


class Listener(Constant):
    """Keeps what it is handed; a copy of it is itself."""

    def __init__(self):
        super().__init__()
        self.deliveries = []
        self.now = 0.0

    def __deepcopy__(self, memo):
        return self

    def act(self, requests):
        self.now = float(requests.ts[-1])
        if self.deliveries and self.deliveries[-1][1] is None:
            self.deliveries[-1] = (self.deliveries[-1][0], float(requests.ts[0]))
        return super().act(requests)

    def observe(self, events):
        self.deliveries.append(({name: events[name] for name in events}, None))


def make_world(**config):
    return AdClickWorld(seed=3, size="small", config=AdClickConfig(**config))


@pytest.fixture(scope="module")
def world():
    return make_world()


def assert_same_logs(one, two):
    for name in one.tables:
        pd.testing.assert_frame_equal(one.tables[name], two.tables[name])


def estimates(comparison):
    return {name: lift.relative.estimate for name, lift in comparison.lifts.items()}


def test_history_and_deployments_do_not_depend_on_the_order_of_calls():
    one, two = make_world(), make_world()
    options = {"history_days": HISTORY}
    logs = one.history(HISTORY)
    report = one.deploy(Constant(), DAYS, **options)
    test = one.ab_test(Constant(), Shuffled(), DAYS, **options)
    assert estimates(two.ab_test(Constant(), Shuffled(), DAYS, **options)) == estimates(test)
    two.compare(Constant(), Shuffled(), DAYS, **options)
    again = two.deploy(Constant(), DAYS, **options)
    assert again.measures == report.measures
    pd.testing.assert_frame_equal(again.by_day, report.by_day)
    assert_same_logs(two.history(HISTORY), logs)


def test_how_often_events_are_handed_over_does_not_change_the_history(world, monkeypatch):
    monkeypatch.setattr("mlsd.worlds.ad_click.world.DELIVERED_AT_ONCE", 0)
    assert_same_logs(make_world().history(HISTORY), world.history(HISTORY))


def test_deploying_after_a_longer_history_changes_nothing(world):
    first = world.deploy(Constant(), 1, history_days=HISTORY)
    world.history(HISTORY + 2)
    assert world.deploy(Constant(), 1, history_days=HISTORY).measures == first.measures


def test_a_policy_is_copied_before_it_is_deployed(world):
    policy = Constant()
    before = copy.deepcopy(vars(policy))
    world.deploy(policy, 1, history_days=1)
    world.ab_test(policy, policy, 1, history_days=1)
    assert vars(policy) == before


def test_the_logging_policy_is_a_policy_that_goes_on_learning(world):
    policy = world.logging_policy(HISTORY)
    assert isinstance(policy, Policy)
    report = world.deploy(policy, 1, history_days=HISTORY)
    assert report.requests > 1_000


def test_every_event_is_handed_over_once_and_only_when_known(world):
    listener = Listener()
    world.deploy(listener, DAYS, history_days=HISTORY)
    start, end = HISTORY * DAY, (HISTORY + DAYS) * DAY
    logs = world.history(HISTORY)
    for name, key in EVENTS.items():
        tables = [events[name] for events, _ in listener.deliveries]
        seen = pd.concat(tables)
        assert seen[key].is_unique, name
        assert not set(seen[key]) & set(logs.tables[name][key]), name
        assert seen["known_at"].between(start, end).all(), name
        assert seen["known_at"].is_monotonic_increasing, name
        for events, until in listener.deliveries:
            if until is not None and len(events[name]):
                assert events[name]["known_at"].max() <= until, name


def test_what_was_pending_at_the_end_of_the_history_arrives_in_the_deployment(world):
    listener = Listener()
    world.deploy(listener, DAYS, history_days=HISTORY)
    seen = pd.concat([events["impressions"] for events, _ in listener.deliveries])
    early = seen[seen["ts"] < HISTORY * DAY]
    requests = world.history(HISTORY).requests
    last_minutes = requests[requests["ts"] > HISTORY * DAY - 600]
    assert set(early["request_id"]) == set(last_minutes["request_id"])
    # Ids run on without a gap up to the last settled impression.
    assert (np.diff(np.unique(seen["request_id"])) == 1).all()


def test_conversions_of_the_history_arrive_late(world):
    listener = Listener()
    world.deploy(listener, 10, history_days=10)
    seen = pd.concat([events["conversions"] for events, _ in listener.deliveries])
    assert (seen["click_ts"] < 10 * DAY).sum() > 5


def test_twins_share_their_luck(world):
    same = world.compare(Constant(), Constant(), DAYS, history_days=HISTORY)
    for lift in same.lifts.values():
        assert (lift.difference.estimate, lift.difference.low, lift.difference.high) == (0, 0, 0)


def test_comparing_is_deploying_each_alone(world):
    both = world.compare(Constant(), Shuffled(), DAYS, history_days=HISTORY)
    for policy, report in ((Constant(), both.control), (Shuffled(), both.treatment)):
        alone = world.deploy(policy, DAYS, history_days=HISTORY)
        assert alone.measures == report.measures


@pytest.mark.parametrize("design", ["user", "budget", "switchback"])
def test_an_a_a_test_finds_nothing(design):
    lifts = []
    for seed in range(6):
        tested = AdClickWorld(seed=seed, size="small").ab_test(
            Constant(), Constant(), 4, design=design, history_days=1
        )
        lifts.append(tested.lifts["click_through_rate"].relative)
    assert sum(lift.excludes(0.0) for lift in lifts) <= 1
    assert all(lift.low < lift.high for lift in lifts)


def test_an_a_b_test_has_luck_of_its_own(world):
    tested = world.ab_test(Constant(), Constant(), DAYS, history_days=HISTORY)
    deployed = world.deploy(Constant(), DAYS, history_days=HISTORY)
    assert tested.control.measures["clicks"] != deployed.measures["clicks"]


def test_shared_budgets_let_the_arms_interfere_and_split_budgets_do_not():
    tight = make_world(budget_per_impression=0.004)
    options = {"days": 3, "history_days": 1}
    moved = {}
    for design in ("user", "budget"):
        with_itself = tight.ab_test(Constant(), Constant(), design=design, **options)
        with_other = tight.ab_test(Constant(), Shuffled(), design=design, **options)
        one, two = (test.control.measures["revenue"] for test in (with_itself, with_other))
        moved[design] = abs(two.estimate - one.estimate) / one.estimate
    assert moved["budget"] == 0
    assert moved["user"] > 0.02


def test_a_shared_market_misjudges_a_policy_that_spends_less():
    """Split users understate the arm that leaves the other more budget; split budgets do not."""
    errors = {"user": [], "budget": []}
    config = AdClickConfig(budget_per_impression=0.006, price_rule="gsp")
    policies, options = (Constant(), Shuffled()), {"days": 2, "history_days": 1}
    for seed in range(3):
        tight = AdClickWorld(seed=seed, config=config)
        truth = tight.compare(*policies, **options).lifts["revenue"].relative
        for design, found in errors.items():
            test = tight.ab_test(*policies, design=design, **options)
            found.append(test.lifts["revenue"].relative.estimate - truth.estimate)
    assert np.mean(errors["user"]) < -0.04
    assert abs(np.mean(errors["budget"])) < abs(np.mean(errors["user"]))


def test_unknown_design_is_named(world):
    with pytest.raises(InputError, match="unknown design 'clock'"):
        world.ab_test(Constant(), Constant(), 1, design="clock")


def test_the_truth_is_aligned_and_calibrated(world):
    logs = world.history(6)
    truth = world.reveal(logs)
    assert tuple(truth) == TRUTH
    assert len(truth) == len(logs.impressions)
    click, expected = logs.impressions["click"], truth["click_probability"]
    noise = np.sqrt((expected * (1 - expected)).sum())
    assert abs(click.sum() - expected.sum()) < 4 * noise
    upper = expected > expected.median()
    assert click[upper].mean() > 2 * click[~upper].mean()
    genuine = ~truth["is_spam"]
    np.testing.assert_allclose(
        expected[genuine], (truth["examination"] * truth["attraction"])[genuine], rtol=1e-5
    )


def test_the_truth_of_an_earlier_state_is_part_of_the_whole(world):
    logs = world.history(3)
    early = logs.as_of(1.5 * DAY)
    whole = world.reveal(logs)
    kept = logs.impressions["impression_id"].isin(early.impressions["impression_id"])
    pd.testing.assert_frame_equal(
        world.reveal(early), whole[kept.to_numpy()].reset_index(drop=True)
    )


def test_logs_of_another_world_are_refused(world):
    other = AdClickWorld(seed=4, size="small").history(1)
    with pytest.raises(InputError, match="not of this world"):
        world.reveal(other)


def test_no_public_attribute_leads_to_the_truth(world):
    logs = world.history(2)
    hidden = world.reveal(logs)
    public = {name for name in vars(world) if not name.startswith("_")}
    assert public == {"seed", "size", "config"}
    assert {name for name in vars(logs) if not name.startswith("_")} == {"tables", "until"}
    for name in logs.tables:
        table = logs.tables[name]
        assert not set(table) & set(TRUTH), name
        numeric = table.select_dtypes("number")
        if len(table) == len(hidden):
            for column in numeric:
                related = abs(np.corrcoef(numeric[column], hidden["click_probability"])[0, 1])
                assert not related > 0.9, column


def test_policies_see_no_more_than_the_log(world):
    seen = {}

    class Peeking(Constant):
        def act(self, requests):
            seen["columns"] = set(requests.columns())
            return super().act(requests)

    world.deploy(Peeking(), 1, history_days=1)
    logged = set(world.history(1).impressions)
    assert seen["columns"] - logged == {"in_budget"}
    roles = world.history(1).labelled_log().roles
    assert {*roles.identifiers, *roles.numeric} <= seen["columns"]

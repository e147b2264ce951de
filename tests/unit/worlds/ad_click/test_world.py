"""What only the ad click world promises; tests/contract holds what every world does."""

import copy
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from mlsd.metrics import log_loss
from mlsd.runtime.times import DAY
from mlsd.worlds import AdClickConfig, AdClickWorld
from mlsd.worlds.ad_click import Actions
from mlsd.worlds.ad_click.truth import expected_spam

HISTORY, DAYS = 2, 2
TRUTH = (
    "click_probability",
    "knowable_probability",
    "examination",
    "attraction",
    "is_spam",
    "conversion_probability",
)


class Constant:
    """Predicts one rate for all."""

    def act(self, requests):
        return Actions(np.full(requests.shape, 0.02, np.float32))

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
        self.deliveries = []

    def __deepcopy__(self, memo):
        return self

    def observe(self, events):
        self.deliveries.append({name: events[name] for name in events})

    def seen(self, name):
        return pd.concat([events[name] for events in self.deliveries], ignore_index=True)


def make_world(**config):
    return AdClickWorld(seed=3, size="small", config=AdClickConfig(**config))


@pytest.fixture(scope="module")
def world():
    return make_world()


def test_how_often_events_are_handed_over_does_not_change_the_history(world, monkeypatch):
    monkeypatch.setattr("mlsd.worlds.ad_click.world.DELIVERED_AT_ONCE", 0)
    hourly, daily = make_world().history(HISTORY), world.history(HISTORY)
    for name in hourly.tables:
        pd.testing.assert_frame_equal(hourly.tables[name], daily.tables[name])


def test_impressions_of_the_last_minutes_of_the_history_arrive_in_the_deployment(world):
    listener = Listener()
    world.deploy(listener, DAYS, history_days=HISTORY)
    seen = listener.seen("impressions")
    early = seen[seen["ts"] < HISTORY * DAY]
    requests = world.history(HISTORY).requests
    last_minutes = requests[requests["ts"] > HISTORY * DAY - 600]
    assert set(early["request_id"]) == set(last_minutes["request_id"])


def test_conversions_of_the_history_arrive_late(world):
    listener = Listener()
    world.deploy(listener, 10, history_days=10)
    assert (listener.seen("conversions")["click_ts"] < 10 * DAY).sum() > 5


def test_each_day_of_a_report_holds_what_happened_on_it(world):
    listener = Listener()
    by_day = world.deploy(listener, 3, history_days=HISTORY).by_day.set_index("day")
    assert by_day.index.tolist() == [2, 3, 4]
    impressions = listener.seen("impressions")
    day = (impressions["ts"] // DAY).astype(int)
    # The last minutes of the last day are not settled when the deployment ends.
    for complete in (2, 3):
        rows = impressions[day == complete]
        assert by_day.loc[complete, "impressions"] == len(rows)
        assert by_day.loc[complete, "clicks"] == rows["click"].sum()
    assert 0.97 * by_day.loc[4, "impressions"] < (day == 4).sum() <= by_day.loc[4, "impressions"]


def test_an_a_b_test_counts_the_conversions_known_by_its_end_and_no_others(world):
    listener = Listener()
    test = world.ab_test(listener, Constant(), 6, history_days=HISTORY)
    conversions = listener.seen("conversions")
    own = conversions["click_ts"] >= HISTORY * DAY + 600
    counted = sum(arm.by_day["conversion_value"].sum() for arm in (test.control, test.treatment))
    assert counted == pytest.approx(conversions.loc[own, "value"].sum(), rel=0.02)
    assert own.sum() > 20


def test_a_deployment_counts_conversions_whenever_they_come(world):
    listener = Listener()
    report = world.deploy(listener, 3, history_days=HISTORY)
    conversions = listener.seen("conversions")
    known = conversions.loc[conversions["click_ts"] >= HISTORY * DAY, "value"].sum()
    assert report.by_day["conversion_value"].sum() > 1.1 * known > 0


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


def test_what_could_be_known_leaves_out_single_robots_alone(world):
    logs = world.history(6)
    truth, click = world.reveal(logs), logs.impressions["click"].to_numpy()
    knowable = truth["knowable_probability"].to_numpy()
    noise = np.sqrt((knowable * (1 - knowable)).sum())
    assert abs(click.sum() - knowable.sum()) < 4 * noise
    robots = truth["is_spam"].to_numpy()
    # A robot's impression looks like any other of its publisher.
    assert knowable[robots].mean() < 0.6 * truth["click_probability"][robots].mean()
    spread = (knowable / truth["click_probability"])[~robots]
    assert 0.9 < spread.median() < 1.3
    assert log_loss(click, knowable) > log_loss(click, truth["click_probability"].to_numpy())


def test_the_share_of_robots_by_hand():
    users = SimpleNamespace(activity=np.array([1.0, 3.0]), is_bot=np.array([True, False]))
    # The robot sends 8 requests on 3 days of 10 and 1 on the others, the other user always 3.
    bursts, quiet = 0.3 * 8, 0.7 * 1
    bots = bursts / (bursts + quiet + 3)
    # In a fifth of its hours, a publisher that buys robots gets half of its requests from them.
    assert expected_spam(users) == pytest.approx((1 - (1 - bots) * (1 - 0.2 * 0.5), bots))


def test_what_could_be_known_mixes_genuine_clicks_and_those_of_robots(world):
    truth, robots_click = world.reveal(world.history(2)), world.config.spam_click_rate
    genuine = (truth["examination"] * truth["attraction"]).to_numpy()
    clear = abs(genuine - robots_click) > 0.05
    known = truth["knowable_probability"].to_numpy()
    share = ((known - genuine) / (robots_click - genuine))[clear]
    # One share of robots at publishers that buy them, another at all others.
    low, high = np.unique(share.round(3))
    assert 0 < low < high < 1


def test_no_logged_column_gives_the_truth_away(world):
    logs = world.history(2)
    hidden = world.reveal(logs)
    for name in logs.tables:
        numeric = logs.tables[name].select_dtypes("number")
        if len(numeric) == len(hidden):
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


def test_a_continued_market_leaves_its_beginning_as_it_was(world):
    world.history(HISTORY)
    before = copy.deepcopy(world._ends[HISTORY][0])
    world.deploy(Shuffled(), 1, history_days=HISTORY)
    after = world._ends[HISTORY][0]
    np.testing.assert_array_equal(after.views, before.views)
    np.testing.assert_array_equal(after.spent, before.spent)
    released = [state.pending.release(1e9)["conversions"]["value"] for state in (before, after)]
    np.testing.assert_array_equal(*released)

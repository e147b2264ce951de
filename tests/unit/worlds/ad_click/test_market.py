from dataclasses import replace

import numpy as np
import pytest

from mlsd.runtime import InputError
from mlsd.worlds import AdClickConfig, AdClickWorld
from mlsd.worlds.ad_click import Actions
from mlsd.worlds.ad_click.behaviour import MOST_VIEWS, VIEW_UNIT
from mlsd.worlds.ad_click.floor import MarketState
from mlsd.worlds.ad_click.market import Market
from mlsd.worlds.ad_click.population import make_population
from mlsd.worlds.ad_click.setup import Setup

TIGHT = AdClickConfig(price_rule="gsp", budget_per_impression=0.004, budget_sd=0.3)


class ByBid:
    """Predicts the same rate for everything, so that the bid decides."""

    def __init__(self, rate=0.02):
        self.rate = rate

    def act(self, requests):
        return Actions(np.full(requests.candidates["ad_id"].shape, self.rate, np.float32))

    def observe(self, events):
        pass


class Answering(ByBid):
    """Answers what it is told to."""

    def __init__(self, answer):
        self.answer = answer

    def act(self, requests):
        return self.answer(requests.candidates["ad_id"].shape)


def hourly_spend(logs):
    clicked = logs.impressions[logs.impressions["click"] == 1]
    hour = (clicked["ts"] // 3_600).astype(int)
    keys = [clicked["campaign_id"], hour // 24, hour % 24]
    return clicked["price"].groupby(keys).sum()


def test_an_exhausted_campaign_drops_out_until_the_next_day():
    logs = AdClickWorld(seed=1, size="small", config=TIGHT).history(8)
    budget = logs.campaigns["daily_budget"]
    used_up = 0
    for (campaign, day), spend in hourly_spend(logs).groupby(level=[0, 1]):
        by_hour = spend.droplevel([0, 1]).reindex(range(24), fill_value=0).cumsum()
        broke = by_hour.index[by_hour >= budget[campaign]]
        if len(broke):
            used_up += 1
            shown = logs.impressions[logs.impressions["campaign_id"] == campaign]
            hour = (shown["ts"] // 3_600).astype(int)
            assert not ((hour // 24 == day) & (hour % 24 > broke[0])).any()
    assert used_up > 15


def test_overspend_stays_within_what_an_hour_spends():
    logs = AdClickWorld(seed=1, size="small", config=TIGHT).history(3)
    most = hourly_spend(logs).groupby(level=0).max()
    ledger = logs.budgets.set_index("campaign_id")
    over = (ledger["spent"] - ledger["daily_budget"]).groupby(level=0).max()
    late = 600 / 3_600  # labels of the last minutes are not in the log
    assert (over <= most.reindex(over.index, fill_value=0) * (1 + late) + 3).all()


def test_the_ledger_is_the_sum_of_prices_of_clicks(small_world, small_logs):
    clicks = small_logs.clicks
    day = (small_logs.impressions.set_index("impression_id")["ts"] // 86_400).astype(int)
    first = clicks[clicks["impression_id"].map(day) == 0]
    ledger = small_logs.budgets[small_logs.budgets["day"] == 0]
    assert first["price"].sum() == pytest.approx(ledger["spent"].sum())


def test_per_impression_billing_ranks_by_bid_and_ignores_predictions():
    config = AdClickConfig(billing="impression", budget_per_impression=1.0)
    world = AdClickWorld(seed=2, size="small", config=config)
    one, two = (world.deploy(ByBid(rate), 1, history_days=1) for rate in (0.01, 0.5))
    assert one.measures == two.measures
    by_day = one.by_day.iloc[0]
    assert by_day["revenue"] > 0
    logs = world.history(1)
    paid = logs.impressions["price"].sum() / 1_000
    unsettled = 0.02
    assert logs.budgets["spent"].sum() == pytest.approx(paid, rel=unsettled)


@pytest.mark.parametrize("rule", ["gsp", "second", "first"])
def test_prices_are_ordered_by_rule_and_bounded_by_bid(rule):
    config = AdClickConfig(price_rule=rule)
    impressions = AdClickWorld(seed=2, size="small", config=config).history(1).impressions
    bound = np.minimum(config.reserve_price, impressions["bid"])
    assert (impressions["price"] <= impressions["bid"] + 1e-6).all()
    assert (impressions["price"] >= bound - 1e-6).all()
    if rule == "first":
        auctioned = impressions[~impressions["explored"]]
        np.testing.assert_allclose(auctioned["price"], auctioned["bid"])


def test_inverse_propensities_count_the_candidates_that_could_be_shown(small_world):
    world = AdClickWorld(seed=4, size="small", config=AdClickConfig(exploration_share=0.3))
    logs = world.history(3)
    able = (logs.candidates["bid"] > 0).groupby(logs.candidates["request_id"]).sum().mean()
    for position, rows in logs.impressions.groupby("position"):
        inverse = 1 / rows["propensity"]
        noise = 4 * inverse.std() / np.sqrt(len(rows))
        assert inverse.mean() == pytest.approx(able, abs=noise), position


def test_slots_stay_empty_where_too_few_can_pay():
    config = replace(TIGHT, budget_per_impression=0.0005)
    world = AdClickWorld(seed=1, size="small", config=config)
    logs = world.history(1)
    assert len(logs.impressions) < 3 * len(logs.requests)
    able = (logs.candidates["bid"] > 0).groupby(logs.candidates["request_id"]).sum()
    shown = (logs.candidates["position"] >= 0).groupby(logs.candidates["request_id"]).sum()
    np.testing.assert_array_equal(shown, np.minimum(able, 3))


def test_a_policy_is_told_which_campaigns_can_still_pay():
    asked = []

    class Asking(ByBid):
        def act(self, requests):
            asked.append((requests.candidates["bid"].copy(), requests.candidates["in_budget"]))
            return super().act(requests)

    AdClickWorld(seed=1, size="small", config=TIGHT).deploy(Asking(), 1, history_days=1)
    bid, in_budget = (np.concatenate(parts) for parts in zip(*asked))
    np.testing.assert_array_equal(in_budget, bid > 0)
    assert 0.05 < in_budget.mean() < 0.95


@pytest.fixture
def market():
    config = AdClickConfig().scaled("small")
    setup = Setup(config, make_population(config, seed=1), 1)
    return Market(setup, MarketState.fresh(setup))


def test_a_view_is_half_forgotten_in_five_nights_and_no_ad_inherits_it(market):
    live = market.setup.population.ads.live
    market.state.views[:] = 160
    for day in range(1, 6):
        market._start_day(day)
    stayed = (live[1:6] == live[0]).all(axis=0)
    assert 0 < stayed.sum() < len(stayed)
    assert (market.state.views[stayed] == 80).all()
    assert (market.state.views[live[5] != live[4]] == 0).all()


def test_what_a_user_remembers_of_an_ad_has_a_limit(market):
    ad = market.setup.population.ads.live[0][3]
    for shown in range(1, 20):
        market.floor._remember(np.array([7]), np.array([ad]))
        assert market.state.views[3, 7] == min(shown, 15) * VIEW_UNIT
    assert market.state.views.sum() == MOST_VIEWS


def test_a_market_goes_on_from_what_users_have_seen(market):
    market.state.views[3, 7], market.state.spent[:] = 48, 9.0
    state = market.state.continued(market.setup.of_test("budget"))
    assert state.views[3, 7] == 48
    assert state.views is not market.state.views
    assert state.spent.shape == (2, market.setup.config.campaigns)
    assert state.spent.sum() == 0


def test_robots_hide_nothing(small_world, small_logs):
    robots = small_world.reveal(small_logs)["is_spam"].to_numpy()
    shown, hidden = small_logs.impressions["impression_id"], small_logs.hides["impression_id"]
    assert robots.mean() > 0.01
    assert not np.isin(hidden, shown[robots]).any()


def test_hides_are_counted_as_hides(small_world):
    report = small_world.deploy(ByBid(), 2, history_days=1).by_day
    assert 0 < report["hides"].sum() < 0.2 * report["clicks"].sum()


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (lambda shape: Actions(np.zeros(shape[0])), "predicted_ctr has shape"),
        (lambda shape: Actions(np.full(shape, np.nan)), "not finite"),
        (lambda shape: Actions(np.zeros(shape), np.zeros((1, 1))), "rank_score has shape"),
    ],
)
def test_wrong_actions_are_named(small_world, answer, message):
    with pytest.raises(InputError, match=message):
        small_world.deploy(Answering(answer), 1, history_days=1)


def test_a_rank_score_overrules_bid_and_prediction(small_world):
    def cheapest_first(shape):
        return Actions(np.full(shape, 0.02), np.zeros(shape))

    by_column = small_world.deploy(Answering(cheapest_first), 2, history_days=1)
    by_bid = small_world.deploy(ByBid(), 2, history_days=1)
    assert by_column.measures["revenue"].estimate < by_bid.measures["revenue"].estimate


def test_the_log_shows_the_best_scores_unless_it_explored(small_logs):
    candidates = small_logs.candidates
    score = candidates["bid"] * candidates["predicted_ctr"]
    rank = score.groupby(candidates["request_id"]).rank(ascending=False, method="first")
    explored = small_logs.impressions.groupby("request_id")["explored"].first()
    settled = candidates["request_id"].map(explored)
    auctioned = settled.eq(False) & (candidates["position"] >= 0)
    np.testing.assert_array_equal(rank[auctioned] - 1, candidates["position"][auctioned])

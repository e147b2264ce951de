"""Posteriors by ad, and the rules that rank by more than their mean."""

import copy

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from mlsd.policies.ad_click import BetaPosteriors, ExploringRatePolicy, win_probabilities
from mlsd.runtime import InputError
from mlsd.worlds import AdClickWorld
from mlsd.worlds.base import CandidateRequests, Policy


def impressions(ad, campaign, click, position=0):
    frame = pd.DataFrame({"ad_id": ad, "campaign_id": campaign, "click": click})
    return frame.assign(position=position)


def shown(ad, campaign, views, clicks):
    return impressions(ad, campaign, [1] * clicks + [0] * (views - clicks))


def requests(n=2_000, first=0, ads=2):
    ad = np.tile(np.arange(ads), (n, 1))
    candidates = {"ad_id": ad, "campaign_id": ad, "bid": np.full(ad.shape, 2.0)}
    ids = np.arange(first, first + n)
    return CandidateRequests(ids.astype(float), ids, {}, candidates, slots=1)


def one(posteriors, ad, campaign):
    alpha, beta = posteriors.parameters(np.array([ad]), np.array([campaign]))
    return float(alpha[0]), float(beta[0])


def flat(**settings):
    return BetaPosteriors(strength=10.0, inherit=False, **settings)


def test_the_posterior_adds_clicks_and_views_without_click_to_the_prior():
    # Rate of all ads 3 / 12, so the prior is Beta(2.5, 7.5).
    posteriors = flat().update(shown(0, 0, 8, 1)).update(shown(1, 0, 4, 2))
    assert one(posteriors, 0, 0) == (3.5, 14.5)
    assert one(posteriors, 1, 0) == (4.5, 9.5)


def test_a_new_ad_starts_from_its_campaign_and_that_from_all_ads():
    posteriors = BetaPosteriors(strength=10.0).update(shown(0, 0, 20, 4)).update(shown(1, 1, 20, 0))
    # All ads 4 / 40; campaign 0 (4 + 10 * 0.1) / (20 + 10) = 1 / 6, campaign 1 1 / 30.
    assert one(posteriors, 7, 0) == pytest.approx((10 / 6, 50 / 6))
    assert one(posteriors, 7, 1) == pytest.approx((1 / 3, 29 / 3))
    assert one(posteriors, 7, 5) == pytest.approx((1, 9))


def test_a_prior_rate_holds_whatever_was_seen():
    posteriors = BetaPosteriors(strength=10.0, prior_rate=0.1).update(shown(0, 0, 20, 4))
    assert one(posteriors, 7, 0) == one(posteriors, 7, 3) == pytest.approx((1, 9))
    assert one(posteriors, 0, 0) == pytest.approx((5, 25))


@pytest.mark.parametrize("rate", [0.0, 1.0])
def test_a_prior_rate_lies_between_nothing_and_one(rate):
    with pytest.raises(InputError, match="prior_rate"):
        BetaPosteriors(prior_rate=rate)


def test_win_probabilities_are_those_of_the_draws_that_a_bid_multiplies():
    alpha, beta = np.array([[2.0, 2.0], [20.0, 30.0]]), np.array([[8.0, 8.0], [80.0, 70.0]])
    bid = np.array([[1.0, 1.0], [2.0, 1.0]])
    found = win_probabilities(alpha, beta, bid, np.random.default_rng(0), draws=4_000)
    first, second = (stats.beta(alpha[1, i], beta[1, i]) for i in (0, 1))
    grid = np.linspace(0, 1, 4_001)
    exact = np.trapezoid(first.pdf(grid) * second.cdf(np.minimum(2 * grid, 1)), grid)
    assert np.allclose(found.sum(axis=1), 1)
    assert found[0, 0] == pytest.approx(0.5, abs=0.03)
    assert found[1, 0] == pytest.approx(exact, abs=0.03)


def test_without_inheritance_the_campaign_says_nothing():
    posteriors = flat().update(shown(0, 0, 20, 4)).update(shown(1, 1, 20, 0))
    assert one(posteriors, 7, 0) == one(posteriors, 7, 1) == pytest.approx((1, 9))


def test_a_view_in_a_lower_slot_counts_what_is_looked_at():
    frame = impressions([0] * 4, 0, [1, 0, 0, 0], position=[0, 1, 1, 5])
    posteriors = flat(examination=(1.0, 0.5)).update(frame)
    rate = 1 / 2.5
    assert one(posteriors, 0, 0) == pytest.approx((10 * rate + 1, 10 * (1 - rate) + 1.5))


def test_more_clicks_than_discounted_views_leave_a_proper_distribution():
    frame = impressions([0, 0], 0, [1, 1], position=[1, 1])
    posteriors = BetaPosteriors(strength=1.0, examination=(1.0, 0.1)).update(frame)
    assert min(one(posteriors, 0, 0)) > 0


def test_order_and_cuts_of_the_log_change_nothing():
    rng = np.random.default_rng(0)
    frame = impressions(rng.integers(0, 9, 200), rng.integers(0, 3, 200), rng.integers(0, 2, 200))
    whole = BetaPosteriors().update(frame)
    parts = BetaPosteriors().update(frame[120:]).update(frame[:0]).update(frame[:120])
    ad, campaign = np.arange(12), np.arange(12) % 4
    np.testing.assert_allclose(whole.parameters(ad, campaign), parts.parameters(ad, campaign))


def test_the_spread_shrinks_as_the_root_of_the_views():
    spread = []
    for views in (400, 1_600):
        alpha, beta = one(flat().update(shown(0, 0, views, views // 4)), 0, 0)
        spread.append(stats.beta(alpha, beta).std())
    assert spread[1] / spread[0] == pytest.approx(0.5, rel=0.02)


def test_draws_follow_the_posterior():
    policy = ExploringRatePolicy(posteriors=flat().update(shown(0, 0, 30, 6)))
    draws = policy.act(requests()).rank_score[:, 0] / 2
    alpha, beta = one(policy.posteriors, 0, 0)
    assert stats.kstest(draws, stats.beta(alpha, beta).cdf).pvalue > 0.001


def test_thompson_becomes_greedy_when_everything_is_known():
    known = flat().update(shown(0, 0, 200_000, 9_000)).update(shown(1, 1, 200_000, 6_000))
    greedy, thompson = (ExploringRatePolicy(rule, posteriors=known) for rule in RULES[:2])
    scores = [policy.act(requests()).rank_score for policy in (greedy, thompson)]
    np.testing.assert_array_equal(scores[0].argmax(axis=1), scores[1].argmax(axis=1))
    np.testing.assert_allclose(*scores, rtol=0.06)


RULES = ("greedy", "thompson", "ucb", "epsilon")


@pytest.mark.parametrize(
    ("rule", "setting"),
    [("ucb", {"width": 0.0}), ("epsilon", {"epsilon": 0.0})],
)
def test_rules_that_do_not_explore_are_greedy(rule, setting):
    known = flat().update(shown(0, 0, 30, 6))
    greedy = ExploringRatePolicy("greedy", posteriors=known).act(requests()).rank_score
    other = ExploringRatePolicy(rule, posteriors=known, **setting).act(requests()).rank_score
    np.testing.assert_allclose(other, greedy)


def test_the_upper_bound_is_the_mean_and_standard_deviations_of_the_posterior():
    policy = ExploringRatePolicy("ucb", posteriors=flat().update(shown(0, 0, 30, 6)), width=2.0)
    posterior = stats.beta(*one(policy.posteriors, 0, 0))
    score = policy.act(requests(1)).rank_score[0, 0]
    assert score == pytest.approx(2 * (posterior.mean() + 2 * posterior.std()))


def test_epsilon_is_the_share_of_requests_in_random_order():
    known = flat().update(shown(0, 0, 9_000, 900)).update(shown(1, 1, 9_000, 10))
    score = ExploringRatePolicy("epsilon", posteriors=known, epsilon=0.4).act(requests()).rank_score
    # Half of the random orders put the better ad first too.
    assert (score[:, 1] > score[:, 0]).mean() == pytest.approx(0.2, abs=0.03)


@pytest.mark.parametrize("rule", RULES)
def test_what_is_predicted_is_the_mean_whatever_is_ranked_by(rule):
    policy = ExploringRatePolicy(rule, posteriors=flat().update(shown(0, 0, 30, 6)))
    alpha, beta = one(policy.posteriors, 0, 0)
    np.testing.assert_allclose(policy.act(requests()).predicted_ctr[:, 0], alpha / (alpha + beta))


def test_draws_depend_on_seed_and_requests_alone():
    def score(seed, first, calls=1):
        policy = ExploringRatePolicy(seed=seed)
        return [policy.act(requests(5, first)).rank_score for _ in range(calls)][-1]

    np.testing.assert_array_equal(score(1, 0), score(1, 0, calls=3))
    assert (score(1, 0) != score(2, 0)).all()
    assert (score(1, 0) != score(1, 5)).all()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: BetaPosteriors(strength=0), "strength is 0"),
        (lambda: BetaPosteriors(examination=(1.0, 0.0)), "examination is"),
        (lambda: BetaPosteriors(examination=()), "examination is"),
        (lambda: BetaPosteriors(initial_rate=1.0), "initial_rate is 1.0"),
        (lambda: ExploringRatePolicy("luck"), "rule is 'luck'"),
        (lambda: ExploringRatePolicy(epsilon=1.5), "epsilon is 1.5"),
        (lambda: ExploringRatePolicy(width=-1.0), "width is -1.0"),
    ],
)
def test_bad_settings_are_one_clear_line(make, message):
    with pytest.raises(InputError, match=message):
        make()


def test_an_hour_without_impressions_is_no_news():
    policy = ExploringRatePolicy("greedy", posteriors=flat().update(shown(0, 0, 30, 6)))
    before = policy.act(requests(1)).rank_score
    policy.observe({"impressions": impressions([], [], [])})
    np.testing.assert_array_equal(policy.act(requests(1)).rank_score, before)


def test_deployed_it_learns_repeats_itself_and_leaves_the_callers_policy_alone():
    world = AdClickWorld(seed=5, size="small")
    policy = ExploringRatePolicy()
    assert isinstance(policy, Policy)
    kept = copy.deepcopy(policy.posteriors)
    first, again = (world.deploy(policy, days=2, history_days=1) for _ in range(2))
    pd.testing.assert_frame_equal(first.by_day, again.by_day)
    assert one(policy.posteriors, 0, 0) == one(kept, 0, 0)
    blind = ExploringRatePolicy()
    blind.observe = lambda events: None
    assert world.deploy(blind, days=2, history_days=1).by_day.loc[1, "revenue"] != pytest.approx(
        first.by_day.loc[1, "revenue"]
    )

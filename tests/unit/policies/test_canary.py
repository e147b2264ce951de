"""The canary: who gets what, when it takes itself back, and that a good one stays."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from mlsd.models import SmoothedRate
from mlsd.policies import CanaryPolicy, in_canary
from mlsd.policies.ad_click import AdCanaryPolicy, ScorerPolicy
from mlsd.runtime import InputError
from mlsd.worlds import AdClickWorld
from mlsd.worlds.ad_click import Actions
from mlsd.worlds.base import CandidateRequests


class Constant:
    """Predicts one number, and ranks by a given score or by the world's rule."""

    def __init__(self, value, score=None):
        self.value, self.score, self.seen = value, score, 0

    def act(self, requests):
        shape = requests.candidates["bid"].shape
        score = None if self.score is None else np.full(shape, self.score)
        return Actions(np.full(shape, self.value), score)

    def observe(self, events):
        self.seen += len(events["impressions"])


def requests(users):
    n = len(users)
    bid = np.full((n, 2), 2.0)
    return CandidateRequests(np.arange(n) + 50.0, np.arange(n), {"user_id": users}, {"bid": bid}, 1)


USERS = np.arange(2_000)
NEW, OLD = (USERS[in_canary(USERS, 10) == new] for new in (True, False))


def impressions(users, clicks, views, ts=100.0, price=1.0):
    """Return impressions dealt out to the users in turn, of which the first are clicked."""
    click = np.zeros(views, dtype=int)
    click[:clicks] = 1
    user = np.resize(users, views)
    return {
        "impressions": pd.DataFrame({"user_id": user, "ts": ts, "click": click, "price": price})
    }


def test_only_the_chosen_users_get_the_new_policy():
    canary = CanaryPolicy(Constant(0.1), Constant(0.5), share=10)
    actions = canary.act(requests(np.array([NEW[0], OLD[0], NEW[1], OLD[1]])))
    assert actions.predicted_ctr[:, 0].tolist() == [0.5, 0.1, 0.5, 0.1]
    assert actions.rank_score is None


def test_scores_are_mixed_where_one_arm_has_its_own():
    canary = CanaryPolicy(Constant(0.1), Constant(0.5, score=7.0), share=10)
    actions = canary.act(requests(np.array([NEW[0], OLD[0]])))
    assert actions.scores(np.full((2, 2), 0.2))[:, 0].tolist() == [7.0, 0.2]


def test_a_salt_chooses_other_users_and_a_ramp_keeps_those_it_has():
    five, twenty = (in_canary(USERS, share, salt=3) for share in (5, 20))
    other = in_canary(USERS, 5, salt=4)
    assert twenty[five].all()
    assert 60 < five.sum() < 140
    assert (five & other).sum() < 20


def test_rolls_back_when_the_new_arm_is_behind_and_stays_back():
    canary = CanaryPolicy(Constant(0.1), Constant(0.5), share=10)
    canary.act(requests(NEW[:1]))
    canary.observe(impressions(OLD, clicks=100, views=1800))
    assert canary.rolled_back_at is None
    canary.observe(impressions(NEW, clicks=20, views=2000))
    assert (canary.rolled_back_at, canary.rolled_back_for) == (50.0, "click")
    assert canary.act(requests(NEW[:1])).predicted_ctr[0, 0] == 0.1


def test_the_rollback_is_dated_by_the_last_request_before_it():
    canary = CanaryPolicy(Constant(0.1), Constant(0.5), share=10, start=100.0)
    canary.act(requests(np.array([5, 50, 50])))
    canary.act(requests(np.array([], dtype=int)))
    canary.observe(impressions(OLD, clicks=100, views=1800))
    canary.observe(impressions(NEW, clicks=20, views=2000))
    assert canary.rolled_back_at == 52.0
    assert canary.totals.sum(axis=1).tolist() == [3800, 120]


@pytest.mark.parametrize("clicks", [100, 90, 200])
def test_an_equal_or_better_arm_stays(clicks):
    canary = CanaryPolicy(Constant(0.1), Constant(0.5), share=10)
    canary.observe(impressions(OLD, clicks=100, views=1800))
    canary.observe(impressions(NEW, clicks=clicks, views=1800))
    assert canary.rolled_back_at is None


def clicks_at_rollback(**options):
    """Return the most clicks of the new arm at which it goes back, of 200 of the old one."""
    for clicks in range(200, 0, -1):
        canary = CanaryPolicy(Constant(0.1), Constant(0.5), share=10, **options)
        canary.observe(impressions(OLD, clicks=200, views=1800))
        canary.observe(impressions(NEW, clicks=clicks, views=1800))
        if canary.rolled_back_at is not None:
            return clicks
    return 0


def test_two_outcomes_share_the_promise_of_one():
    # Every price is 1, so that the second outcome never differs.
    both = {"click": 1, "price": 1}
    assert clicks_at_rollback(outcomes=both) < clicks_at_rollback()
    assert clicks_at_rollback(outcomes=both, promise=0.02) == clicks_at_rollback(promise=0.01)


def test_the_size_of_the_harm_sets_the_limit():
    assert clicks_at_rollback(harm=0.02) < clicks_at_rollback(harm=0.2)


def test_the_clicks_of_one_user_are_no_evidence_about_many():
    canary = CanaryPolicy(Constant(0.1), Constant(0.5), share=10)
    canary.observe(impressions(OLD[:1], clicks=100, views=1000))
    canary.observe(impressions(NEW[:1], clicks=20, views=1000))
    assert canary.rolled_back_at is None
    fixed = CanaryPolicy(Constant(0.1), Constant(0.5), share=10, limit=0.5)
    fixed.observe(impressions(OLD[:1], clicks=100, views=1000))
    fixed.observe(impressions(NEW[:1], clicks=20, views=1000))
    assert fixed.rolled_back_at is not None


def test_a_cost_is_watched_with_the_opposite_sign():
    cost = {"outcomes": {"click": -1}}
    rises = CanaryPolicy(Constant(0.1), Constant(0.5), share=10, **cost)
    rises.observe(impressions(OLD, clicks=20, views=1800))
    rises.observe(impressions(NEW, clicks=120, views=2000))
    assert rises.rolled_back_for == "click"


def test_an_ad_canary_goes_back_for_money_at_equal_clicks():
    def watch(kind):
        canary = kind(Constant(0.1), Constant(0.5), share=10)
        canary.observe(impressions(OLD, clicks=200, views=1800, price=2.0))
        canary.observe(impressions(NEW, clicks=200, views=1800, price=0.4))
        return canary.rolled_back_for

    assert watch(AdCanaryPolicy) == "revenue"
    assert watch(CanaryPolicy) is None


def test_an_impression_earns_its_price_only_if_it_is_clicked():
    canary = AdCanaryPolicy(Constant(0.1), Constant(0.5), share=10)
    canary.observe(impressions(OLD, clicks=200, views=1800, price=1.0))
    new = impressions(NEW, clicks=200, views=1800)
    rows = new["impressions"]
    rows["price"] = np.where(rows["click"] == 1, 0.2, 3.0)
    canary.observe(new)
    assert canary.rolled_back_for == "revenue"


def test_few_clicks_and_earlier_impressions_decide_nothing():
    few = CanaryPolicy(Constant(0.1), Constant(0.5), share=10)
    few.observe(impressions(OLD, clicks=8, views=1000))
    few.observe(impressions(NEW, clicks=0, views=100))
    assert few.rolled_back_at is None
    late = CanaryPolicy(Constant(0.1), Constant(0.5), share=10, start=500.0)
    late.observe(impressions(OLD, clicks=100, views=1000))
    late.observe(impressions(NEW, clicks=0, views=1000))
    assert late.totals.sum() == 0


def test_both_policies_observe_everything():
    old, new = Constant(0.1), Constant(0.5)
    CanaryPolicy(old, new).observe(impressions(5, clicks=1, views=7))
    assert (old.seen, new.seen) == (7, 7)


def test_in_a_world_the_callers_canary_knows_of_the_rollback_and_a_harmless_one_stays():
    world = AdClickWorld(seed=5, size="small")
    log = world.history(days=2).labelled_log()
    policy = ScorerPolicy(SmoothedRate(levels=(("ad_id",),)).fit(log.frame, log.label))
    same = CanaryPolicy(policy, policy, share=30, start=2 * 86_400.0)
    with_canary = world.deploy(same, days=2, history_days=2)
    assert same.rolled_back_at is None
    assert with_canary.by_day.equals(world.deploy(policy, days=2, history_days=2).by_day)
    worse = CanaryPolicy(policy, Constant(0.5, score=0.0), share=50, limit=0.1, start=2 * 86_400.0)
    world.deploy(worse, days=2, history_days=2)
    assert worse.rolled_back_at is not None
    assert worse.totals.sum() == 0


@pytest.mark.parametrize(
    "wrong",
    [{"share": 0}, {"share": 100}, {"limit": 0.0}, {"outcomes": {}}, {"outcomes": {"click": 2}}],
)
def test_impossible_settings_are_refused(wrong):
    with pytest.raises(InputError):
        CanaryPolicy(Constant(0.1), Constant(0.5), **wrong)

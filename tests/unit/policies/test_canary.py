"""The canary: who gets what, when it takes itself back, and that a good one stays."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from mlsd.models import SmoothedRate
from mlsd.policies import CanaryPolicy
from mlsd.policies.ad_click import ScorerPolicy
from mlsd.policies.canary import rate_gap
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


def impressions(user, clicks, views, ts=100.0):
    click = np.zeros(views, dtype=int)
    click[:clicks] = 1
    frame = pd.DataFrame({"user_id": user, "ts": ts, "click": click})
    return {"impressions": frame}


def test_gap_by_hand_and_without_data():
    pooled = 30 / 200
    error = np.sqrt(pooled * (1 - pooled) * 0.02)
    assert rate_gap(np.array([20, 10]), np.array([100, 100])) == pytest.approx(-0.1 / error)
    assert rate_gap(np.array([20, 0]), np.array([100, 0])) == 0
    assert rate_gap(np.zeros(2), np.array([100, 100])) == 0


def test_only_the_chosen_users_get_the_new_policy():
    canary = CanaryPolicy(Constant(0.1), Constant(0.5), share=10)
    actions = canary.act(requests(np.array([5, 10, 109, 210])))
    assert actions.predicted_ctr[:, 0].tolist() == [0.5, 0.1, 0.5, 0.1]
    assert actions.rank_score is None


def test_scores_are_mixed_where_one_arm_has_its_own():
    canary = CanaryPolicy(Constant(0.1), Constant(0.5, score=7.0), share=10)
    actions = canary.act(requests(np.array([5, 10])))
    assert actions.scores(np.full((2, 2), 0.2))[:, 0].tolist() == [7.0, 0.2]


def test_rolls_back_when_the_new_arm_is_behind_and_stays_back():
    canary = CanaryPolicy(Constant(0.1), Constant(0.5), share=10)
    canary.act(requests(np.array([5])))
    canary.observe(impressions(50, clicks=100, views=1000))
    assert canary.rolled_back_at is None
    canary.observe(impressions(5, clicks=10, views=1000))
    assert canary.rolled_back_at == 50.0
    assert canary.act(requests(np.array([5]))).predicted_ctr[0, 0] == 0.1


def test_the_rollback_is_dated_by_the_last_request_before_it():
    canary = CanaryPolicy(Constant(0.1), Constant(0.5), share=10, start=100.0)
    canary.act(requests(np.array([5, 50, 50])))
    canary.act(requests(np.array([], dtype=int)))
    canary.observe(impressions(50, clicks=100, views=1000))
    canary.observe(impressions(5, clicks=10, views=1000))
    assert canary.rolled_back_at == 52.0
    assert canary.trials.tolist() == [1000, 1000]


@pytest.mark.parametrize("clicks", [100, 90, 200])
def test_an_equal_or_better_arm_stays(clicks):
    canary = CanaryPolicy(Constant(0.1), Constant(0.5), share=10)
    canary.observe(impressions(50, clicks=100, views=1000))
    canary.observe(impressions(5, clicks=clicks, views=1000))
    assert canary.rolled_back_at is None


def test_few_clicks_and_earlier_impressions_decide_nothing():
    few = CanaryPolicy(Constant(0.1), Constant(0.5), share=10)
    few.observe(impressions(50, clicks=40, views=100))
    few.observe(impressions(5, clicks=0, views=1000))
    assert few.rolled_back_at is None
    late = CanaryPolicy(Constant(0.1), Constant(0.5), share=10, start=500.0)
    late.observe(impressions(50, clicks=100, views=1000))
    late.observe(impressions(5, clicks=0, views=1000))
    assert late.trials.sum() == 0


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
    upside_down = CanaryPolicy(policy, Constant(0.5, score=0.0), share=30, limit=0.5, start=0.0)
    upside_down.successes[:], upside_down.trials[:] = [500, 1], [5000, 5000]
    world.deploy(upside_down, days=1, history_days=2)
    assert upside_down.rolled_back_at is not None


@pytest.mark.parametrize("wrong", [{"share": 0}, {"share": 100}, {"limit": 0.0}])
def test_impossible_settings_are_refused(wrong):
    with pytest.raises(InputError):
        CanaryPolicy(Constant(0.1), Constant(0.5), **wrong)

"""A deployed scorer: what it is asked, and what it ranks by."""

import numpy as np
import pandas as pd
import pytest

from mlsd.policies.ad_click import ScorerPolicy
from mlsd.runtime import InputError
from mlsd.worlds.base import CandidateRequests

REQUESTS = CandidateRequests(
    ts=np.array([10.0, 20.0]),
    request_id=np.arange(2),
    context={"user_id": np.array([7, 8])},
    candidates={"ad_id": np.array([[1, 2, 3], [4, 5, 6]]), "bid": np.full((2, 3), 2.0)},
    slots=1,
)


class TenthOfTheAd:
    def predict_proba(self, X):
        assert set(np.unique(X["position"])) == {0}
        rate = X["ad_id"] / 10 + X.get("seen", 0)
        return np.column_stack([1 - rate, rate])


class Counters:
    def __init__(self):
        self.updates = []

    def update(self, events):
        self.updates.append(events)

    def lookup(self, columns, now):
        np.testing.assert_array_equal(now, np.repeat([10.0, 20.0], 3))
        return {"seen": np.full(len(now), 0.01)}


def test_predictions_come_back_in_the_shape_of_the_candidates():
    actions = ScorerPolicy(TenthOfTheAd()).act(REQUESTS)
    np.testing.assert_allclose(actions.predicted_ctr, [[0.1, 0.2, 0.3], [0.4, 0.5, 0.6]])
    assert actions.rank_score is None


def test_counters_are_looked_up_at_the_time_of_each_request():
    actions = ScorerPolicy(TenthOfTheAd(), counters=Counters()).act(REQUESTS)
    np.testing.assert_allclose(actions.predicted_ctr[0], [0.11, 0.21, 0.31])


def test_histories_are_served_and_kept_up_beside_the_counters():
    class Histories(Counters):
        def lookup(self, columns, now):
            return {"clicked_ad_id": np.full((len(now), 4), -1)}

    class ReadsBoth(TenthOfTheAd):
        def predict_proba(self, X):
            assert X["clicked_ad_id"].shape == (6, 4)
            return super().predict_proba(X)

    counters, histories = Counters(), Histories()
    policy = ScorerPolicy(ReadsBoth(), counters=counters, histories=histories)
    assert policy.act(REQUESTS).predicted_ctr[0, 0] == pytest.approx(0.11)
    policy.observe({"impressions": pd.DataFrame({"ad_id": [1]})})
    assert len(counters.updates) == len(histories.updates) == 1


@pytest.mark.parametrize(("rule", "first"), [("bid", 2.0), ("expected_value", 0.2)])
def test_a_policy_may_rank_by_its_own_rule(rule, first):
    score = ScorerPolicy(TenthOfTheAd(), rank_by=rule).act(REQUESTS).rank_score
    assert score[0, 0] == pytest.approx(first)


def test_an_unknown_rule_is_one_clear_line():
    with pytest.raises(InputError, match="rank_by is 'luck'"):
        ScorerPolicy(TenthOfTheAd(), rank_by="luck").act(REQUESTS)


def test_only_impressions_reach_the_counters_and_empty_ones_do_not():
    counters = Counters()
    policy = ScorerPolicy(TenthOfTheAd(), counters=counters)
    policy.observe({"impressions": pd.DataFrame({"ad_id": []}), "clicks": pd.DataFrame()})
    policy.observe({"impressions": pd.DataFrame({"ad_id": [1]}), "clicks": pd.DataFrame()})
    assert [len(events) for events in counters.updates] == [1]

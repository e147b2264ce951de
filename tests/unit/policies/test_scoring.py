"""A deployed scorer in a world without ads: rows, tables and labels under other names."""

import numpy as np
import pandas as pd
import pytest

from mlsd.policies import ModelPolicy, OnlineModelPolicy
from mlsd.worlds.base import CandidateRequests, Requests

HOME_FEED = CandidateRequests(
    ts=np.array([10.0, 20.0]),
    request_id=np.arange(2),
    context={"user_id": np.array([7, 8])},
    candidates={"item_id": np.array([[1, 2, 3], [6, 5, 4]])},
    slots=2,
)
PAYMENTS = Requests(np.array([10.0, 20.0]), np.arange(2), {"amount": np.array([0.2, 0.7])})


class Slates(ModelPolicy[np.ndarray]):
    """Answers a slate: the best items of each request, best first."""

    def decide(self, requests, probability):
        best = np.argsort(-probability, axis=1)[:, : requests.slots]
        return np.take_along_axis(requests.candidates["item_id"], best, axis=1)


class Declines(OnlineModelPolicy[np.ndarray]):
    def decide(self, requests, probability):
        return probability > 0.5


class TenthOfTheItem:
    def predict_proba(self, X):
        rate = X["item_id"] / 10 + X.get("seen", 0)
        return np.column_stack([1 - rate, rate])


class Amount:
    """Predicts the amount, and keeps what it is given to learn."""

    def __init__(self):
        self.learned = []

    def fit(self, X, y, *, valid=None, sample_weight=None):
        self.learned.append(list(y))
        return self

    partial_fit = fit

    def predict_proba(self, X):
        return np.column_stack([1 - X["amount"], X["amount"]])


class Counters:
    def __init__(self):
        self.updates = []

    def update(self, events):
        self.updates.append(events)

    def lookup(self, columns, now):
        self.now = now
        return {"seen": np.where(columns["item_id"] == 1, 0.9, 0.0)}


def test_slates_are_made_of_candidates_of_any_name():
    assert Slates(TenthOfTheItem()).act(HOME_FEED).tolist() == [[3, 2], [6, 5]]


def test_features_are_looked_up_for_every_candidate_at_the_time_of_its_request():
    counters = Counters()
    slates = Slates(TenthOfTheItem(), counters=counters, table="plays").act(HOME_FEED)
    assert slates.tolist() == [[1, 3], [6, 5]]
    assert counters.now.tolist() == [10.0] * 3 + [20.0] * 3


def test_features_are_updated_from_the_table_that_is_named():
    counters = Counters()
    policy = Slates(TenthOfTheItem(), counters=counters, histories=counters, table="plays")
    policy.observe({"plays": pd.DataFrame({"item_id": []}), "skips": pd.DataFrame({"x": [1]})})
    assert counters.updates == []
    policy.observe({"plays": pd.DataFrame({"item_id": [1]})})
    assert len(counters.updates) == 2


def test_requests_without_candidates_are_scored_as_they_are():
    assert Declines(Amount()).act(PAYMENTS).tolist() == [False, True]


@pytest.mark.parametrize("refit", [None, "nightly"])
def test_the_table_and_the_label_that_are_named_are_learned(refit):
    policy = Declines(Amount(), refit=refit, table="payments", label="fraud")
    policy.learn(1.0)
    rows = pd.DataFrame({"known_at": [4.0, 3.0], "fraud": [1, 0], "click": [5, 5]})
    policy.observe({"payments": rows, "impressions": rows.assign(fraud=9)})
    assert policy.learn(90_000.0) == 2
    assert policy.scorer.learned == [[0, 1]]


def test_what_follows_from_a_score_has_to_be_said():
    with pytest.raises(TypeError, match="abstract method"):
        ModelPolicy(Amount())

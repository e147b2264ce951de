"""A deployed scorer that learns: what it learns, in which order, and never too early."""

import numpy as np
import pandas as pd
import pytest

from mlsd.models import FTRLProximal, GlobalRate
from mlsd.policies.ad_click import OnlineScorerPolicy, ScorerPolicy
from mlsd.runtime import InputError
from mlsd.worlds import AdClickConfig, AdClickWorld
from mlsd.worlds.base import CandidateRequests

DAY = 86_400.0


class Recorder:
    """Remembers what it is given to learn; every prediction is one half."""

    def __init__(self):
        self.pieces, self.fits = [], []

    def fit(self, X, y, *, valid=None, sample_weight=None):
        self.fits = [*self.fits, list(X["known_at"])]
        return self

    def partial_fit(self, X, y):
        self.pieces.append(list(X["known_at"]))
        assert list(X["click"]) == list(y)
        return self

    def predict_proba(self, X):
        return np.full((len(X["ad_id"]), 2), 0.5)


def events(*known_at, click=None):
    known = np.array(known_at, float)
    labels = np.arange(len(known)) % 2 if click is None else np.full(len(known), click)
    return {"impressions": pd.DataFrame({"ad_id": 1, "known_at": known, "click": labels})}


def requests(ts):
    ones = np.ones((1, 2))
    return CandidateRequests(np.array([ts]), np.zeros(1), {}, {"ad_id": ones, "bid": ones}, slots=1)


def test_rows_are_learned_once_in_the_order_in_which_they_became_known():
    policy = OnlineScorerPolicy(Recorder())
    policy.observe(events(3, 1))
    policy.observe(events(2))
    policy.act(requests(5.0))
    policy.act(requests(6.0))
    assert policy.scorer.pieces == [[1, 2, 3]]


def test_no_row_is_learned_before_it_is_known():
    policy = OnlineScorerPolicy(Recorder())
    policy.observe(events(1, 7, 9))
    policy.act(requests(6.9))
    assert policy.scorer.pieces == [[1]]
    policy.act(requests(7.0))
    assert policy.scorer.pieces == [[1], [7]]


def test_nothing_new_is_no_update():
    policy = OnlineScorerPolicy(Recorder())
    policy.observe(events())
    policy.act(requests(1.0))
    assert policy.scorer.pieces == []


def test_nightly_fits_once_after_each_midnight_and_not_on_the_first_day():
    policy = OnlineScorerPolicy(Recorder(), refit="nightly")
    for hour in range(50):
        policy.observe(events(hour * 3600 + 1, hour * 3600 + 2))
        policy.act(requests(hour * 3600.0 + 3))
    assert policy.scorer.pieces == []
    assert [len(fit) for fit in policy.scorer.fits] == [48, 96]


def test_nightly_reads_nothing_that_became_known_after_midnight():
    policy = OnlineScorerPolicy(Recorder(), refit="nightly")
    policy.act(requests(DAY - 10))
    policy.observe(events(DAY - 5, DAY, DAY + 1))
    policy.act(requests(DAY + 2))
    assert policy.scorer.fits == [[DAY - 5, DAY]]


def test_the_window_trails_and_begins_in_the_history():
    history = events(0.2 * DAY, 0.8 * DAY)["impressions"]
    policy = OnlineScorerPolicy(Recorder(), refit="nightly", history=history, window_days=1.5)
    policy.act(requests(1.0 * DAY))
    policy.observe(events(1.5 * DAY))
    policy.act(requests(2.0 * DAY))
    policy.act(requests(3.1 * DAY))
    # The second window, from day 1.5 on, excludes its own beginning: nothing is left to learn.
    assert policy.scorer.fits == [[0.8 * DAY, 1.5 * DAY]]


def test_a_window_of_one_class_leaves_the_scorer_as_it_was():
    model = FTRLProximal(categorical=("ad_id",), bits=4).fit({"ad_id": [1, 2]}, np.array([0, 1]))
    policy = OnlineScorerPolicy(model, refit="nightly")
    policy.act(requests(DAY - 1))
    policy.observe(events(DAY - 0.5, DAY - 0.4, click=0))
    policy.act(requests(DAY + 1))
    assert policy.scorer is model


def test_a_refit_does_not_touch_the_scorer_it_was_given():
    model = FTRLProximal(categorical=("ad_id",), bits=4).fit({"ad_id": [1, 2]}, np.array([0, 1]))
    before = model.z_.copy()
    policy = OnlineScorerPolicy(model, refit="nightly")
    policy.act(requests(DAY - 1))
    policy.observe(events(DAY - 0.5, DAY - 0.4))
    policy.act(requests(DAY + 1))
    assert policy.scorer is not model
    np.testing.assert_array_equal(model.z_, before)


@pytest.mark.parametrize(
    ("options", "message"),
    [({"refit": "hourly"}, "refit is 'hourly'"), ({"window_days": 0.0}, "window_days is 0.0")],
)
def test_wrong_options_are_one_clear_line(options, message):
    with pytest.raises(InputError, match=message):
        OnlineScorerPolicy(Recorder(), **options)


def test_a_scorer_without_partial_fit_may_only_be_refitted():
    with pytest.raises(InputError, match="GlobalRate has no partial_fit"):
        OnlineScorerPolicy(GlobalRate())
    OnlineScorerPolicy(GlobalRate(), refit="nightly")


def small_world():
    config = AdClickConfig(event_days=(2, 60), event_sd=1.5)
    world = AdClickWorld(seed=5, size="small", config=config)
    log = world.history(2).labelled_log()
    columns = tuple(name for name in log.roles.identifiers if name != "weekday")
    model = FTRLProximal(categorical=columns, alpha=0.3, bits=14)
    return world, model.fit(log.frame, log.frame["click"])


def test_in_a_world_it_learns_an_event_that_a_frozen_scorer_misses():
    world, model = small_world()
    policies = ScorerPolicy(model), OnlineScorerPolicy(model)
    lift = world.compare(*policies, days=4, history_days=2).lifts["clicks"].relative
    assert lift.estimate > 0.05


def test_with_nothing_to_learn_it_is_the_frozen_policy():
    world, model = small_world()
    policies = ScorerPolicy(model), OnlineScorerPolicy(model, refit="nightly")
    lifts = world.compare(*policies, days=1, history_days=2).lifts
    assert lifts["revenue"].difference.estimate == 0

"""Expected time by weighted logistic regression, and orders that only a group shows."""

import numpy as np
import pytest

from mlsd.models import (
    HashedLogisticRegression,
    LambdaMART,
    LightGBMScorer,
    PointwiseRanker,
    WatchTimeRanker,
)
from mlsd.runtime import InputError


def linear():
    return HashedLogisticRegression(categorical=("item_id",), C=1e3)


def watched(rng, rows=20_000):
    """Return items of which 0 is clicked often and left soon, 1 clicked less and watched."""
    item = rng.integers(0, 2, rows)
    click = rng.random(rows) < np.array([0.2, 0.1])[item]
    return {"item_id": item}, np.where(click, np.array([20.0, 200.0])[item], 0.0)


def test_odds_of_weighted_regression_are_expected_time_over_the_share_without():
    X, seconds = watched(np.random.default_rng(0))
    ranker = WatchTimeRanker(scorer=linear()).fit(X, seconds, np.arange(len(seconds)))
    for item in (0, 1):
        own = seconds[X["item_id"] == item]
        expected = own.sum() / (own == 0).sum()
        assert ranker.score({"item_id": [item]})[0] == pytest.approx(expected, rel=0.01)


def test_the_objective_turns_the_order():
    X, seconds = watched(np.random.default_rng(0))
    groups, both = np.arange(len(seconds)), {"item_id": [0, 1]}
    by_click = PointwiseRanker(scorer=linear()).fit(X, seconds > 0, groups).score(both)
    by_time = WatchTimeRanker(scorer=linear()).fit(X, seconds, groups).score(both)
    assert by_click[0] > by_click[1]
    assert by_time[0] < by_time[1]


def test_the_unit_changes_no_odds():
    X, seconds = watched(np.random.default_rng(0))
    scores = [
        WatchTimeRanker(scorer=linear(), unit=unit).fit(X, seconds, np.arange(len(seconds)))
        for unit in (1.0, 60.0)
    ]
    one, other = (ranker.score({"item_id": [0, 1]}) for ranker in scores)
    np.testing.assert_allclose(one, other, rtol=0.02)


@pytest.mark.parametrize("value", [-1.0, np.nan, np.inf])
def test_times_that_are_none_are_refused(value):
    ranker = WatchTimeRanker(scorer=linear())
    with pytest.raises(InputError, match="row 1 is"):
        ranker.fit({"item_id": [0, 1]}, np.array([1.0, value]), np.arange(2))


def test_a_unit_has_to_be_positive():
    with pytest.raises(InputError, match="unit is 0"):
        WatchTimeRanker(scorer=linear(), unit=0).fit({"item_id": [0]}, np.ones(1), np.zeros(1))


def test_what_is_equal_within_groups_does_not_move_lambdamart():
    """A column that tells good groups from bad ones says nothing of the order within a group."""
    rng = np.random.default_rng(0)
    group = np.repeat(np.arange(500), 4)
    good = rng.random(500)[group]
    X = {"good": good, "match": rng.normal(size=2_000)}
    chance = np.clip(good + 0.2 * X["match"], 0, 1)
    y = (rng.random(2_000) < chance).astype(int)
    settings = {"numeric": ("good", "match"), "min_child_samples": 20, "n_estimators": 50}
    pairs = LambdaMART(**settings).fit(X, y, group).booster_.feature_importance("gain")
    rows = LightGBMScorer(**settings).fit(X, y).booster_.feature_importance("gain")
    assert pairs[1] > 2 * pairs[0]
    assert rows[1] < rows[0]


def test_lambdamart_reads_graded_relevance_and_refuses_other_numbers():
    X = {"match": np.tile([0.0, 1.0, 2.0], 100)}
    y, group = np.tile([0, 1, 3], 100), np.repeat(np.arange(100), 3)
    ranker = LambdaMART(numeric=("match",), min_child_samples=5)
    assert (np.diff(ranker.fit(X, y, group).score({"match": [0.0, 1.0, 2.0]})) > 0).all()
    for wrong, message in ((y + 0.5, "whole numbers"), (y * 20, "whole numbers")):
        with pytest.raises(InputError, match=message):
            ranker.fit(X, wrong, group)
    with pytest.raises(InputError, match="no group has two different relevances"):
        ranker.fit(X, group % 2, group)


def test_the_groups_that_lambdamart_stops_on_teach_its_trees_nothing():
    X = {"match": np.random.default_rng(0).random(400)}
    group, share = np.repeat(np.arange(100), 4), 0.2
    y = (X["match"] > 0.6).astype(int)
    flipped = np.where(group >= 80, 1 - y, y)
    settings = {"numeric": ("match",), "min_child_samples": 5, "validation_share": share}
    # With such patience all trees are grown, whatever the held-out groups say of them.
    settings |= {"n_estimators": 8, "patience": 8}
    one, other = (
        LambdaMART(**settings)
        .fit(X, labels, group)
        .booster_.predict(X["match"][:, None], num_iteration=8)
        for labels in (y, flipped)
    )
    np.testing.assert_array_equal(one, other)

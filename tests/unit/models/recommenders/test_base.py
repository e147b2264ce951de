"""Whom a recommender on the user-item matrix knows, and by what."""

import numpy as np
import pandas as pd
import pytest

from mlsd import models
from mlsd.models import BPRRecommender, EASERecommender, ItemCosineRecommender
from mlsd.models.recommenders import base, lists
from mlsd.runtime import InputError

LOG = pd.DataFrame(
    {"user_id": [1, 1, 2, 2, 3, 4, 4], "item_id": [10, 20, 10, 20, 30, 30, 20], "ts": 0.0}
)


@pytest.fixture
def model():
    return ItemCosineRecommender(shrinkage=0.0).fit(LOG)


def test_who_has_neither_training_nor_history_gets_what_is_popular(model):
    histories = np.array([[-1, -1], [99, -1], [30, -1]])
    items, scores = model.recommend([7, 8, 9], 3, histories=histories)
    assert items.tolist() == [[20, 10, 30], [20, 10, 30], [20, 10, -1]]
    assert scores[0].tolist() == [3.0, 2.0, 2.0]


def test_a_history_takes_the_place_of_the_training(model):
    items, _ = model.recommend([1], 1, histories=np.array([[30]]), exclude_seen=False)
    assert items.tolist() == [[20]]
    one = model.score_table([1], histories=np.array([[30]]))
    np.testing.assert_array_equal(one, model.score_table([3]))


def test_training_and_history_are_both_left_out(model):
    items, _ = model.recommend([1], 3, histories=np.array([[30]]))
    assert items.tolist() == [[-1, -1, -1]]


def test_a_model_that_cannot_fold_in_goes_on_with_the_training():
    model = BPRRecommender(dim=2, epochs=2).fit(LOG)
    told = model.score_table([1, 9], histories=np.array([[30], [30]]))
    np.testing.assert_array_equal(told[0], model.score_table([1])[0])
    assert told[1].tolist() == [2.0, 3.0, 2.0]


def test_users_in_many_parts_are_those_in_one(monkeypatch):
    rng = np.random.default_rng(0)
    log = pd.DataFrame(rng.integers(0, 30, (400, 2)), columns=["user_id", "item_id"])
    model = EASERecommender(l2=5.0).fit(log)
    users, histories = np.arange(-2, 33), rng.integers(-1, 30, (35, 3))
    pairs = rng.integers(-2, 33, (50, 2)).T
    calls = (
        lambda: model.recommend(users, 5, histories=histories)[0],
        lambda: model.recommend(users, 5, candidates=[3, 1, 99, 17])[1],
        lambda: model.score(*pairs),
    )
    whole = [call() for call in calls]
    for module in (base, lists):
        monkeypatch.setattr(module, "USERS_AT_ONCE", 4)
    for call, expected in zip(calls, whole):
        np.testing.assert_allclose(call(), expected, rtol=1e-5, atol=1e-6)


def test_nobody_gets_an_empty_list(model):
    items, scores = model.recommend(np.array([], dtype=int), 2)
    assert items.shape == scores.shape == (0, 2)


def test_histories_need_a_row_for_each_user(model):
    with pytest.raises(InputError, match="one row for 2 users"):
        model.recommend([1, 2], 1, histories=np.array([[10]]))


FOLDING = tuple(
    getattr(models, name)
    for name in models.RECOMMENDERS
    if issubclass(getattr(models, name), base.MatrixRecommender) and name != "BlendRecommender"
)


@pytest.mark.parametrize("build", FOLDING)
def test_a_history_finds_its_block_or_falls_back_to_what_is_popular(build):
    user, item = np.meshgrid(np.arange(24), np.arange(12), indexing="ij")
    inside = (user % 2 == item % 2) & ((user // 2) % 6 != item // 2)
    log = pd.DataFrame({"user_id": user[inside], "item_id": item[inside]})
    model = build().fit(pd.concat([log, log.assign(user_id=log["user_id"] + 24)]))
    items, scores = model.recommend([99, 98], 4, histories=np.array([[1, 3, -1], [-1, -1, -1]]))
    assert not {1, 3} & set(items[0])
    if build.folds_in:
        assert set(items[0]) == {5, 7, 9, 11}
    else:
        everybody, _ = model.recommend([98], 12)
        assert items[0].tolist() == [i for i in everybody[0] if i not in (1, 3)][:4]
    np.testing.assert_array_equal(scores[1], model.recommend([98], 4)[1][0])


@pytest.mark.parametrize("build", FOLDING)
def test_weights_are_taken_and_change_what_is_learned(build):
    rng = np.random.default_rng(0)
    pairs = np.unique(rng.integers(0, 20, (150, 2)), axis=0)
    log = pd.DataFrame(pairs, columns=["user_id", "item_id"])
    plain = build().fit(log).score_table(np.arange(20))
    weighted = build().fit(log.assign(weight=rng.uniform(0.2, 5, len(log))))
    found = weighted.score_table(np.arange(20))
    assert np.isfinite(found).all()
    assert not np.allclose(found, plain, rtol=0.01)

"""What every recommender promises, on a checkerboard: even users like even items, odd ones odd."""

import inspect
import pickle

import numpy as np
import pandas as pd
import pytest

from mlsd import models
from mlsd.models.base import Recommender
from mlsd.runtime import InputError

USERS, ITEMS = 20, 10


def checkerboard():
    user, item = np.meshgrid(np.arange(USERS), np.arange(ITEMS), indexing="ij")
    held_out = (user // 2) % 5 == item // 2
    seen = ((user + item) % 2 == 0) & ~held_out
    log = pd.DataFrame({"user_id": user[seen], "item_id": item[seen] * 10})
    return log.assign(ts=np.arange(len(log), dtype=float))


@pytest.fixture(params=models.RECOMMENDERS)
def name(request):
    return request.param


@pytest.fixture
def fitted(name):
    return getattr(models, name)().fit(checkerboard())


def test_registry_covers_every_class_with_recommend():
    classes = {n for n in models.__all__ if hasattr(getattr(models, n), "recommend")}
    assert classes == set(models.RECOMMENDERS)


def test_constructor_stores_its_arguments_and_does_nothing_else(name):
    cls = getattr(models, name)
    parameters = inspect.signature(cls).parameters.values()
    assert all(p.kind is p.KEYWORD_ONLY for p in parameters)
    marked = {p.name: object() for p in parameters}
    assert vars(cls(**marked)) == marked


def test_keeps_the_contract(fitted, name):
    assert isinstance(fitted, Recommender)
    assert fitted.fit(checkerboard()) is fitted


def test_refit_starts_afresh(name, fitted):
    other = checkerboard().assign(item_id=lambda log: log["item_id"] + 500)
    again = getattr(models, name)().fit(other).fit(checkerboard())
    for one, two in zip(again.recommend([0, 1], 5), fitted.recommend([0, 1], 5)):
        np.testing.assert_array_equal(one, two)


def test_shapes_and_order(fitted):
    items, scores = fitted.recommend(np.arange(USERS), 3)
    assert items.shape == scores.shape == (USERS, 3)
    assert (np.diff(scores, axis=1) <= 0).all()
    assert all(len(set(row)) == 3 for row in items.tolist())


def test_scores_of_the_list_are_those_of_score(fitted):
    items, scores = fitted.recommend([4], 5)
    np.testing.assert_allclose(fitted.score(np.full(5, 4), items[0]), scores[0])


def test_seen_items_are_left_out_unless_asked_for(fitted):
    log = checkerboard()
    items, _ = fitted.recommend(np.arange(USERS), ITEMS)
    for user, row in enumerate(items):
        assert not set(row) & set(log.loc[log["user_id"] == user, "item_id"])
    everything, _ = fitted.recommend(np.arange(USERS), ITEMS, exclude_seen=False)
    assert all(set(row) == set(range(0, ITEMS * 10, 10)) for row in everything.tolist())


def test_candidates_bound_the_list_and_their_order_is_no_matter(fitted):
    one, _ = fitted.recommend([0, 1], 2, candidates=np.array([70, 10, 30]), exclude_seen=False)
    two, _ = fitted.recommend([0, 1], 2, candidates=np.array([10, 30, 70]), exclude_seen=False)
    assert set(one.ravel()) <= {10, 30, 70}
    np.testing.assert_array_equal(one, two)


def test_a_row_with_too_few_items_is_filled_up(fitted):
    items, scores = fitted.recommend([0], 6, candidates=np.array([10, 30]), exclude_seen=False)
    assert items.shape == (1, 6)
    assert set(items[0, :2]) == {10, 30}
    assert (items[0, 2:] == -1).all()
    assert np.isneginf(scores[0, 2:]).all()


def test_an_unknown_user_gets_a_list(fitted):
    items, scores = fitted.recommend(np.array([10**6]), 4)
    assert set(items[0]) <= set(range(0, ITEMS * 10, 10))
    assert np.isfinite(scores).all()


def test_an_unknown_item_can_be_scored(fitted):
    assert np.isfinite(fitted.score(np.array([0]), np.array([10**6]))).all()


def test_text_ids(name):
    log = checkerboard().astype({"user_id": str, "item_id": str})
    items, _ = getattr(models, name)().fit(log).recommend(np.array(["0", "nobody"]), ITEMS)
    assert items[0, -1] is None
    assert set(items[1]) == set(log["item_id"])


def test_inputs_are_never_changed(name):
    log = checkerboard()
    kept = log.copy()
    getattr(models, name)().fit(log).recommend([1], 2)
    pd.testing.assert_frame_equal(log, kept)


def test_pickles(fitted):
    again = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(again.recommend([3], 4)[0], fitted.recommend([3], 4)[0])


def test_bad_input_is_one_clear_line(name, fitted):
    build = getattr(models, name)
    with pytest.raises(InputError, match="'item_id' is missing"):
        build().fit(checkerboard().drop(columns="item_id"))
    with pytest.raises(InputError, match="no row"):
        build().fit(checkerboard().iloc[:0])
    with pytest.raises(InputError, match="at least one item"):
        fitted.recommend([1], 0)

"""Blends: one scale, weights from validation, and who is scored by whom."""

import numpy as np
import pandas as pd
import pytest

from mlsd.metrics import ndcg_at_k
from mlsd.models import (
    BlendRecommender,
    BPRRecommender,
    EASERecommender,
    ItemCosineRecommender,
    SegmentPopularityRecommender,
)
from mlsd.models.corpus import Corpus
from mlsd.models.recommenders.blend import _still_to_choose, best_weights
from mlsd.runtime import InputError


def planted(seed=0):
    rng = np.random.default_rng(seed)
    user, item = np.meshgrid(np.arange(60), np.arange(30), indexing="ij")
    inside = (user % 3 == item % 3) | (rng.random(user.shape) < 0.1)
    part = rng.random(user.shape)
    seen, later = inside & (part < 0.6), inside & (part >= 0.6)
    return tuple(pd.DataFrame({"user_id": user[m], "item_id": item[m]}) for m in (seen, later))


def members():
    return {"cosine": ItemCosineRecommender(), "popular": SegmentPopularityRecommender()}


def standardized(table):
    return (table - table.mean(axis=1, keepdims=True)) / table.std(axis=1, keepdims=True)


def test_the_blend_is_the_weighted_sum_on_one_scale():
    log, _ = planted()
    blend = BlendRecommender(members=members(), weights={"cosine": 3, "popular": 1}).fit(log)
    tables = [standardized(m.fit(log).score_table(np.arange(60))) for m in members().values()]
    expected = 0.75 * tables[0] + 0.25 * tables[1]
    np.testing.assert_allclose(blend.score_table(np.arange(60)), expected, atol=1e-5)
    assert blend.weights_ == {"cosine": 0.75, "popular": 0.25}


def test_the_unit_of_a_member_is_no_matter():
    log, later = planted()
    both = members() | {"cosine": ItemCosineRecommender(shrinkage=0.0)}
    blend = BlendRecommender(members=both).fit(log, valid=later)
    louder = BlendRecommender(members=both).fit(log.assign(weight=4.0), valid=later)
    assert louder.weights_ == blend.weights_


def test_validation_finds_the_member_that_knows():
    log, later = planted()
    both = {"popular": SegmentPopularityRecommender(), "ease": EASERecommender(l2=5.0)}
    blend = BlendRecommender(members=both, k=5).fit(log, valid=later)
    assert blend.weights_["ease"] > 0.7
    assert BlendRecommender(members=both).fit(log).weights_ == {"popular": 0.5, "ease": 0.5}


def test_no_member_alone_is_better_on_validation():
    log, later = planted()
    both = members() | {"bpr": BPRRecommender(dim=4, epochs=20)}
    blend = BlendRecommender(members=both, k=5).fit(log, valid=later)
    relevant = later.groupby("user_id")["item_id"].agg(set)

    def value(model):
        return ndcg_at_k(model.recommend(relevant.index, 5)[0], list(relevant), 5)

    assert all(value(blend) >= value(member) for member in blend.members_.values())


def test_weights_on_two_rankings_that_are_each_half_right():
    # Each member finds the item of one user; only together they find both.
    scores = np.array([[[3.0, 0, 1], [1, 0, 1.2]], [[0.0, 1, 0.5], [0, 3, 0]]])
    relevant = np.array([[True, False, False], [False, True, False]])
    weights = best_weights(scores, relevant, np.array([1, 1]), k=1)
    assert (weights > 0).all()
    assert weights.sum() == pytest.approx(1)


def test_every_user_counts_the_same_however_many_items_they_were_to_choose():
    # The first member finds the one item of two users; the second all three of another.
    scores = np.zeros((2, 3, 8))
    scores[0, :2, 0], scores[1, :2, 0] = 1, -10
    scores[1, 2, 1:4], scores[0, 2, 1:4] = 1, -10
    relevant = np.zeros((3, 8), dtype=bool)
    relevant[:2, 0] = relevant[2, 1:4] = True
    weights = best_weights(scores, relevant, np.array([1, 1, 3]), k=3)
    assert weights[0] > weights[1]


def test_members_are_copied_and_a_refit_starts_afresh():
    log, later = planted()
    given = members()
    blend = BlendRecommender(members=given).fit(log, valid=later)
    assert not hasattr(given["cosine"], "similarity_")
    first = blend.score_table([5])
    np.testing.assert_array_equal(blend.fit(log, valid=later).score_table([5]), first)


def test_a_history_is_scored_by_the_members_that_can():
    log, _ = planted()
    blend = BlendRecommender(members=members()).fit(log)
    told = blend.score_table([99], histories=np.array([[3, 6]]))
    alone = ItemCosineRecommender().fit(log).score_table([99], histories=np.array([[3, 6]]))
    np.testing.assert_allclose(told, 0.5 * standardized(alone), atol=1e-5)
    assert not BlendRecommender(members={"bpr": BPRRecommender(epochs=1)}).fit(log).folds_in


def test_what_is_judged_is_new_to_a_known_user():
    corpus = Corpus(pd.DataFrame({"user_id": [1, 1, 2], "item_id": [10, 20, 30]}))
    valid = pd.DataFrame({"user_id": [1, 1, 1, 2, 9, 2], "item_id": [10, 30, 99, 30, 10, 30]})
    rows, chosen, counts = _still_to_choose(corpus, valid)
    assert rows.tolist() == [0]
    assert chosen.toarray().tolist() == [[0, 0, 1]]
    assert counts.tolist() == [2]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"weights": {"cosine": 1}}, "one for each of the members"),
        ({"weights": {"cosine": -1, "popular": 1}}, "at least 0"),
        ({"k": 0}, "k is 0"),
    ],
)
def test_bad_arguments_are_named(options, message):
    with pytest.raises(InputError, match=message):
        BlendRecommender(members=members(), **options).fit(planted()[0])


def test_weights_are_equal_where_validation_can_choose_none():
    log, later = planted()
    strangers = later.assign(user_id=later["user_id"] + 1_000)
    for valid in (log, strangers):
        blend = BlendRecommender(members=members()).fit(log, valid=valid)
        assert blend.weights_ == {"cosine": 0.5, "popular": 0.5}

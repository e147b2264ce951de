"""EASE, its denoising form, cosine neighbours and the graph filter against formulas by hand."""

import numpy as np
import pandas as pd
import pytest

from mlsd.models import (
    DenoisingEASERecommender,
    EASERecommender,
    GraphFilterRecommender,
    ItemCosineRecommender,
)
from mlsd.models.recommenders.ease import zero_diagonal_weights
from mlsd.runtime import InputError

# Users 0 and 1 have items 0 and 1, user 2 has items 1 and 2.
PAIRS = np.array([[0, 0], [0, 1], [1, 0], [1, 1], [2, 1], [2, 2]])
LOG = pd.DataFrame(PAIRS, columns=["user_id", "item_id"])
MATRIX = np.array([[1.0, 1, 0], [1, 1, 0], [0, 1, 1]])


def random_log(users=40, items=12, seed=0):
    rng = np.random.default_rng(seed)
    dense = rng.random((users, items)) < rng.uniform(0.1, 0.6, items)
    dense[np.arange(users), rng.integers(items, size=users)] = True
    dense[np.arange(items) % users, np.arange(items)] = True
    user, item = dense.nonzero()
    return pd.DataFrame({"user_id": user, "item_id": item}), dense.astype(float)


def test_weights_beside_which_the_penalty_is_lost_are_one_clear_line():
    log, _ = random_log(users=8, items=40)
    weights = 10.0 ** np.random.default_rng(1).uniform(4, 8, len(log))
    with pytest.raises(InputError, match="no unique solution beside .*; divide the weights of the"):
        EASERecommender(l2=100.0).fit(log.assign(weight=weights))


def test_ease_on_three_items_by_hand():
    # X'X + I = [[3, 2, 0], [2, 4, 1], [0, 1, 2]]; its inverse is [[7, -4, 2], [-4, 6, -3],
    # [2, -3, 8]] / 13, and B = -P / diag(P) of the column.
    expected = np.array([[0, 4 / 6, -2 / 8], [4 / 7, 0, 3 / 8], [-2 / 7, 3 / 6, 0]])
    model = EASERecommender(l2=1.0).fit(LOG)
    np.testing.assert_allclose(model.weights_, expected, rtol=1e-6)
    np.testing.assert_allclose(model.score_table([0, 1, 2]), MATRIX @ expected, rtol=1e-6)
    assert model.score([2], [0])[0] == pytest.approx(4 / 7 - 2 / 7)


def test_each_column_of_ease_is_the_ridge_regression_on_the_other_items():
    _, dense = random_log()
    weights = zero_diagonal_weights(dense.T @ dense, np.full(12, 3.0))
    for item in range(12):
        others = np.delete(dense, item, axis=1)
        ridge = np.linalg.solve(others.T @ others + 3 * np.eye(11), others.T @ dense[:, item])
        np.testing.assert_allclose(np.delete(weights[:, item], item), ridge, atol=1e-10)


def test_full_dropout_is_the_limit_of_dropping_at_random():
    log, dense = random_log()
    rng = np.random.default_rng(1)
    dropped = dense * (rng.random((20_000, *dense.shape)) >= 0.4)
    # EDLAE predicts an item from the others, so that only the input is dropped.
    gram = np.einsum("sui,suj->ij", dropped, dropped) / 20_000
    cross = np.einsum("sui,uj->ij", dropped, dense) / 20_000
    model = DenoisingEASERecommender(dropout=0.4, l2=2.0).fit(log)
    for item in range(12):
        kept = np.delete(np.arange(12), item)
        left = gram[np.ix_(kept, kept)] + 0.6**2 * 2.0 * np.eye(11)
        found = np.linalg.solve(left, cross[kept, item]) * 0.6
        np.testing.assert_allclose(model.weights_[kept, item], found, atol=0.01)


def test_without_dropout_it_is_ease():
    log, _ = random_log()
    one = EASERecommender(l2=7.0, user_power=0.5, item_power=0.2).fit(log)
    two = DenoisingEASERecommender(dropout=0.0, l2=7.0, user_power=0.5, item_power=0.2).fit(log)
    np.testing.assert_array_equal(one.weights_, two.weights_)


def test_users_and_items_can_be_weighed_by_their_interactions():
    log, dense = random_log()
    worth = dense.sum(axis=1) ** -0.5
    gram = dense.T @ np.diag(worth / worth.mean()) @ dense
    expected = zero_diagonal_weights(gram, np.full(12, 5.0)) / dense.sum(axis=0) ** 0.25
    model = EASERecommender(l2=5.0, user_power=0.5, item_power=0.25).fit(log)
    np.testing.assert_allclose(model.weights_, expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (EASERecommender(l2=0.0), "l2 is 0.0; give a number above 0"),
        (DenoisingEASERecommender(dropout=1.0), "dropout is 1.0; .* below 1"),
        (GraphFilterRecommender(components=0), "components is 0"),
        (ItemCosineRecommender(shrinkage=-1.0), "shrinkage is -1.0"),
    ],
)
def test_an_argument_out_of_range_is_named(model, message):
    with pytest.raises(InputError, match=message):
        model.fit(LOG)


def test_cosine_by_hand_with_shrinkage():
    model = ItemCosineRecommender(shrinkage=0.5).fit(LOG)
    near, far = 2 / (np.sqrt(2 * 3) + 0.5), 1 / (np.sqrt(3) + 0.5)
    expected = [[0, near, 0], [near, 0, far], [0, far, 0]]
    np.testing.assert_allclose(model.similarity_.toarray(), expected, rtol=1e-6)


def test_each_item_keeps_its_nearest_neighbours():
    log, dense = random_log()
    everything = ItemCosineRecommender(shrinkage=1.0).fit(log).similarity_.toarray()
    few = ItemCosineRecommender(shrinkage=1.0, neighbours=3).fit(log).similarity_.toarray()
    assert ((few > 0).sum(axis=0) == 3).all()
    for item in range(12):
        best = np.sort(everything[:, item])[-3:]
        np.testing.assert_allclose(np.sort(few[:, item])[-3:], best)


def test_weights_of_interactions_count_in_the_cosine():
    log = LOG.assign(weight=[1.0, 3.0, 1.0, 1.0, 1.0, 1.0])
    similarity = ItemCosineRecommender(shrinkage=0.0).fit(log).similarity_
    assert similarity[0, 1] == pytest.approx(4 / np.sqrt(2 * 11))


@pytest.mark.parametrize("components", [3, 12])
def test_the_graph_filter_is_its_dense_formula(components):
    log, dense = random_log()
    model = GraphFilterRecommender(components=components, ideal=0.7).fit(log)
    scale = np.diag(dense.sum(axis=0) ** -0.5)
    normalized = np.diag(dense.sum(axis=1) ** -0.5) @ dense @ scale
    vectors = np.linalg.svd(normalized)[2][:components].T
    smooth = scale @ vectors @ vectors.T @ np.linalg.inv(scale)
    expected = dense @ (normalized.T @ normalized + 0.7 * smooth)
    np.testing.assert_allclose(model.score_table(np.arange(40)), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    "build",
    [EASERecommender, DenoisingEASERecommender, GraphFilterRecommender, ItemCosineRecommender],
)
def test_a_history_that_repeats_the_training_scores_the_same(build):
    log, dense = random_log()
    model = build().fit(log)
    histories = np.where(dense > 0, np.arange(12), -1)
    told = model.score_table(np.arange(1000, 1040), histories=histories)
    np.testing.assert_allclose(told, model.score_table(np.arange(40)), rtol=1e-5)

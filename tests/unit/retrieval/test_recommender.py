import numpy as np
import pandas as pd
import pytest

from mlsd.models import ImplicitALSRecommender
from mlsd.retrieval import FlatIndex, IndexedRecommender, IVFIndex


@pytest.fixture(scope="module")
def fitted():
    rng = np.random.default_rng(0)
    pairs = pd.DataFrame({"user_id": rng.integers(0, 60, 900), "item_id": rng.integers(0, 90, 900)})
    return ImplicitALSRecommender(dim=8).fit(pairs), pairs


def indexed(fitted, index):
    model, pairs = fitted
    index.build(model.item_vectors_, model.item_ids_)
    return IndexedRecommender(index, np.unique(pairs["user_id"]), model.user_vectors_, pairs, model)


@pytest.mark.parametrize("exclude_seen", [True, False])
@pytest.mark.parametrize("candidates", [None, np.arange(0, 90, 2)])
def test_an_exact_index_recommends_what_the_model_does(fitted, exclude_seen, candidates):
    asked = {"exclude_seen": exclude_seen, "candidates": candidates}
    users = np.array([3, 999, 41, 3])
    items, scores = indexed(fitted, FlatIndex()).recommend(users, 7, **asked)
    wanted, best = fitted[0].recommend(users, 7, **asked)
    np.testing.assert_array_equal(items, wanted)
    np.testing.assert_allclose(scores, best, rtol=1e-4)


def test_a_narrow_search_runs_short_and_never_shows_what_was_seen(fitted):
    recommender = indexed(fitted, IVFIndex(clusters=30, probes=1))
    users = np.arange(60)
    items, scores = recommender.recommend(users, 40)
    assert (items == -1).any()
    np.testing.assert_array_equal(items == -1, np.isneginf(scores))
    seen = set(zip(fitted[1]["user_id"], fitted[1]["item_id"]))
    assert not any((user, item) in seen for user, row in zip(users, items) for item in row)

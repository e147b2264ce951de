import numpy as np
import pytest
from sklearn.metrics import ndcg_score

from mlsd.metrics import average_precision_at_k, ndcg_at_k, ranking_by_user, recall_at_k
from mlsd.runtime import InputError

EVERY = (recall_at_k, ndcg_at_k, average_precision_at_k)


@pytest.fixture
def corpus():
    random = np.random.default_rng(2)
    scores = random.random((40, 30))
    relevant = [set(np.flatnonzero(row).tolist()) for row in random.random((40, 30)) < 0.2]
    return scores, np.argsort(-scores, axis=1), relevant


def test_hand_computed_values():
    recommended = [[10, 11, 12, 13]]
    relevant = [{11, 13, 99}]
    gains = 1 / np.log2(np.arange(2, 6))
    assert recall_at_k(recommended, relevant, 4) == pytest.approx(2 / 3)
    assert ndcg_at_k(recommended, relevant, 4) == pytest.approx(
        gains[[1, 3]].sum() / gains[:3].sum()
    )
    assert average_precision_at_k(recommended, relevant, 4) == pytest.approx((1 / 2 + 2 / 4) / 3)
    assert recall_at_k(recommended, relevant, 1) == 0


@pytest.mark.parametrize("k", [1, 5, 30])
def test_ndcg_equals_scikit_learn(corpus, k):
    scores, recommended, relevant = corpus
    truth = np.array([[item in items for item in range(30)] for items in relevant], dtype=float)
    some = truth.any(axis=1)
    expected = ndcg_score(truth[some], scores[some], k=k)
    assert ndcg_at_k(recommended, relevant, k) == pytest.approx(expected, rel=1e-12)


def test_recall_of_the_whole_corpus_is_one(corpus):
    _, recommended, relevant = corpus
    assert recall_at_k(recommended, relevant, 30) == 1


@pytest.mark.parametrize("metric", EVERY)
def test_oracle_reaches_one_and_inverted_oracle_zero(metric):
    relevant = [{1, 2}, {3, 4}]
    assert metric([[2, 1, 0], [3, 4, 0]], relevant, 2) == 1
    assert metric([[5, 6, 7], [5, 6, 7]], relevant, 2) == 0


@pytest.mark.parametrize("metric", EVERY)
def test_moving_a_hit_up_never_hurts(metric, corpus):
    _, recommended, relevant = corpus
    hits = np.array([[i in items for i in row] for row, items in zip(recommended, relevant)])
    better = np.take_along_axis(recommended, np.argsort(~hits, axis=1, kind="stable"), axis=1)
    assert metric(better, relevant, 5) > metric(recommended, relevant, 5)


def test_reciprocal_rank_is_that_of_the_first_hit():
    lists, relevant = [[1, 2, 3], [1, 2, 3], [4, 5, 6]], [{2, 3}, {1}, {7}]
    found = ranking_by_user(lists, relevant, 3)["reciprocal_rank"]
    np.testing.assert_allclose(found, [1 / 2, 1, 0])


def test_users_without_relevant_items_are_left_out():
    by_user = ranking_by_user([[1, 2], [3, 4]], [{1}, set()], 2)
    assert all(np.isnan(values[1]) and values[0] == 1 for values in by_user.values())
    assert recall_at_k([[1, 2], [3, 4]], [{1}, []], 2) == 1


def test_an_item_that_is_relevant_to_another_user_is_no_hit():
    assert recall_at_k([[1], [2]], [{2}, {1}], 1) == 0


def test_filler_fills_short_lists_and_is_never_a_hit():
    assert recall_at_k([[4, -1, -1]], [{4, -1}], 3) == 0.5


@pytest.mark.parametrize("metric", EVERY)
@pytest.mark.parametrize(
    ("recommended", "relevant", "k", "message"),
    [
        ([[1, 2]], [{1}, {2}], 1, "recommended has 1 users and relevant has 2"),
        ([[1, 2]], [{1}], 3, "k is 3; the lists allow 1 to 2"),
        ([[1, 2]], [{1}], 0, "k is 0"),
        ([[1, 1]], [{1}], 2, r"recommended\[0\] holds an item twice"),
        ([1, 2], [{1}], 1, "one row of items a user"),
        ([[1, 2]], [set()], 1, "no user has a relevant item"),
        ([["a", "b"]], [{1}], 1, "item ids have to be integers"),
    ],
)
def test_bad_input_is_named(metric, recommended, relevant, k, message):
    with pytest.raises(InputError, match=message):
        metric(recommended, relevant, k)


def test_recall_counts_what_no_list_of_k_could_hold_and_the_others_do_not():
    found = ranking_by_user([[1, 7]], [{1, 2, 3, 4}], 1)
    assert {name: values.tolist() for name, values in found.items()} == {
        "recall": [1 / 4],
        "ndcg": [1],
        "average_precision": [1],
        "reciprocal_rank": [1],
    }

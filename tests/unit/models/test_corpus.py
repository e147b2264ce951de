import numpy as np
import pandas as pd
import pytest

from mlsd.models.corpus import Corpus
from mlsd.runtime import InputError

LOG = pd.DataFrame({"user_id": [5, 5, 9], "item_id": [20, 10, 10]})


def by_item(users, items):
    return np.tile(np.asarray(items, float), (len(users), 1))


def test_positions_of_the_unknown_are_minus_one():
    corpus = Corpus(LOG)
    assert corpus.rows([9, 7, 5]).tolist() == [1, -1, 0]
    assert corpus.positions([20, 30]).tolist() == [1, -1]
    assert corpus.item_codes.tolist() == [1, 0, 0]


def test_the_best_are_new_to_the_user():
    items, scores = Corpus(LOG).best([5, 9, 7], 2, by_item)
    assert items.tolist() == [[-1, -1], [20, -1], [20, 10]]
    assert scores[2].tolist() == [20.0, 10.0]


def test_candidates_may_be_unknown_and_the_table_of_scores_is_not_changed():
    table = np.ones((1, 2))
    items, _ = Corpus(LOG).best([9], 2, lambda users, items: table, candidates=[99, 10])
    assert items.tolist() == [[99, -1]]
    assert (table == 1).all()


def test_ties_go_to_the_item_that_sorts_first_among_many():
    log = pd.DataFrame({"user_id": 0, "item_id": np.arange(999, -1, -1)})
    items, _ = Corpus(log).best([1], 400, lambda users, items: items[None] % 3)
    assert items[0].tolist() == [*range(2, 1000, 3), *range(1, 202, 3)]


def test_a_further_column_can_be_required():
    with pytest.raises(InputError, match="'ts' is missing"):
        Corpus(LOG, ("ts",))


def test_the_matrix_holds_each_pair_once_or_the_sum_of_its_weights():
    log = pd.concat([LOG, LOG.iloc[:1]])
    assert Corpus(log).matrix.toarray().tolist() == [[1, 1], [1, 0]]
    weighted = Corpus(log.assign(weight=[0.5, 2.0, 3.0, 0.25]))
    assert weighted.matrix.toarray().tolist() == [[2, 0.75], [3, 0]]


@pytest.mark.parametrize("weight", [0.0, -1.0, np.nan, np.inf])
def test_a_weight_that_cannot_count_is_named_with_its_row(weight):
    with pytest.raises(InputError, match="in row 1"):
        Corpus(LOG.assign(weight=[1.0, weight, weight]))


def test_profiles_leave_out_what_is_missing_unknown_or_repeated():
    profiles = Corpus(LOG).profiles(np.array([[-1, 20, 20], [99, -1, 10], [-1, -1, -1]]))
    assert profiles.toarray().tolist() == [[0, 1], [1, 0], [0, 0]]
    with pytest.raises(InputError, match="a row for each user"):
        Corpus(LOG).profiles(np.array([10, 20]))


def test_what_stands_in_a_history_is_seen():
    histories = np.array([[10, -1], [-1, -1]])
    items, _ = Corpus(LOG).best([7, 9], 2, by_item, histories=histories)
    assert items.tolist() == [[20, -1], [20, -1]]


@pytest.mark.parametrize("k", [1, 3, 10, 40])
def test_the_best_are_those_of_a_stable_sort(k):
    rng = np.random.default_rng(k)
    table = rng.integers(0, 5, size=(50, 40)).astype(np.float32)
    log = pd.DataFrame({"user_id": -1, "item_id": np.arange(40)})
    items, scores = Corpus(log).best(np.arange(50), k, lambda users, items: table)
    order = np.argsort(-table, axis=1, kind="stable")[:, :k]
    np.testing.assert_array_equal(items, order)
    np.testing.assert_array_equal(scores, np.take_along_axis(table, order, axis=1))


def test_no_candidate_leaves_every_row_to_be_filled_up():
    items, _ = Corpus(LOG).best([9], 2, by_item, candidates=np.array([], dtype=int))
    assert items.tolist() == [[-1, -1]]

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

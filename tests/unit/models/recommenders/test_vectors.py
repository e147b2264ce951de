import numpy as np
import pandas as pd
import pytest
import torch

from mlsd.models.corpus import Corpus
from mlsd.models.recommenders.sequences import LearningSequences
from mlsd.models.recommenders.vectors import VectorRecommender
from mlsd.runtime import InputError


class LastItem(VectorRecommender):
    """An item's vector is its axis; a user's points to the items held, the newest most."""

    history_length = 3

    def fit(self, interactions, **tables):
        self._corpus = Corpus(interactions)
        self.item_ids_ = self._corpus.item_ids
        known = pd.Index(self.item_ids_)
        self._sequences = LearningSequences(interactions, None, known).sequences
        self.item_vectors_ = np.eye(len(known), dtype=np.float32)
        self._unknown_vector = np.full(len(known), -1.0)
        return self

    def _encode(self, user_ids, past):
        vectors = torch.zeros(len(past), len(self.item_ids_) + 1)
        for place in range(past.shape[1]):
            rows = torch.arange(len(past))
            vectors[rows, past[:, place]] += 2.0**place
        return vectors[:, :-1].numpy()


@pytest.fixture
def model():
    rows = {"user_id": [1, 1, 2, 1, 1], "item_id": [10, 20, 30, 40, 50], "ts": [1, 2, 3, 5, 4]}
    return LastItem().fit(pd.DataFrame(rows))


def test_without_histories_those_of_the_training_count(model):
    # Of user 1's four items the last three: 20, 50, 40.
    assert model.user_vectors([1, 2, 9]).tolist() == [
        [0, 1, 0, 4, 2],
        [0, 0, 4, 0, 0],
        [0, 0, 0, 0, 0],
    ]
    assert model.recommend([1], 3, exclude_seen=False)[0].tolist() == [[40, 50, 20]]
    assert model.recommend([1], 3)[0].tolist() == [[30, -1, -1]]
    assert model.score([1, 2, 1], [40, 30, 999]).tolist() == [4, 4, -7]


def test_given_histories_count_instead_newest_last(model):
    histories = np.array([[-1, 30, 10], [-1, -1, -1]])
    found = model.recommend([1, 2], 2, histories=histories, exclude_seen=False)
    assert found[0][0].tolist() == [10, 30]
    assert found[1][0].tolist() == [4, 2]
    assert found[1][1].tolist() == [0, 0]


def test_items_of_the_history_are_left_out_like_those_of_the_training(model):
    items, scores = model.recommend([2, 9], 5, histories=[[10, 20], [40, -1]])
    assert set(items[0]) == {40, 50, -1}
    assert set(items[1]) == {10, 20, 30, 50, -1}
    assert np.isneginf(scores[items == -1]).all()


def test_unknown_items_and_pads_inside_a_history_are_passed_over(model):
    gaps = model.user_vectors([1], np.array([[20, 999, -1, 30, -1]]))
    np.testing.assert_array_equal(gaps, model.user_vectors([1], np.array([[-1, 20, 30]])))
    longer = model.user_vectors([1], np.array([[10, 10, 20, 40, 30]]))
    np.testing.assert_array_equal(longer, model.user_vectors([1], np.array([[20, 40, 30]])))


def test_blocks_change_nothing(model, monkeypatch):
    whole = model.recommend([1, 2, 9], 2, exclude_seen=False)
    monkeypatch.setattr("mlsd.models.recommenders.lists._CELLS_AT_ONCE", 5)
    for one, two in zip(whole, model.recommend([1, 2, 9], 2, exclude_seen=False)):
        np.testing.assert_array_equal(one, two)
    assert model.recommend([], 2)[0].shape == (0, 2)


def test_bad_input_is_one_clear_line(model):
    with pytest.raises(InputError, match="one row for 2 users"):
        model.user_vectors([1, 2], [[10]])
    with pytest.raises(InputError, match="call fit first"):
        LastItem().recommend([1], 1)

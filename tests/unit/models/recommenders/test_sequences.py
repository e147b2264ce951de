import numpy as np
import pandas as pd
import pytest
import torch

from mlsd.models.recommenders.sequences import LearningSequences, Sequences
from mlsd.runtime import InputError


def test_time_orders_and_ties_keep_the_order_of_the_rows():
    users, items = np.array([0, 1, 0, 0, 1]), np.array([5, 6, 7, 8, 9])
    sequences = Sequences(users, items, np.array([3, 1, 1, 1, 0]), user_count=3)
    assert sequences.last(np.array([0, 1, 2, -1]), 4).tolist() == [
        [-1, 7, 8, 5],
        [-1, -1, 9, 6],
        [-1] * 4,
        [-1] * 4,
    ]
    by_row = Sequences(users, items, user_count=2)
    assert by_row.last(np.array([0, 1]), 2).tolist() == [[7, 8], [6, 9]]
    assert by_row.start_of_place.tolist() == [0, 0, 0, 3, 3]


def frame(rows):
    return pd.DataFrame(rows, columns=["user_id", "item_id", "ts", "weight"])


def test_validation_stands_behind_training_whatever_its_time():
    log = frame([(1, 7, 50, 2.0), (1, 8, 40, 1.0), (2, 7, 9, 0.5)])
    valid = frame([(1, 7, 1, 3.0), (3, 8, 5, 1.0), (2, 999, 10, 1.0)])
    both = LearningSequences(log, valid, pd.Index([7, 8]))
    assert both.user_ids.tolist() == [1, 2, 3]
    assert both.sequences.items.tolist() == [1, 0, 0, 0, 1]
    assert both.held.tolist() == [False, False, True, False, True]
    assert both.weights.tolist() == [1, 2, 3, 0.5, 1]


def test_bad_input_is_one_clear_line():
    log = frame([(1, 7, 50, 2.0)])
    with pytest.raises(InputError, match="valid: column 'ts' is missing"):
        LearningSequences(log, log.drop(columns="ts"), pd.Index([7]))
    with pytest.raises(InputError, match="weights are >= 0"):
        LearningSequences(log.assign(weight=-1), None, pd.Index([7]))


def test_no_rows():
    empty = Sequences(np.zeros(0, int), np.zeros(0, int), user_count=2)
    assert torch.equal(empty.last(np.array([0, 1]), 2), torch.full((2, 2), -1))

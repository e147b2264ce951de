"""Rows whose labels have settled are learned once, and no earlier."""

import numpy as np

from mlsd.experiments import rows_to_learn


def test_a_row_is_learned_once_after_its_label_is_known():
    known_at = np.array([700.0, 600.0, 650.0])
    learned = np.zeros(3, bool)
    assert rows_to_learn(known_at, learned, 600.0).tolist() == [False, False, False]
    assert rows_to_learn(known_at, learned, 651.0).tolist() == [False, True, True]
    learned |= rows_to_learn(known_at, learned, 651.0)
    assert rows_to_learn(known_at, learned, 701.0).tolist() == [True, False, False]
    assert learned.tolist() == [False, True, True]

import itertools

import numpy as np
import pytest

from mlsd.features.crosses import combination_ids
from mlsd.runtime import InputError


def test_each_combination_has_one_id_of_its_own():
    grid = np.array(list(itertools.product(range(60), range(60), range(10))))
    X = {name: np.append(column, column[:100]) for name, column in zip("abc", grid.T)}
    ids = combination_ids(X, ("a", "b", "c"))
    assert len(np.unique(ids)) == len(grid)
    assert ids.dtype == np.int64
    assert ids.min() >= 0
    np.testing.assert_array_equal(ids[-100:], ids[:100])


def test_swapped_values_are_another_combination():
    X = {"a": np.array([1, 2]), "b": np.array([2, 1])}
    assert len(set(combination_ids(X, ("a", "b")))) == 2
    assert not set(combination_ids(X, ("a", "b"))) & set(combination_ids(X, ("b", "a")))


def test_ids_stay_as_they_were_published():
    X = {"n": np.array([3, 7]), "t": np.array(["x", None], dtype=object)}
    assert combination_ids(X, ("n", "t")).tolist() == [
        4_000_188_865_088_063_112,
        9_180_747_845_535_231_880,
    ]


def test_a_missing_column_is_named():
    with pytest.raises(InputError, match="'b'"):
        combination_ids({"a": [1]}, ("a", "b"))

import numpy as np
import pandas as pd
import pytest

from mlsd.models.scorer import as_labels, as_weights, row_count, take_columns, take_rows
from mlsd.runtime import InputError


def test_rows_of_a_frame_and_of_a_mapping():
    assert row_count(pd.DataFrame({"a": [1, 2]})) == row_count({"a": [1, 2]}) == 2
    assert row_count({"a": np.zeros((3, 7)), "b": np.zeros(3)}) == 3


def test_columns_are_not_copied():
    a = np.arange(3)
    assert take_columns({"a": a, "b": a}, ("a",))["a"] is a


def test_rows_are_taken_from_every_column():
    taken = take_rows({"a": np.arange(4), "b": np.arange(4) * 2}, np.array([3, 0]))
    assert {name: values.tolist() for name, values in taken.items()} == {"a": [3, 0], "b": [6, 0]}


@pytest.mark.parametrize("y", [[0, 1], [False, True], [0.0, 1.0], pd.Series([0, 1], index=[5, 9])])
def test_labels_of_any_numeric_type(y):
    assert as_labels(y, 2).tolist() == [0.0, 1.0]


def test_messages_name_the_place():
    with pytest.raises(InputError, match=r"'b' is missing; it has \['a'\]"):
        take_columns({"a": np.zeros(1)}, ("b",))
    with pytest.raises(InputError, match="row 1 is"):
        as_labels([0, 7, 1], 3)
    with pytest.raises(InputError, match="negative or missing"):
        as_weights([1.0, np.nan], 2)

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from mlsd.data import ColumnRoles, LabelledLog, Split, validate_log
from mlsd.runtime import InputError


@pytest.fixture
def log():
    frame = pd.DataFrame(
        {
            "label": np.array([0, 1, 1, 0, 1, 0], np.int8),
            "ts": np.arange(6.0),
            "known_at": np.arange(6.0) + 1,
            "user": ["a", "b", "a", "c", "c", "a"],
            "price": [1.0, np.nan, 2.0, 3.0, 4.0, 5.0],
            "weight": [1.0, 20.0, 1.0, 1.0, 0.5, 1.0],
            "slot": np.arange(6.0),
            "p": [0.25, 1.0, 0.5, 0.5, 0.5, 0.5],
        }
    )
    roles = ColumnRoles(
        "label", time="ts", known_at="known_at", user="user", numeric=("price",),
        weight="weight", position="slot", propensity="p", entities=(("user",),),
    )  # fmt: skip
    return LabelledLog("six", frame, roles, Split(np.arange(4), np.array([4]), np.array([5])))


def test_a_valid_log_passes(log):
    validate_log(log)
    before = log.frame.copy()
    validate_log(log)
    pd.testing.assert_frame_equal(log.frame, before)


BROKEN_CELLS = [
    ("label", 2, "row position 3, column 'label' is neither 0 nor 1"),
    ("ts", np.nan, "row position 3, column 'ts' is missing"),
    ("ts", np.inf, "row position 3, column 'ts' is not finite"),
    ("ts", 9.0, "row position 4, column 'ts' lies before the row above"),
    ("known_at", 2.5, "row position 3, column 'known_at' lies before 'ts'"),
    ("user", None, "row position 3, column 'user' is missing"),
    ("price", np.inf, "row position 3, column 'price' is not a finite number"),
    ("weight", 0.0, "row position 3, column 'weight' is not above 0"),
    ("weight", np.nan, "row position 3, column 'weight' is missing"),
    ("slot", np.nan, "row position 3, column 'slot' is missing"),
    ("p", 0.0, r"row position 3, column 'p' is not in \(0, 1\]"),
    ("p", 1.5, r"row position 3, column 'p' is not in \(0, 1\]"),
]


@pytest.mark.parametrize(("column", "cell", "message"), BROKEN_CELLS)
def test_a_broken_cell(log, column, cell, message):
    log.frame.loc[3, column] = cell
    with pytest.raises(InputError, match=message) as raised:
        validate_log(log)
    assert str(raised.value).startswith("six: ")


def test_text_where_numbers_are_due(log):
    wrong = replace(log, frame=log.frame.assign(price=["cheap"] * 6))
    with pytest.raises(InputError, match="column 'price'"):
        validate_log(wrong)


def test_a_role_without_a_column_and_an_index_with_gaps(log):
    with pytest.raises(InputError, match="column 'user' has a role but is not in the frame"):
        validate_log(replace(log, frame=log.frame.drop(columns="user")))
    with pytest.raises(InputError, match="the index of the frame is not 0..n-1"):
        validate_log(replace(log, frame=log.frame.iloc[::-1]))


BROKEN_SPLITS = [
    (([0, 1, 2, 3], [], [5]), "the validation part is empty"),
    (([0, 1, 2, 3], [4], [6]), "the test part names a row"),
    (([0, 1, 3, 2], [4], [5]), "the train part are not in ascending order"),
    (([0, 1, 2, 2], [4], [5]), "the train part are not in ascending order"),
    (([0, 1, 2, 3], [3], [5]), "the validation part shares a row"),
    (([1, 2], [4], [5]), "the train part has only one outcome"),
]


@pytest.mark.parametrize(("parts", "message"), BROKEN_SPLITS)
def test_a_broken_split(log, parts, message):
    split = Split(*(np.array(rows, int) for rows in parts))
    with pytest.raises(InputError, match=message):
        validate_log(replace(log, split=split))

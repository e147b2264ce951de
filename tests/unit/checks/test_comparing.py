import numpy as np
import pandas as pd
import pytest

from mlsd.checks import describe_difference

TABLE = pd.DataFrame({"ad_id": [1, 2], "rate": [0.5, np.nan]})


@pytest.mark.parametrize(
    ("got", "expected"),
    [
        (1.0 + 1e-9, 1.0),
        (np.float32(0.1), 0.1),
        ([1, 2], np.array([1.0, 2.0])),
        (pd.Series([1, 2]), [1, 2]),
        (np.array([np.nan]), [np.nan]),
        (True, True),
        (np.bool_(True), True),
        ("a", "a"),
        (None, None),
        (["a", "b"], ["a", "b"]),
        (np.array(["a", "b"]), np.array(["a", "b"])),
        ({"a": [1.0]}, {"a": [1.0]}),
        ((1.0, "x"), (1.0, "x")),
        (TABLE[["rate", "ad_id"]].assign(more=1), TABLE),
        (np.zeros((0, 3)), np.zeros((0, 3))),
    ],
)
def test_equal_values_have_no_difference(got, expected):
    assert describe_difference(got, expected, rtol=1e-6, atol=1e-8) == ""


@pytest.mark.parametrize(
    ("got", "expected", "message"),
    [
        (np.zeros((3, 1)), np.zeros(3), "expected shape (3,), got (3, 1)"),
        (0.5, [0.5], "expected an array of shape (1,), got 0.5"),
        ([1, 3], [1, 2], "expected 2 at [1], got 3"),
        (np.array([[1.0], [9.0]]), [[1], [2]], "expected 2 at [1, 0], got 9"),
        (2.0, 1.5, "expected 1.5, got 2"),
        (None, 1.5, "expected a number, got nothing (None)"),
        ("1.5", 1.5, "expected a number, got '1.5'"),
        (["a"], [1.0], "expected numbers, got ['a']"),
        ([[1, 2], [3]], [[1, 2], [3, 4]], "rows of unequal length"),
        (1, True, "expected True, got 1"),
        (np.nan, 0.0, "expected 0, got nan"),
        (["a", "c"], ["a", "b"], "at [1]: expected 'b', got 'c'"),
        (["a"], ["a", "b"], "expected 2 values, got 1"),
        (7, ["a", "b"], "expected 2 values, got int"),
        (np.array(["a", "c"]), np.array(["a", "b"]), "expected b at [1], got c"),
        ([1.0], {"a": 1}, "expected a dictionary, got list"),
        ({"b": 1}, {"a": 1}, "expected the keys ['a'], got ['b']"),
        ({"a": 2}, {"a": 1}, "a: expected 1, got 2"),
        ([1], TABLE, "expected a table (DataFrame), got list"),
        (TABLE[["ad_id"]], TABLE, "the table lacks the column 'rate'"),
        (TABLE[:1], TABLE, "expected 2 rows, got 1"),
        (TABLE.assign(rate=0.5), TABLE, "rate: expected nan at [1], got 0.5"),
        (np.zeros(2), True, "expected True, got array([0., 0.])"),
    ],
)
def test_a_difference_is_said_in_a_few_words(got, expected, message):
    assert message in describe_difference(got, expected)

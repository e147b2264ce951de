"""What is kept within a budget, against choices worked out by hand."""

import pandas as pd
import pytest

from mlsd.features import best_within_budget
from mlsd.runtime import InputError

GAIN = pd.Series({"a": 4.0, "b": 5.0, "c": 8.0, "d": -1.0, "e": 0.5})
COST = pd.Series({"a": 10.0, "b": 50.0, "c": 95.0, "d": 1.0, "e": 30.0})


@pytest.mark.parametrize(
    ("budget", "kept"),
    [
        (100, ["a", "b", "e"]),  # 9.5, more than 8 for c alone
        (105, ["a", "c"]),  # 12; by gain per cost a, b and e would leave no room for c
        (60, ["a", "b"]),
        (9, []),
        (1_000, ["a", "b", "c", "e"]),
    ],
)
def test_best_set(budget, kept):
    assert best_within_budget(GAIN, COST, budget) == kept


def test_of_equal_gains_the_cheaper_set_is_kept():
    gain, cost = pd.Series({"a": 1.0, "b": 1.0}), pd.Series({"a": 3.0, "b": 2.0})
    assert best_within_budget(gain, cost, 3) == ["b"]


def test_what_costs_the_whole_budget_fits():
    assert best_within_budget(GAIN[["b"]], COST[["b"]], 50) == ["b"]


def test_too_many_candidates():
    many = pd.Series(1.0, index=[f"f{i}" for i in range(21)])
    with pytest.raises(InputError, match="21 candidates"):
        best_within_budget(many, many, 21)

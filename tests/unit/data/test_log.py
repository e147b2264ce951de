"""The shape of a log: who its users are."""

import numpy as np
import pandas as pd
import pytest

from mlsd.data import ColumnRoles, LabelledLog, Split


def log_of(users):
    frame = pd.DataFrame({"click": 0, "user": users})
    nowhere = np.arange(0)
    roles = ColumnRoles(label="click", user="user")
    return LabelledLog("log", frame, roles, Split(nowhere, nowhere, nowhere))


@pytest.mark.parametrize(
    "users",
    [
        ["ann", "", "bob", "", "ann"],
        ["ann", None, "bob", None, "ann"],
        [1.0, np.nan, 2.0, np.nan, 1.0],
        pd.array([1, None, 2, None, 1], dtype="Int64"),
        pd.Categorical(["ann", "", "bob", None, "ann"]),
    ],
)
def test_each_row_without_a_user_is_a_user_of_its_own(users):
    codes = log_of(users).users
    assert codes[0] == codes[4]
    assert len(set(codes.tolist())) == 4
    assert codes.min() == 0


def test_users_are_numbered_as_they_come():
    assert log_of(["b", "a", "b", "c"]).users.tolist() == [0, 1, 0, 2]
    assert len(set(log_of([None, None, ""]).users.tolist())) == 3

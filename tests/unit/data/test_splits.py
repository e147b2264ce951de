import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlsd.data import given_split, shuffle_split, time_split
from mlsd.data.splits import check_shares
from mlsd.runtime import InputError


def parts_of(split):
    return [split.train, split.validation, split.test]


def test_time_split_cuts_the_latest_rows_off_for_testing():
    times = np.array([5, 1, 4, 2, 3, 9, 8, 7, 6, 0])
    order, split = time_split(times, [0.6, 0.2, 0.2])
    assert times[order].tolist() == list(range(10))
    assert [len(rows) for rows in parts_of(split)] == [6, 2, 2]
    assert times[order][split.test].tolist() == [8, 9]


def test_time_split_keeps_the_order_of_ties():
    order, _ = time_split(np.array([1, 0, 1, 0, 1, 0]), [0.5, 0.25, 0.25])
    assert order.tolist() == [1, 3, 5, 0, 2, 4]


@pytest.mark.parametrize("shares", [[8, 1, 1], [7, 1, 2], [3, 3, 4]])
def test_shares_that_are_no_exact_floats_still_cut_at_whole_rows(shares):
    _, split = time_split(np.arange(10), [share / 10 for share in shares])
    assert [len(rows) for rows in parts_of(split)] == shares


def test_shuffle_split_is_the_published_permutation_cut_by_share():
    order, split = shuffle_split(8_000, [0.6, 0.1, 0.3], seed=0)
    assert (order == np.random.default_rng(0).permutation(8_000)).all()
    assert [len(rows) for rows in parts_of(split)] == [4_800, 800, 2_400]


def test_shuffle_split_with_times_keeps_time_order_and_the_same_rows_in_each_part():
    times = np.random.default_rng(3).random(50)
    plain_order, plain = shuffle_split(50, [0.6, 0.2, 0.2], seed=1)
    order, split = shuffle_split(50, [0.6, 0.2, 0.2], seed=1, times=times)
    assert (np.diff(times[order]) >= 0).all()
    for rows, plain_rows in zip(parts_of(split), parts_of(plain), strict=True):
        assert set(order[rows]) == set(plain_order[plain_rows])


def test_given_split_follows_the_time_order():
    sizes = {"train": 2, "validation": 1, "test": 2}
    order, split = given_split(sizes, times=np.array([3, 1, 2, 5, 4]))
    assert order.tolist() == [1, 2, 0, 4, 3]
    assert split.train.tolist() == [0, 2]
    assert split.validation.tolist() == [1]
    assert split.test.tolist() == [3, 4]


@given(st.integers(5, 300), st.integers(0, 9))
def test_every_row_is_in_exactly_one_part(rows, seed):
    order, split = shuffle_split(rows, [0.6, 0.2, 0.2], seed=seed)
    assert sorted(np.concatenate(parts_of(split))) == list(range(rows))
    assert sorted(order) == list(range(rows))
    assert all((np.diff(part) > 0).all() for part in parts_of(split))


def test_an_empty_part_is_named():
    with pytest.raises(InputError, match="validation part is empty"):
        time_split(np.arange(4), [0.9, 0.05, 0.05])


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ([0.8, 0.1], "give three numbers"),
        ([0.8, 0.1, 0.2], "sums to 1.1"),
        ([1.2, -0.1, -0.1], "above 0"),
        ([1.0, 0.0, 0.0], "above 0"),
        ([0.8, 0.1, float("nan")], "give three numbers"),
        ([0.8, 0.1, True], "give three numbers"),
        (["0.8", 0.1, 0.1], "give three numbers"),
    ],
)
def test_wrong_shares(parts, message):
    with pytest.raises(InputError, match=message):
        check_shares(parts)

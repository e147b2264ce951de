import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from mlsd.metrics import auc, auc_of_group, grouped_auc, ndcg_of_group, rows_in_mixed_groups
from mlsd.runtime import InputError


@pytest.fixture(params=[8, 1], ids=["distinct", "tied"])
def sample(request):
    random = np.random.default_rng(5)
    users = random.integers(0, 300, 3_000)
    p = (random.beta(1, 8, 3_000) + 0.3 * random.random(300)[users]).round(request.param)
    return (random.random(3_000) < p).astype(int), p, users


def by_loop(y, p, users):
    total, weight = 0.0, 0
    for user in np.unique(users):
        rows = users == user
        if 0 < y[rows].sum() < rows.sum():
            total += rows.sum() * roc_auc_score(y[rows], p[rows])
            weight += rows.sum()
    return total / weight


def test_hand_computed_value():
    # ann: 2 of 2 pairs, 3 rows; bob: a tie, 2 rows; cid has no 1 and is left out.
    y, p = [1, 0, 0, 1, 0, 0], [0.5, 0.1, 0.4, 0.7, 0.7, 0.9]
    users = ["ann", "ann", "ann", "bob", "bob", "cid"]
    assert grouped_auc(y, p, users) == pytest.approx((3 * 1 + 2 * 0.5) / 5)
    assert rows_in_mixed_groups(y, users).tolist() == [True] * 5 + [False]


def test_equal_to_scikit_learn_in_a_loop(sample):
    assert grouped_auc(*sample) == pytest.approx(by_loop(*sample), rel=1e-12)


def test_one_group_is_plain_auc(sample):
    y, p, _ = sample
    assert grouped_auc(y, p, np.zeros(len(y))) == pytest.approx(auc(y, p), rel=1e-12)


def test_what_is_constant_in_a_group_is_worth_nothing(sample):
    y, _, users = sample
    rate = np.bincount(users, y, minlength=300) / np.maximum(np.bincount(users, minlength=300), 1)
    assert auc(y, rate[users]) > 0.6
    assert grouped_auc(y, rate[users], users) == pytest.approx(0.5)


def test_a_shift_of_a_whole_group_changes_nothing(sample):
    y, p, users = sample
    shift = np.random.default_rng(0).integers(-5, 5, 300)[users]
    exact = (p * 2**10).round()
    assert grouped_auc(y, exact + 2**12 * shift, users) == grouped_auc(y, exact, users)


def test_groups_of_one_class_change_nothing(sample):
    y, p, users = sample
    more = [np.r_[y, 1, 1, 0], np.r_[p, 0.1, 0.2, 0.9], np.r_[users, 900, 900, 901]]
    assert grouped_auc(*more) == pytest.approx(grouped_auc(*sample), rel=1e-12)
    assert not rows_in_mixed_groups(more[0], more[2])[-3:].any()


def test_neither_order_nor_names_of_groups_play_a_part(sample):
    y, p, users = sample
    shuffled = np.random.default_rng(1).permutation(len(y))
    names = pd.Series([f"user {user}" for user in users[shuffled]])
    expected = pytest.approx(grouped_auc(*sample), rel=1e-12)
    assert grouped_auc(y[shuffled], p[shuffled], names) == expected


@pytest.mark.parametrize(
    ("y", "p", "groups", "message"),
    [
        ([0, 1], [0.1, 0.2], [1, 2], "none of 2 groups holds both"),
        ([0, 1], [0.1, 0.2], [1], "groups has shape"),
        ([0, 1], [0.1, 0.2], ["a", None], r"groups\[1\] is missing"),
        ([0, 1], [0.1, 0.2], [np.nan, 1.0], r"groups\[0\] is missing"),
        ([0, 2], [0.1, 0.2], [1, 1], "labels have to be 0 or 1"),
        ([0, 1], [0.1, np.inf], [1, 1], r"p\[1\] is inf"),
        ([], [], [], "y is empty"),
    ],
)
def test_bad_input_is_named(y, p, groups, message):
    with pytest.raises(InputError, match=message):
        grouped_auc(y, p, groups)


def test_the_rows_of_a_group_share_its_auc(sample):
    y, p, users = sample
    by_row = auc_of_group(y, p, users)
    np.testing.assert_array_equal(np.isfinite(by_row), rows_in_mixed_groups(y, users))
    user = users[np.isfinite(by_row)][0]
    rows = users == user
    np.testing.assert_allclose(by_row[rows], roc_auc_score(y[rows], p[rows]))


def test_ndcg_of_a_group_is_what_it_is_by_hand():
    gain, score = [3.0, 0.0, 1.0, 0.0, 0.0], [0.1, 0.9, 0.5, 0.2, 0.3]
    group = [7, 7, 7, 8, 8]
    found = ndcg_of_group(gain, score, group, k=3)
    best = 3 + 1 / np.log2(3)
    np.testing.assert_allclose(found, [(1 / np.log2(3) + 3 / 2) / best, np.nan])
    np.testing.assert_allclose(ndcg_of_group(gain, score, group, k=1)[0], 0.0)


def test_ndcg_does_not_depend_on_the_order_of_rows_that_tie():
    gain, score, group = np.array([1.0, 0.0, 0.0]), np.zeros(3), np.zeros(3, int)
    values = [ndcg_of_group(np.roll(gain, shift), score, group, k=2)[0] for shift in range(3)]
    np.testing.assert_allclose(values, (1 + 1 / np.log2(3)) / 3)


@pytest.mark.parametrize(
    "wrong", [([1, 2], [0.1], [1]), ([-1.0], [0.1], [1]), ([1], [np.nan], [1])]
)
def test_gains_that_are_none_are_refused(wrong):
    with pytest.raises(InputError):
        ndcg_of_group(*wrong, k=2)

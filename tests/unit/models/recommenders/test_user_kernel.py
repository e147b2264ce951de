"""Kernel ridge regression over users: leaving one out is refitting without them."""

import numpy as np
import pandas as pd
import pytest

from mlsd.models import UserKernelRecommender
from mlsd.runtime import InputError


def random_dense(users=30, items=12, seed=0):
    rng = np.random.default_rng(seed)
    dense = rng.random((users, items)) < rng.uniform(0.2, 0.6, items)
    dense[np.arange(users), np.arange(users) % items] = True
    return dense.astype(float)


def as_log(dense):
    user, item = dense.nonzero()
    return pd.DataFrame({"user_id": user, "item_id": item})


def by_hand(dense, target, sharpness, l2, power):
    scale = dense.sum(axis=0) ** -power

    def unit(rows):
        return rows * scale / np.linalg.norm(rows * scale, axis=-1, keepdims=True)

    kernel = np.exp(sharpness * (unit(dense) @ unit(dense).T - 1))
    near = np.exp(sharpness * (unit(target) @ unit(dense).T - 1))
    return near @ np.linalg.solve(kernel + l2 * np.eye(len(dense)), dense)


def test_a_history_scores_by_the_formula():
    dense = random_dense()
    model = UserKernelRecommender(sharpness=2.0, l2=0.5, input_power=0.3).fit(as_log(dense))
    target = np.zeros(12)
    target[[2, 5]] = 1
    found = model.score_table([99], histories=np.array([[5, 2, -1]]))[0]
    np.testing.assert_allclose(found, by_hand(dense, target, 2.0, 0.5, 0.3), rtol=1e-4)


def test_a_user_of_the_training_is_predicted_by_a_fit_without_them():
    dense = random_dense()
    # Without popularity in the kernel nothing else changes when a user leaves.
    table = UserKernelRecommender(l2=0.5, input_power=0.0).fit(as_log(dense)).score_table(range(30))
    for user in range(30):
        expected = by_hand(np.delete(dense, user, axis=0), dense[user], 3.0, 0.5, 0.0)
        np.testing.assert_allclose(table[user], expected, rtol=1e-3, atol=1e-4)


def test_those_outside_the_sample_are_scored_by_their_rows():
    dense = random_dense()
    model = UserKernelRecommender(max_users=20).fit(as_log(dense))
    outside = np.setdiff1d(np.arange(30), model.anchors_)
    histories = np.where(dense > 0, np.arange(12), -1)[outside]
    assert len(outside) == 10
    told = model.score_table(outside + 100, histories=histories)
    np.testing.assert_allclose(model.score_table(range(30))[outside], told, rtol=1e-5)


def test_popularity_can_be_divided_out_of_the_scores():
    dense = random_dense()
    plain, divided = (UserKernelRecommender(item_power=p).fit(as_log(dense)) for p in (0.0, 0.5))
    expected = plain.score_table([3]) / dense.sum(axis=0) ** 0.5
    np.testing.assert_allclose(divided.score_table([3]), expected, rtol=1e-5)


def test_arguments_out_of_range_are_named():
    with pytest.raises(InputError, match="l2 is 0"):
        UserKernelRecommender(l2=0).fit(as_log(random_dense()))

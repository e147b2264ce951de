"""Alternating least squares against dense solves, and what each of its terms is for."""

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from mlsd.models import ImplicitALSRecommender
from mlsd.models.recommenders.ials import solve_side, spectral_start
from mlsd.runtime import InputError


def random_log(seed=0, users=25, items=14):
    rng = np.random.default_rng(seed)
    dense = np.where(rng.random((users, items)) < 0.3, rng.uniform(0.5, 2.0, (users, items)), 0)
    dense[np.arange(users), np.arange(users) % items] = 1.0
    user, item = dense.nonzero()
    log = pd.DataFrame({"user_id": user, "item_id": item, "weight": dense[user, item]})
    return log, dense


def loss(model, dense, p, q):
    worth = dense.sum(axis=1) ** -model.user_power
    worth /= worth.mean()
    fit = dense * (1 - p @ q.T) ** 2 + model.unobserved * (p @ q.T) ** 2
    of_users = dense.sum(axis=1) + model.unobserved * dense.shape[1]
    of_items = worth @ dense + model.unobserved * dense.shape[0]
    power = model.frequency_power
    by_user = fit.sum(axis=1) + model.l2 * of_users**power * (p * p).sum(axis=1)
    return worth @ by_user + model.l2 * of_items**power @ (q * q).sum(axis=1)


@pytest.mark.parametrize("dim", [1, 4, 9])
def test_one_side_is_the_dense_least_squares(dim):
    _, dense = random_log()
    dense[3] = 0
    rng = np.random.default_rng(1)
    fixed, worth = rng.normal(size=(14, dim)), rng.uniform(1, 2, 14)
    penalties, counts = rng.uniform(1, 2, 25), (dense > 0).sum(axis=1)
    assert dim != 4 or (counts < dim).any() and (counts > dim).any()
    found = solve_side(
        fixed.astype(np.float32),
        sparse.csr_array(dense.astype(np.float32)),
        unobserved=0.3,
        penalties=penalties,
        worth=worth,
    )
    for row in range(25):
        left = fixed.T @ np.diag(worth * (dense[row] + 0.3)) @ fixed + penalties[row] * np.eye(dim)
        expected = np.linalg.solve(left, fixed.T @ (worth * dense[row]))
        np.testing.assert_allclose(found[row], expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("powers", [(1.0, 0.0), (0.0, 0.0), (0.5, 0.7)])
def test_it_ends_where_the_stated_loss_is_least(powers):
    log, dense = random_log()
    frequency_power, user_power = powers
    options = {"frequency_power": frequency_power, "user_power": user_power}
    model = ImplicitALSRecommender(dim=3, epochs=200, l2=0.1, **options).fit(log)
    sides = [v.astype(float) for v in (model.user_vectors_, model.item_vectors_)]
    for vectors in sides:
        for place in np.ndindex(vectors.shape):
            kept, values = vectors[place], []
            for step in (-1e-3, 1e-3):
                vectors[place] = kept + step
                values.append(loss(model, dense, *sides))
            vectors[place] = kept
            assert values[1] - values[0] == pytest.approx(0, abs=2e-3 * 2e-3)


def test_every_round_lowers_the_loss():
    log, dense = random_log()
    models = [ImplicitALSRecommender(dim=3, epochs=n, user_power=0.5).fit(log) for n in (1, 2, 4)]
    values = [loss(m, dense, m.user_vectors_, m.item_vectors_) for m in models]
    assert values[0] > values[1] > values[2]


def test_the_weight_of_an_interaction_counts_like_its_repetition():
    log, _ = random_log()
    twice = ImplicitALSRecommender(dim=3).fit(log.assign(weight=2.0))
    repeated = pd.concat([log.assign(weight=1.0)] * 2)
    np.testing.assert_allclose(
        twice.score_table([3]), ImplicitALSRecommender(dim=3).fit(repeated).score_table([3])
    )


def test_folding_in_the_own_history_finds_the_own_vector():
    log = random_log()[0].drop(columns="weight")
    model = ImplicitALSRecommender(dim=4).fit(log)
    own = log.groupby("user_id")["item_id"].agg(list)
    histories = np.full((25, 14), -1)
    for user, items in own.items():
        histories[user, : len(items)] = items
    told = model.score_table(np.arange(100, 125), histories=histories)
    np.testing.assert_allclose(told, model.score_table(np.arange(25)), rtol=1e-4, atol=1e-5)


def test_popularity_can_be_divided_out():
    log = random_log()[0].drop(columns="weight")
    plain, divided = (ImplicitALSRecommender(dim=4, item_power=p).fit(log) for p in (0, 0.5))
    expected = plain.score_table([0]) / log.groupby("item_id").size().to_numpy() ** 0.5
    np.testing.assert_allclose(divided.score_table([0]), expected, rtol=1e-5)


def test_the_seed_decides_and_bad_arguments_are_named():
    log, _ = random_log()
    one, two, three = (
        ImplicitALSRecommender(dim=3, epochs=1, random_state=s).fit(log).user_vectors_
        for s in (0, 0, 1)
    )
    np.testing.assert_array_equal(one, two)
    assert not np.allclose(one, three)
    with pytest.raises(InputError, match="unobserved is 0; give a number above 0"):
        ImplicitALSRecommender(unobserved=0).fit(log)


def test_it_starts_from_the_leading_singular_vectors():
    _, dense = random_log()
    start = spectral_start(sparse.csr_array(dense), 3, np.random.default_rng(0), rounds=30)
    u, s, _ = np.linalg.svd(dense)
    cosines = np.abs((start.T / np.linalg.norm(start, axis=0)[:, None]) @ u[:, :3])
    np.testing.assert_allclose(cosines.max(axis=0), 1, atol=1e-3)
    np.testing.assert_allclose(np.sort((start**2).sum(axis=0)), np.sort(s[:3]), rtol=1e-2)


def test_more_vectors_than_the_matrix_has_rank():
    log, _ = random_log()
    assert np.isfinite(ImplicitALSRecommender(dim=40).fit(log).score_table([0])).all()

"""User vectors of one training with item vectors of another."""

import numpy as np
import pandas as pd
import pytest

from mlsd.lab_support.video.mixed_versions import mixed_versions, turned_axes
from mlsd.models import BPRRecommender, ImplicitALSRecommender
from mlsd.runtime import InputError


@pytest.fixture(scope="module")
def log():
    """Return two camps of users, each with ten items of its own."""
    rng = np.random.default_rng(0)
    user = np.repeat(np.arange(200), 6)
    return pd.DataFrame(
        {"user_id": user, "item_id": rng.integers(0, 10, len(user)) + user % 2 * 10}
    )


def own_camp(model):
    """Return the share of recommended items that are of the user's camp."""
    users = np.arange(200)
    items, _ = model.recommend(users, 3, exclude_seen=False)
    return (items // 10 == users[:, None] % 2).mean()


@pytest.mark.parametrize("kind", [BPRRecommender, ImplicitALSRecommender])
def test_turned_axes_make_a_mix_arbitrary(log, kind):
    one = kind(dim=8, random_state=0).fit(log)
    assert own_camp(one) > 0.95
    assert own_camp(mixed_versions(one, one)) > 0.95
    turned = [mixed_versions(one, one, axes=turned_axes(8, seed)) for seed in range(8)]
    assert np.mean([own_camp(each) for each in turned]) < 0.75


def test_users_unknown_to_the_first_keep_the_vectors_of_the_second(log):
    first = ImplicitALSRecommender(dim=4).fit(log[log["user_id"] < 100])
    second = ImplicitALSRecommender(dim=4).fit(log)
    mixed = mixed_versions(first, second)
    assert np.array_equal(mixed.user_vectors_[100:], second.user_vectors_[100:])
    assert np.array_equal(mixed.user_vectors_[:100], first.user_vectors_)
    assert np.array_equal(mixed.item_vectors_, second.item_vectors_)


def test_trainings_of_two_dimensions_are_refused(log):
    models = [ImplicitALSRecommender(dim=dim).fit(log) for dim in (4, 8)]
    with pytest.raises(InputError, match="4 and 8 dimensions"):
        mixed_versions(*models)

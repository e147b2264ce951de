import numpy as np
import pytest

from mlsd.retrieval import FlatIndex, VersionedIndex, WrongVersionError, embedding_version


def turned(seed, width=8):
    """A rotation, such as lies between the axes of two trainings."""
    return np.linalg.qr(np.random.default_rng(seed).normal(size=(width, width)))[0]


def test_two_trainings_score_alike_and_do_not_mix():
    rng = np.random.default_rng(0)
    items, users = rng.normal(size=(50, 8)), rng.normal(size=(20, 8))
    ids = np.arange(50)
    version = embedding_version(items, ids)
    old = VersionedIndex(FlatIndex().build(items, ids), version)
    new_items, new_users = items @ turned(1), users @ turned(1)
    new = VersionedIndex(FlatIndex().build(new_items, ids), embedding_version(new_items, ids))
    assert new.version != version
    found = old.search(users, 5, version=version)[0]
    np.testing.assert_array_equal(found, new.search(new_users, 5, version=new.version)[0])
    with pytest.raises(WrongVersionError, match="swap index and model together"):
        old.search(new_users, 5, version=new.version)
    mixed = old.index.search(new_users, 5)[0]
    assert (mixed[:, 0] == found[:, 0]).mean() < 0.3


def test_the_version_knows_vectors_and_items():
    items, ids = np.arange(6.0).reshape(3, 2), np.array([1, 2, 3])
    version = embedding_version(items, ids)
    assert version == embedding_version(items.copy(), ids.copy())
    assert version != embedding_version(items + 1e-6, ids)
    assert version != embedding_version(items, ids[::-1])
    assert version != embedding_version(items.reshape(2, 3), ids[:2])


def test_filters_pass_through():
    index = VersionedIndex(FlatIndex().build(np.eye(4), np.arange(4)), "v1")
    search = {"version": "v1", "allowed": np.array([2])}
    assert index.search(np.eye(4)[:1], 1, **search)[0] == 2
    after = index.search(np.eye(4)[:1], 1, **search, when="after", over_fetch=1)
    assert after[0] == -1

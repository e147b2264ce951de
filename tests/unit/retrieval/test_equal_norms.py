import numpy as np
import pytest

from mlsd.retrieval import (
    EqualNormsIndex,
    FlatIndex,
    IVFIndex,
    PQIndex,
    index_recall,
    with_equal_norms,
)
from mlsd.runtime import InputError

K = 10


@pytest.fixture(scope="module")
def skewed():
    """Vectors whose norms spread over two orders of magnitude, and queries."""
    rng = np.random.default_rng(0)
    directions = rng.normal(size=(2_000, 16))
    return directions * rng.lognormal(0, 1.2, (2_000, 1)), rng.normal(size=(50, 16))


def test_the_nearest_are_those_of_the_largest_inner_product(skewed):
    vectors, queries = skewed
    wide = with_equal_norms(vectors)
    norms = np.linalg.norm(wide, axis=1)
    np.testing.assert_allclose(norms, norms[0], rtol=1e-5)
    distances = ((np.pad(queries, ((0, 0), (0, 1)))[:, None] - wide) ** 2).sum(axis=2)
    np.testing.assert_array_equal(
        np.argsort(distances, axis=1)[:, 0], np.argmax(queries @ vectors.T, axis=1)
    )


def test_clusters_find_more_once_norms_are_equal(skewed):
    vectors, queries = skewed
    ids = np.arange(len(vectors))
    flat = FlatIndex().build(vectors, ids)
    plain = IVFIndex(clusters=40, probes=4).build(vectors, ids)
    equal = EqualNormsIndex(index=IVFIndex(clusters=40, probes=4)).build(vectors, ids)
    found = index_recall(equal, flat, queries, K)
    assert found > index_recall(plain, flat, queries, K) + 0.05
    exact = EqualNormsIndex(index=FlatIndex()).build(vectors, ids)
    assert index_recall(exact, flat, queries, K) == 1
    few = ids[::7]
    assert index_recall(exact, flat, queries, K, allowed=few) == 1
    assert exact.cost(queries, K, allowed=few).vectors == len(few)
    assert len(equal) == len(vectors)


def test_zeros_fill_up_to_a_width_that_codes_need(skewed):
    vectors, queries = skewed
    codes = PQIndex(subvectors=6, bits=4)
    index = EqualNormsIndex(index=codes, multiple=6).build(vectors, np.arange(len(vectors)))
    assert codes.width_ == 18
    assert index.search(queries, 3)[0].shape == (50, 3)
    assert index.memory_bytes == codes.memory_bytes


def test_bad_input_is_one_clear_line(skewed):
    vectors, queries = skewed
    index = EqualNormsIndex(index=FlatIndex())
    with pytest.raises(InputError, match="call build first"):
        index.search(queries, 1)
    with pytest.raises(InputError, match="one row for each"):
        index.build(vectors[0], np.arange(16))
    index.build(vectors, np.arange(len(vectors)))
    with pytest.raises(InputError, match="holds vectors of 16"):
        index.search(queries[:, :3], 1)

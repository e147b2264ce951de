import numpy as np
import pytest

from mlsd.lab_support.video.vector_corpora import grown_corpus, structureless_corpus


@pytest.fixture(scope="module")
def learned():
    """Vectors in four bundles, with norms over two orders of magnitude, and one of zeros."""
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(4, 16))
    directions = centres[rng.integers(0, 4, 800)] + 0.3 * rng.normal(size=(800, 16))
    vectors = directions * rng.lognormal(-2, 1, (800, 1))
    return np.vstack([vectors, np.zeros((1, 16))])


def test_a_grown_corpus_keeps_norms_spread_and_neighbourhoods(learned):
    grown, parent = grown_corpus(learned, 20_000, seed=1, groups=8)
    assert parent.max() < 800
    norms, real = np.linalg.norm(grown, axis=1), np.linalg.norm(learned[:800], axis=1)
    shares = [0.1, 0.5, 0.9, 0.99]
    np.testing.assert_allclose(np.quantile(norms, shares), np.quantile(real, shares), rtol=0.1)
    spectrum = [
        np.linalg.eigvalsh(np.cov((v / np.linalg.norm(v, axis=1, keepdims=True)).T))[::-1][:3]
        for v in (grown, learned[:800])
    ]
    np.testing.assert_allclose(*spectrum, rtol=0.15)
    cosine = (grown * learned[parent]).sum(axis=1) / norms / real[parent]
    assert np.median(cosine) > 0.8
    assert len(np.unique(grown, axis=0)) == 20_000


def test_a_corpus_is_that_of_its_seed(learned):
    one, other = (grown_corpus(learned, 50, seed=seed)[0] for seed in (3, 4))
    np.testing.assert_array_equal(one, grown_corpus(learned, 50, seed=3)[0])
    assert not np.array_equal(one, other)
    np.testing.assert_array_equal(structureless_corpus(9, 4, 5), structureless_corpus(9, 4, 5))

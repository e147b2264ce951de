import numpy as np
from scipy import stats

from mlsd.worlds.kit.luck import generator, hashed_uniform

KEYS = np.arange(50_000)


def test_hashed_numbers_are_uniform():
    assert stats.kstest(hashed_uniform(7, "clicks", KEYS), "uniform").pvalue > 0.001


def test_luck_depends_on_seed_stream_and_key_alone():
    base = hashed_uniform(7, "clicks", KEYS)
    np.testing.assert_array_equal(hashed_uniform(7, "clicks", KEYS[::-1])[::-1], base)
    for other in (hashed_uniform(8, "clicks", KEYS), hashed_uniform(7, "delay", KEYS)):
        assert abs(np.corrcoef(base, other)[0, 1]) < 0.02


def test_neighbouring_keys_are_unrelated():
    numbers = hashed_uniform(7, "clicks", KEYS)
    assert abs(np.corrcoef(numbers[1:], numbers[:-1])[0, 1]) < 0.02


def test_generators_differ_by_key():
    assert generator(1, "day", 2).random() == generator(1, "day", 2).random()
    assert generator(1, "day", 2).random() != generator(1, "day", 3).random()


def test_generators_differ_by_seed_and_stream():
    numbers = [generator(*about).random() for about in ((1, "day", 2), (2, "day", 2), (1, "x", 2))]
    assert len(set(numbers)) == 3

"""The cache: what it holds, for how long, and whom it sends away."""

import pytest

from mlsd.runtime import InputError
from mlsd.serving import TTLCache


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


def make(clock, **changes):
    loaded = []

    def load(key):
        loaded.append(key)
        return len(loaded)

    return TTLCache(load, **{"capacity": 2, "seconds": 10.0, "clock": clock, **changes}), loaded


def test_a_second_question_is_a_hit(clock):
    cache, loaded = make(clock)
    assert (cache.get("a"), cache.get("a")) == (1, 1)
    assert (cache.hits, cache.misses, cache.expired, loaded) == (1, 1, 0, ["a"])


def test_a_value_expires_after_its_time_and_is_loaded_again(clock):
    cache, loaded = make(clock)
    cache.get("a")
    clock.now = 9.999
    assert cache.get("a") == 1
    clock.now = 10.0
    assert cache.get("a") == 2
    assert (cache.hits, cache.misses, cache.expired) == (1, 2, 1)
    clock.now = 19.0
    assert cache.get("a") == 2
    assert loaded == ["a", "a"]


def test_the_least_recently_used_key_makes_room(clock):
    cache, loaded = make(clock)
    for key in ("a", "b", "a", "c", "a", "b"):
        cache.get(key)
    assert loaded == ["a", "b", "c", "b"]
    assert len(cache) == 2


def test_a_value_that_is_none_is_a_hit(clock):
    cache = TTLCache(lambda key: None, capacity=1, seconds=1.0, clock=clock)
    assert cache.get("a") is cache.get("a") is None
    assert cache.hits == 1


def test_a_failing_load_leaves_nothing_behind(clock):
    cache = TTLCache({}.__getitem__, capacity=1, seconds=1.0, clock=clock)
    with pytest.raises(KeyError):
        cache.get("a")
    assert len(cache) == 0


@pytest.mark.parametrize("wrong", [{"capacity": 0}, {"seconds": 0.0}])
def test_limits_have_to_be_positive(clock, wrong):
    with pytest.raises(InputError, match="above 0"):
        make(clock, **wrong)

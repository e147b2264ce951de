"""The policy that made the history: propensities are what they say."""

import numpy as np
import pytest

from mlsd.worlds.video import FeedRequests, LoggingPolicy, VideoWorld
from mlsd.worlds.video.logging_policy import FRESH, RANDOM, RELATED, TRENDING
from mlsd.worlds.video.sources import Corpus, Related, contains

REQUESTS = 30_000


@pytest.fixture(scope="module")
def drawn():
    """Many requests that differ by nothing but their number: one viewer with a past."""
    policy = LoggingPolicy(5, candidates=9)
    videos = 40
    policy._grow(videos)
    policy.topic[:] = np.arange(videos) % 4
    policy._uploaded[:] = -np.inf
    policy._uploaded[35:] = 0.0
    policy._watched[:] = np.arange(videos) ** 2
    context = {
        "age_band": np.ones(REQUESTS, np.int8),
        "country": np.ones(REQUESTS, np.int8),
    }
    requests = FeedRequests(
        np.full(REQUESTS, 3_600.0),
        np.arange(REQUESTS),
        context,
        slots=3,
        live=np.arange(1, videos),
        shown=np.tile([[7, 39]], (REQUESTS, 1)),
        recent=lambda length: np.tile([[-1] * (length - 2) + [4, 9]], (REQUESTS, 1)),
    )
    return policy.act(requests)


@pytest.mark.parametrize("slot", [0, 1, 2])
def test_weighing_by_propensity_makes_every_video_count_alike(drawn, slot):
    """The mean over requests of 1 / propensity, where a video was drawn, is one for each video."""
    item, propensity = drawn.items[:, slot], drawn.propensity[:, slot]
    allowed = np.setdiff1d(np.arange(1, 40), [7, 39])
    above = (drawn.items[:, :slot, None] == allowed).any(axis=1)
    possible = REQUESTS - above.sum(axis=0)
    weight = np.bincount(item, 1 / propensity, 40)[allowed] / possible
    spread = np.sqrt(np.bincount(item, 1 / propensity**2, 40)[allowed]) / possible
    assert (np.abs(weight - 1) < 4.5 * spread).all()


def test_no_slate_repeats_a_video_or_shows_what_the_session_has_seen(drawn):
    ordered = np.sort(drawn.candidates, axis=1)
    assert (ordered[:, 1:] > ordered[:, :-1]).all()
    assert not np.isin(drawn.items, [0, 7, 39]).any()


def test_every_source_is_used_and_named(drawn):
    shares = np.bincount(drawn.source[:, 0], minlength=4) / REQUESTS
    assert shares[TRENDING] > 0.45
    assert abs(shares[RELATED] - 0.35 * (1 - 0.5 * 1 / 10 - 0.5 * 0 / 10)) < 0.03
    assert 0.05 < shares[FRESH] < 0.1
    assert 0.09 < shares[RANDOM] < 0.1
    assert np.isin(drawn.items[drawn.source == RELATED] % 4, [0, 1]).all()
    assert (drawn.items[drawn.source == FRESH] >= 35).all()


def test_an_empty_corpus_draws_nothing():
    empty = Corpus(np.zeros(0, int), 5)
    assert empty.draw(np.array([0]), np.array([0.3])).tolist() == [-1]
    assert empty.nothing(2).tolist() == [1, 1]


def test_related_videos_share_a_topic_with_what_was_started():
    related = Related(np.array([[-1, 2], [-1, -1]]), np.array([0, 1, 2, 3]), np.array([0, 2, 2, 1]))
    places = np.linspace(0, 0.999, 50)
    drawn = related.draw(np.zeros(50, int), places)
    assert set(drawn) == {1, 2}
    assert related.draw(np.array([1]), np.array([0.5])).tolist() == [-1]
    assert related.nothing(2).tolist() == [0, 1]
    assert related.mass(np.array([[1, 3], [1, 3]])).tolist() == [[0.5, 0], [0, 0]]


def test_contains_finds_each_rows_own():
    assert contains(np.array([[1], [2]]), np.array([[1, 2], [1, 2]])).tolist() == [
        [True, False],
        [False, True],
    ]


def test_logged_propensities_of_a_world_lie_between_zero_and_one():
    shown = VideoWorld(1, size="small").history(2).impressions
    assert shown["propensity"].between(0, 1, inclusive="right").all()

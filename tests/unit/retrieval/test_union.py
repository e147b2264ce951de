"""Lists of several sources merged by hand."""

import numpy as np
import pytest

from mlsd.retrieval import CandidateUnion, union_recall
from mlsd.runtime import InputError

NAN = np.nan


class Listed:
    """A recommender with given lists."""

    def __init__(self, lists, scores):
        self.lists, self.scores = np.array(lists), np.array(scores, float)

    def recommend(self, user_ids, k, *, exclude_seen, candidates, histories):
        self.asked = {"candidates": candidates, "histories": histories, "seen": exclude_seen}
        return self.lists[user_ids, :k], self.scores[user_ids, :k]


@pytest.fixture
def sources():
    return {
        "popular": Listed([[1, 2, 3], [1, 2, -1]], [[9, 8, 7], [9, 8, -np.inf]]),
        "similar": Listed([[3, 1, 4], [-1, -1, -1]], [[0.3, 0.2, 0.1], [-np.inf] * 3]),
    }


def test_items_stand_once_by_their_best_rank_and_the_earlier_source_first(sources):
    found = CandidateUnion(sources, per_source=3).collect(np.array([0, 1]))
    assert found.items.tolist() == [[1, 3, 2, 4], [1, 2, -1, -1]]
    assert found.counts.tolist() == [4, 2]
    assert found.ranks[0].tolist() == [[0, 1], [2, 0], [1, -1], [-1, 2]]
    np.testing.assert_allclose(found.scores[0], [[9, 0.2], [7, 0.3], [8, NAN], [NAN, 0.1]])
    assert (found.ranks[1, 2:] == -1).all()
    assert found.first_source.tolist()[0] == [0, 1, 0, 1]


def test_shorter_lists_and_fewer_sources_are_read_from_one_collection(sources):
    found = CandidateUnion(sources, per_source=3).collect(np.array([0]))
    assert found.up_to(1).tolist() == [[1, 3, -1, -1]]
    assert found.up_to(3, ("similar",)).tolist() == [[1, 3, -1, 4]]
    assert found.keep(2).items.tolist() == [[1, 3]]
    short = CandidateUnion(sources, per_source=1).collect(np.array([0]))
    assert short.items.tolist() == [[1, 3]]


def test_all_sources_are_asked_the_same(sources):
    live, past = np.arange(9), np.zeros((2, 1), int)
    CandidateUnion(sources).collect(
        np.array([0, 1]), candidates=live, histories=past, exclude_seen=False
    )
    for source in sources.values():
        assert source.asked == {"candidates": live, "histories": past, "seen": False}


def test_recall_is_the_share_of_what_was_relevant():
    found = np.array([[1, 2, -1], [5, 6, 7], [-1, -1, -1]])
    recall = union_recall(found, [np.array([2, 9]), np.array([], int), np.array([3])])
    np.testing.assert_array_equal(recall, [0.5, NAN, 0.0])
    with pytest.raises(InputError, match="3 users and relevant 1"):
        union_recall(found, [np.array([2])])


def test_nothing_to_ask_is_refused(sources):
    with pytest.raises(InputError, match="there is no source"):
        CandidateUnion({})
    with pytest.raises(InputError, match="per_source is 0"):
        CandidateUnion(sources, per_source=0)


def test_ranks_of_sources_fuse_by_their_reciprocals_from_one_on(sources):
    found = CandidateUnion(sources, per_source=3).collect(np.array([0, 1]))
    # Items 1, 3, 2 and 4; the second user has 1 and 2, from one source.
    by_hand = [[1 / 61 + 1 / 62, 1 / 63 + 1 / 61, 1 / 62, 1 / 63], [1 / 61, 1 / 62, 0, 0]]
    np.testing.assert_allclose(found.fused(), by_hand, rtol=1e-12)

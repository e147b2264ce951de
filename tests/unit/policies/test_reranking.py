"""Re-ranking against hand-made slates, brute force and its limits."""

from itertools import permutations

import numpy as np
import pytest

from mlsd.policies.reranking import (
    capped,
    greedy_determinant,
    maximal_marginal_relevance,
    standardised,
    top_scores,
    with_reserved_slots,
)


@pytest.fixture
def candidates():
    draw = np.random.default_rng(3)
    vectors = draw.normal(size=(6, 9, 4))
    vectors /= np.linalg.norm(vectors, axis=2, keepdims=True)
    return draw.random((6, 9)), vectors


def kernel_of(quality, vectors, ridge=1e-6):
    gram = vectors @ vectors.T + ridge * np.eye(len(vectors))
    return quality[:, None] * gram * quality


def test_relevance_alone_is_the_order_of_the_scores(candidates):
    scores, vectors = candidates
    mmr = maximal_marginal_relevance(scores, vectors, 5, relevance=1.0)
    assert np.array_equal(mmr, top_scores(scores, 5))


def test_marginal_relevance_is_the_loop_of_its_definition(candidates):
    scores, vectors = candidates
    chosen = maximal_marginal_relevance(scores, vectors, 5, relevance=0.6)
    for row, (score, vector) in enumerate(zip(scores, vectors)):
        expected = [int(score.argmax())]
        while len(expected) < 5:
            gain = 0.6 * score - 0.4 * (vector @ vector[expected].T).max(axis=1)
            gain[expected] = -np.inf
            expected.append(int(gain.argmax()))
        assert chosen[row].tolist() == expected


def test_what_was_shown_before_is_avoided():
    scores = np.array([[0.9, 0.6]])
    vectors = np.array([[[1.0, 0.0], [0.0, 1.0]]])
    shown = np.array([[[1.0, 0.0]]])
    assert maximal_marginal_relevance(scores, vectors, 1, relevance=0.5).tolist() == [[0]]
    chosen = maximal_marginal_relevance(scores, vectors, 1, relevance=0.5, above=shown)
    assert chosen.tolist() == [[1]]


def test_what_cannot_be_shown_is_never_chosen(candidates):
    scores, vectors = candidates
    gone = np.zeros(scores.shape, bool)
    gone[:, ::2] = True
    allowed = {1, 3, 5, 7}
    masked = np.where(gone, -np.inf, scores)
    assert set(maximal_marginal_relevance(masked, vectors, 4, relevance=0.3).ravel()) == allowed
    assert set(greedy_determinant(np.where(gone, 0, scores), vectors, 4).ravel()) == allowed


def test_without_a_weight_for_scores_only_unlikeness_counts():
    scores = np.array([[0.9, -np.inf, 0.8, 0.1]])
    vectors = np.array([[[1.0, 0.0], [0.0, 1.0], [1.0, 0.0], [0.0, 1.0]]])
    assert maximal_marginal_relevance(scores, vectors, 2, relevance=0.0).tolist() == [[0, 3]]


def test_each_greedy_step_multiplies_the_determinant_most(candidates):
    quality, vectors = candidates
    chosen = greedy_determinant(quality, vectors, 4)
    for row in range(len(quality)):
        kernel = kernel_of(quality[row], vectors[row])
        slate = []
        for _ in range(4):
            others = [place for place in range(9) if place not in slate]
            volumes = [
                np.linalg.det(kernel[np.ix_(slate + [each], slate + [each])]) for each in others
            ]
            slate.append(others[int(np.argmax(volumes))])
        assert chosen[row].tolist() == slate


def test_orthogonal_items_are_chosen_by_quality():
    quality = np.array([[0.2, 0.9, 0.5, 0.7]])
    assert greedy_determinant(quality, np.eye(4)[None], 4).tolist() == [[1, 3, 2, 0]]


def test_more_slots_than_directions_still_fill_the_slate():
    quality = np.array([[0.9, 0.8, 0.7, 0.6]])
    vectors = np.array([[[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 1.0]]])
    chosen = greedy_determinant(quality, vectors, 4)
    assert chosen[0, :2].tolist() == [0, 2]
    assert sorted(chosen[0].tolist()) == [0, 1, 2, 3]


def test_a_cap_keeps_the_best_slate_that_obeys_it():
    draw = np.random.default_rng(5)
    scores, creator = draw.random((8, 7)), draw.integers(0, 4, (8, 7))
    slates = capped(top_scores(scores, 7), creator, 3, cap=1)
    for row in range(8):
        if len(set(creator[row])) < 3:
            continue
        obeying = [
            places
            for places in permutations(range(7), 3)
            if len(set(creator[row, list(places)])) == 3
        ]
        best = max(obeying, key=lambda places: scores[row, list(places)].sum())
        assert set(slates[row]) == set(best)


def test_too_few_groups_fill_the_slate_in_order():
    assert capped(np.array([[2, 0, 1]]), np.array([[5, 5, 5]]), 3, cap=1).tolist() == [[2, 0, 1]]


def test_reserved_slots_take_only_what_is_new_to_the_slate():
    slates = with_reserved_slots(
        np.array([[1, 2, 3], [1, 2, 3], [1, 2, 3]]), np.array([[8], [2], [-1]]), (2,)
    )
    assert slates.tolist() == [[1, 2, 8], [1, 2, 3], [1, 2, 3]]


def test_a_determinant_outlives_the_span_of_its_vectors():
    rng = np.random.default_rng(0)
    quality = np.exp(rng.normal(0, 1, (50, 30)))
    vectors = np.eye(4, dtype=np.float32)[rng.integers(0, 4, (50, 30))]
    with np.errstate(all="raise"):
        chosen = greedy_determinant(quality, vectors, 12)
    assert all(len(set(row)) == 12 for row in chosen.tolist())
    # Four directions, each once, before any comes again.
    kinds = np.take_along_axis(vectors.argmax(axis=2), chosen[:, :4], axis=1)
    assert all(len(set(row)) == len(set(v)) for row, v in zip(kinds, vectors.argmax(axis=2)))


def test_standardised_scores_leave_out_what_cannot_be_shown():
    scores = np.array([[4.0, 2.0, -np.inf, 0.0], [1.0, 1.0, 1.0, -np.inf], [-np.inf] * 4])
    found = standardised(scores)
    np.testing.assert_allclose(found[0, [0, 1, 3]], [1.5**0.5, 0, -(1.5**0.5)])
    assert found[1, :3].tolist() == [0, 0, 0]
    assert np.isneginf(found[np.isneginf(scores)]).all()

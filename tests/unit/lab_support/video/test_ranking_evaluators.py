"""The evaluators of lab 20: the sound ones agree, and each broken one has the fault it names."""

import numpy as np
import pytest

from mlsd.checks.video.lab_20_evaluators import check_probes
from mlsd.lab_support.video import ranking_evaluators as evaluators
from mlsd.lab_support.video.ranking_evaluators import HeldOut, made_up_log, popularity

TRAIN = np.array([[True, False, False, False], [False, False, True, False]])
LATER = np.array([[False, True, False, False], [True, True, False, True]])
# Evaluators look at ten items at least.
TRAIN, LATER = (np.pad(pairs, ((0, 0), (0, 8))) for pairs in (TRAIN, LATER))
TINY = HeldOut(TRAIN, LATER)


def perfect(train):
    return LATER.astype(float)


def test_a_log_holds_out_what_nobody_had():
    data = made_up_log(4)
    assert not (data.train & data.held_out).any()
    assert data.held_out.any(axis=1).all()
    assert np.array_equal(made_up_log(4).train, data.train)


@pytest.mark.parametrize("evaluator", evaluators.SOUND)
def test_sound_evaluators_know_the_perfect_list(evaluator):
    assert evaluator(perfect, TINY) == pytest.approx(1.0)


def test_sound_evaluators_agree_where_nothing_ties():
    data = made_up_log(4)
    scores = np.random.default_rng(0).random(data.train.shape)
    values = [evaluator(lambda train: scores, data) for evaluator in evaluators.SOUND]
    assert values[0] == pytest.approx(values[1])


def test_what_is_not_recommended_is_no_hit():
    nothing = np.full(TRAIN.shape, -np.inf)
    for evaluator in evaluators.SOUND:
        assert evaluator(lambda train: nothing, TINY) == 0.0


def test_each_fault_shows_where_it_should():
    data = made_up_log(4)
    wanted, had = data.held_out.astype(float), data.train.astype(float)
    assert evaluators.keeps_seen_items(lambda train: wanted + 2 * had, data) < 0.9
    assert evaluators.breaks_ties_for_hits(lambda train: 0 * wanted, data) == pytest.approx(1.0)
    assert evaluators.shows_the_held_out(lambda train: train * 1.0, data) == pytest.approx(1.0)
    assert evaluators.samples_negatives(popularity, data) > evaluators.sound_by_ranks(
        popularity, data
    )
    first = np.eye(wanted.shape[1])[wanted.argmax(axis=1)] * 3 - wanted
    assert evaluators.divides_by_what_was_found(lambda train: first, data) > 0.95


def test_teams_have_all_evaluators_once():
    found = evaluators.teams()
    assert set(found.values()) == {*evaluators.SOUND, *evaluators.BROKEN}


def test_probes_cannot_ask_an_evaluator_what_is_right():
    def borrowed(data):
        noise = np.random.default_rng(0).random(data.train.shape)
        value = evaluators.SOUND[0](lambda train: noise, data)
        return [(lambda train: noise, value - 0.01, value + 0.01)]

    assert "evaluators are on trial" in check_probes(borrowed).message
    assert evaluators.SOUND[0](popularity, made_up_log(1)) > 0

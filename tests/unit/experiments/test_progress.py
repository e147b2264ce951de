"""What is told while a ladder is climbed: each rung, what it cost, and how long the rest takes."""

from dataclasses import replace

import numpy as np
import pytest

from mlsd.cases import find_case
from mlsd.experiments import LogSource, RunStore, run_ladder
from mlsd.experiments.progress import LadderStep, Pace, duration

LADDER = find_case("ad_click").ladder
RUNGS = ("global_rate", "smoothed_ad")


def steps_of(log, **options):
    told = []
    run_ladder(LogSource(log), LADDER, rungs=RUNGS, progress=told.append, **options)
    return told


def test_each_rung_is_told_when_it_begins_and_when_it_has_ended(planted_log):
    told = steps_of(planted_log(), seeds=(0, 1))
    expected = [
        (seed, rung, finished)
        for seed in (0, 1)
        for rung, finished in [(None, False), *((r, f) for r in RUNGS for f in (False, True))]
    ]
    assert [(step.seed, step.rung, step.finished) for step in told] == expected
    ended = [step for step in told if step.finished]
    assert [step.fits for step in ended] == [1, 4, 1, 1]
    assert [step.unseen for step in ended] == [True, False, False, False]
    assert all(0 < step.measured["validation_log_loss"] < 1 for step in ended)
    assert all(step.seconds > 0 for step in ended)
    assert told[0].seconds_left is None
    assert all(step.seconds_left > 0 for step in ended[:-1])
    assert ended[-1].seconds_left is None


def test_a_kept_run_says_so(planted_log, tmp_path):
    for kept in (False, True):
        told = steps_of(planted_log(), seeds=(0,), store=RunStore(tmp_path))
        assert [step.kept for step in told if step.finished] == [kept, kept]
    assert "kept from before" in str(told[-1])


def test_a_step_in_words():
    step = LadderStep(7, "trees", True, 4, 75.0, {"validation_log_loss": 0.25}, seconds_left=30.0)
    assert (
        str(step) == "seed 7: trees, 4 fits in 75 s, validation log loss 0.25000; about 30 s left"
    )
    assert str(LadderStep(7, "oracle", True, measured={"validation_log_loss": np.nan}))[-1] == "s"
    assert str(replace(step, unseen=True)).endswith("; 30 s left or more")
    assert str(LadderStep(7)) == "seed 7: preparing the log"


def test_the_rest_of_a_ladder_that_is_even_is_foretold_exactly():
    """Two seeds, three rungs of four fits of 2 s each and 1 s beside them."""
    pace = Pace(2)
    pace.plan(dict.fromkeys("abc", 4))
    assert pace.left() is None
    left = []
    for seconds in (9.0, 3.0):
        for rung in "abc":
            pace.finish(rung, seconds=seconds, fit_seconds=2.0)
            left.append(pace.left())
    assert left == [27.0, 18.0, 9.0, 6.0, 3.0, 0.0]


def test_a_slow_rung_is_foretold_by_its_own_pace():
    pace = Pace(3)
    pace.plan({"slow": 2, "fast": 2})
    pace.finish("slow", seconds=100.0, fit_seconds=50.0)
    pace.finish("fast", seconds=2.0, fit_seconds=1.0)
    assert pace.left() == pytest.approx(2 * (50 + 1))


def test_kept_runs_are_no_measure_of_those_to_come():
    pace = Pace(2)
    pace.plan({"a": 1, "b": 1})
    pace.finish("a", seconds=0.01, kept=True)
    assert pace.left() is None
    pace.finish("b", seconds=8.0, fit_seconds=8.0)
    assert pace.left() == 16.0


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "1 s"), (31.4, "31 s"), (119.4, "119 s"), (120, "2 min"), (3_599, "1 h 0 min")],
)
def test_seconds_as_a_person_says_them(seconds, text):
    assert duration(seconds) == text

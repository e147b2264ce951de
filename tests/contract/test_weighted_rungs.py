"""Every rung on a log that was thinned: with its weights, it says what the whole log says."""

from dataclasses import replace

import numpy as np
import pytest

from mlsd.cases import find_case
from mlsd.data import Split
from mlsd.experiments import run_ladder, summarise_ladder
from mlsd.experiments.prepared import prepare_log
from mlsd.experiments.rungs import select_rungs
from mlsd.experiments.sources import WorldSource

CASE = find_case("ad_click")
PROTOCOL, RUNGS = CASE.ladder.protocol, CASE.ladder.rungs
KEPT_SHARE = 0.2
CHEAP = ("global_rate", "smoothed_ad", "hashed_lr", "lightgbm", "oracle")


def thin(replicate, *, weighted=True):
    """Keep every click and a fifth of the rest, at random."""
    log = replicate.log
    random = np.random.default_rng(replicate.seed)
    kept = (log.label == 1) | (random.random(len(log.frame)) < KEPT_SHARE)
    place = np.cumsum(kept) - 1
    frame = log.frame[kept].reset_index(drop=True)
    frame = frame.assign(stands_for=np.where(frame["click"] == 1, 1.0, 1 / KEPT_SHARE))
    split = Split(*(place[rows[kept[rows]]] for rows in log.parts().values()), "by time")
    roles = replace(log.roles, weight="stands_for" if weighted else None)
    thinned = replace(log, frame=frame, roles=roles, split=split)
    return replace(replicate, log=thinned, truth=replicate.truth[kept])


@pytest.fixture(scope="module")
def whole():
    return next(iter(CASE.source(size="small", history_days=14).replicates((5,))))


@pytest.fixture(scope="module")
def prepared(whole):
    return prepare_log(thin(whole))


@pytest.mark.parametrize("rung", [r for r in RUNGS if not r.is_oracle], ids=lambda r: r.name)
def test_every_rung_learns_the_level_of_the_whole_log(rung, prepared):
    log = prepared.replicate.log
    fitted = PROTOCOL.fit(rung, prepared, rung.settings(log.roles)[0])
    p = PROTOCOL.predict(fitted, prepared).predictions["probability"]
    level = np.average(p, weights=log.weights[log.split.test])
    rate = np.average(log.label, weights=log.weights)
    # A few thousand rows are few steps for a deep model; without weights it would be 4.7.
    assert 0.7 < level / rate < 2
    assert log.label.mean() / rate > 4.5


def test_a_thinned_log_with_weights_has_the_figures_of_the_whole_one(whole):
    summaries = {
        name: summarise_ladder(
            run_ladder(
                WorldSource(name, lambda seed, make=make: make(whole)),
                CASE.ladder,
                seeds=(5,),
                rungs=CHEAP,
            )
        )
        for name, make in {
            "whole": lambda replicate: replicate,
            "weighted": thin,
            "bare": lambda replicate: thin(replicate, weighted=False),
        }.items()
    }
    for rows in zip(*(summary.rungs for summary in summaries.values())):
        own, weighted, bare = (row.metrics for row in rows)
        assert weighted["normalized_entropy"] == pytest.approx(own["normalized_entropy"], abs=0.03)
        assert weighted["calibration_ratio"] == pytest.approx(own["calibration_ratio"], rel=0.15)
        assert weighted["log_loss"] == pytest.approx(own["log_loss"], rel=0.1)
        assert bare["log_loss"] > 2 * own["log_loss"]


def test_intervals_of_a_thinned_log_are_about_its_weighted_estimate(whole):
    source = WorldSource("weighted", lambda seed: thin(whole))
    (row,) = summarise_ladder(
        run_ladder(source, CASE.ladder, seeds=(5,), rungs=["hashed_lr"])
    ).rungs
    for name in ("log_loss", "normalized_entropy", "auc", "calibration_ratio"):
        low, high = row.intervals[name]
        assert low < row.metrics[name] < high


def test_weights_choose_the_setting(prepared):
    """The loss on validation is that of the whole log, not of the rows that were kept."""
    (rung,) = select_rungs(RUNGS, ["global_rate"])
    log = prepared.replicate.log
    fitted = PROTOCOL.fit(rung, prepared, {})
    rows = log.split.validation
    rate = np.average(log.label[log.split.train], weights=log.weights[log.split.train])
    losses = -np.log(np.where(log.label[rows] == 1, rate, 1 - rate))
    expected = np.average(losses, weights=log.weights[rows])
    assert fitted.validation["validation_log_loss"] == pytest.approx(expected)

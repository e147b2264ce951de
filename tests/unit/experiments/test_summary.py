"""Metrics and paired differences over replicates, on predictions whose order is known."""

import numpy as np
import pytest

from mlsd import metrics
from mlsd.experiments.ladder import LadderRuns, ReplicateRuns, RungRun, select_rungs
from mlsd.experiments.summary import metric_draws, summarise_ladder

ROWS, USERS = 4000, 400


def make_replicate(seed, names=("global_rate", "hashed_lr", "oracle")):
    generator = np.random.default_rng(seed)
    truth = generator.beta(2, 18, ROWS)
    label = (generator.random(ROWS) < truth).astype(np.int8)
    predictions = {
        "global_rate": np.full(ROWS, 0.1),
        "hashed_lr": np.clip(truth * np.exp(generator.normal(0, 0.5, ROWS)), 1e-3, 0.9),
        "oracle": truth,
    }
    runs = {name: RungRun(predictions[name], None) for name in names}
    return ReplicateRuns(seed, label, generator.integers(USERS, size=ROWS), runs)


def make_ladder(*, independent=True, replicates=None):
    rungs = select_rungs(["global_rate", "hashed_lr", "oracle"])
    ladder = LadderRuns("planted", independent, rungs)
    ladder.replicates = replicates or [make_replicate(1), make_replicate(2)]
    return ladder


def test_metrics_are_means_over_replicates():
    ladder = make_ladder()
    summary = summarise_ladder(ladder)
    by_hand = np.mean(
        [metrics.log_loss(r.label, r.runs["oracle"].probability) for r in ladder.replicates]
    )
    assert summary.rungs[-1].metrics["log_loss"] == pytest.approx(by_hand)


def test_oracle_beats_noisy_predictions_with_an_interval_below_zero():
    step = summarise_ladder(make_ladder()).rungs[-1].vs_previous["normalized_entropy"]
    assert step[1] < step[0] < step[2] < 0


def test_difference_is_the_difference_of_the_metrics():
    rungs = summarise_ladder(make_ladder()).rungs
    expected = rungs[1].metrics["auc"] - rungs[0].metrics["auc"]
    assert rungs[1].vs_previous["auc"][0] == pytest.approx(expected)


def test_a_rung_against_itself_is_an_exact_tie():
    replicate = make_replicate(3)
    replicate.runs["hashed_lr"] = replicate.runs["oracle"]
    step = summarise_ladder(make_ladder(replicates=[replicate])).rungs[-1].vs_previous["log_loss"]
    assert step == (0.0, 0.0, 0.0)


def test_replicates_of_one_log_share_resampled_rows_and_independent_ones_do_not():
    replicate = make_replicate(4)
    twice = [replicate, replicate]
    shared = metric_draws(make_ladder(independent=False, replicates=twice), "oracle", metrics.auc)
    single = metric_draws(make_ladder(replicates=[replicate]), "oracle", metrics.auc)
    apart = metric_draws(make_ladder(independent=True, replicates=twice), "oracle", metrics.auc)
    np.testing.assert_allclose(shared[1], single[1])
    assert apart[1].std() < 0.9 * single[1].std()


def test_the_interval_narrows_with_more_worlds():
    one = summarise_ladder(make_ladder(replicates=[make_replicate(1)])).rungs[-1]
    many = summarise_ladder(make_ladder(replicates=[make_replicate(s) for s in range(6)])).rungs[-1]

    def width(row):
        return row.intervals["log_loss"][1] - row.intervals["log_loss"][0]

    assert width(many) < 0.6 * width(one)

"""Metrics and paired differences over replicates, on predictions whose order is known."""

from dataclasses import replace

import numpy as np
import pytest

from mlsd import metrics
from mlsd.cases.ad_click.rungs import AD_CLICK_RUNGS
from mlsd.experiments import ScoringProtocol
from mlsd.experiments.ladder import LadderRuns
from mlsd.experiments.rungs import select_rungs
from mlsd.experiments.runs import ReplicateRuns, RungRun
from mlsd.experiments.summary import RowWeights, metric_draws, summarise_ladder

ROWS, USERS = 4000, 400


def make_run(probability, threshold=0.15, loss=float("nan")):
    measured = {"f1_threshold": threshold, "validation_log_loss": loss}
    return RungRun({"probability": probability}, measured)


def make_replicate(seed, names=("global_rate", "hashed_lr", "oracle")):
    generator = np.random.default_rng(seed)
    truth = generator.beta(2, 18, ROWS)
    label = (generator.random(ROWS) < truth).astype(np.int8)
    predictions = {
        "global_rate": np.full(ROWS, 0.1),
        "hashed_lr": np.clip(truth * np.exp(generator.normal(0, 0.5, ROWS)), 1e-3, 0.9),
        "oracle": truth,
    }
    runs = {name: make_run(predictions[name]) for name in names}
    return ReplicateRuns(seed, label, generator.integers(USERS, size=ROWS), runs)


def probability_of(replicate, name):
    return replicate.runs[name].predictions["probability"]


def make_ladder(*, independent=True, replicates=None):
    rungs = select_rungs(AD_CLICK_RUNGS, ["global_rate", "hashed_lr", "oracle"])
    ladder = LadderRuns("planted", independent, rungs, ScoringProtocol())
    ladder.replicates = replicates or [make_replicate(1), make_replicate(2)]
    return ladder


def test_metrics_are_means_over_replicates():
    ladder = make_ladder()
    summary = summarise_ladder(ladder)
    by_hand = np.mean(
        [metrics.log_loss(r.outcome, probability_of(r, "oracle")) for r in ladder.replicates]
    )
    assert summary.rungs[-1].metrics["log_loss"] == pytest.approx(by_hand)


def test_every_metric_counts_a_row_for_those_that_it_stands_for():
    replicate = make_replicate(6)
    weights = np.random.default_rng(6).integers(0, 4, ROWS).astype(float)
    rows = np.repeat(np.arange(ROWS), weights.astype(int))
    written_out = ReplicateRuns(
        6,
        replicate.outcome[rows],
        replicate.clusters[rows],
        {n: make_run(probability_of(replicate, n)[rows]) for n in replicate.runs},
    )
    weighted = replace(replicate, weights=weights)
    ladders = [make_ladder(replicates=[each]) for each in (weighted, written_out)]
    ladders[0].weight = "stands_for"
    summaries = [summarise_ladder(ladder) for ladder in ladders]
    for mine, expected in zip(*(summary.rungs for summary in summaries)):
        assert mine.metrics == pytest.approx(expected.metrics, rel=1e-9)
        for name, ends in expected.intervals.items():
            assert mine.intervals[name] == pytest.approx(ends, rel=1e-9)
    parts = [weights[replicate.outcome == label] for label in (0, 1)]
    effective = sum(part.sum() ** 2 / (part**2).sum() for part in parts)
    assert summaries[0].weights == RowWeights("stands_for", pytest.approx(effective))
    assert summaries[1].weights is None


def test_weights_that_a_protocol_does_not_use_are_told():
    ladder = make_ladder()
    assert summarise_ladder(ladder).notes == ()
    ladder.weight = "stands_for"
    (note,) = summarise_ladder(ladder).notes
    assert note == "weights of stands_for do not enter the metrics: every user counts alike"


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
    shared = metric_draws(make_ladder(independent=False, replicates=twice), "oracle", "auc")
    single = metric_draws(make_ladder(replicates=[replicate]), "oracle", "auc")
    apart = metric_draws(make_ladder(independent=True, replicates=twice), "oracle", "auc")
    np.testing.assert_allclose(shared[1], single[1])
    assert apart[1].std() < 0.9 * single[1].std()


def test_the_interval_narrows_with_more_worlds():
    one = summarise_ladder(make_ladder(replicates=[make_replicate(1)])).rungs[-1]
    many = summarise_ladder(make_ladder(replicates=[make_replicate(s) for s in range(6)])).rungs[-1]

    def width(row):
        return row.intervals["log_loss"][1] - row.intervals["log_loss"][0]

    assert width(many) < 0.6 * width(one)


def test_f1_is_at_the_threshold_of_the_run_and_grouped_auc_is_by_user():
    ladder = make_ladder(replicates=[make_replicate(5)])
    replicate, row = ladder.replicates[0], summarise_ladder(ladder).rungs[1]
    probability = probability_of(replicate, "hashed_lr")
    by_hand = metrics.f1_score(replicate.outcome, probability, threshold=0.15)
    assert row.metrics["f1"] == pytest.approx(by_hand)
    assert row.validation["f1_threshold"] == 0.15
    by_user = metrics.grouped_auc(replicate.outcome, probability, replicate.clusters)
    assert row.metrics["grouped_auc"] == pytest.approx(by_user)
    low, high = row.intervals["grouped_auc"]
    assert low < by_user < high


def test_each_rung_is_compared_with_the_best_one_the_oracle_apart():
    rows = {r.rung.name: r for r in summarise_ladder(make_ladder()).rungs}
    assert rows["hashed_lr"].vs_best["log_loss"] == (0.0, 0.0, 0.0)
    assert rows["global_rate"].vs_best["log_loss"][1] > 0
    assert rows["oracle"].vs_best["log_loss"][2] < 0


def test_without_users_there_is_no_grouped_auc():
    replicate = make_replicate(6)
    replicate.clusters = None
    row = summarise_ladder(make_ladder(replicates=[replicate])).rungs[0]
    assert "grouped_auc" not in row.metrics
    assert "f1" in row.metrics


def test_a_metric_that_the_test_rows_do_not_allow_is_left_out():
    replicate = make_replicate(7)
    replicate.clusters = np.arange(ROWS)
    replicate.runs["oracle"] = make_run(probability_of(replicate, "oracle"), threshold=float("nan"))
    row = summarise_ladder(make_ladder(replicates=[replicate])).rungs[0]
    assert not {"grouped_auc", "f1"} & set(row.metrics)


def test_intervals_resample_users_with_all_their_rows():
    """Each row stands ten times, under one user: ten times the rows know nothing more."""
    replicate = make_replicate(8)
    few = slice(0, ROWS // 10)
    names = np.arange(ROWS // 10)
    single = ReplicateRuns(8, replicate.outcome[few], names, {})
    tenfold = ReplicateRuns(8, np.repeat(single.outcome, 10), np.repeat(names, 10), {})
    for name in replicate.runs:
        probability = probability_of(replicate, name)[few]
        single.runs[name] = make_run(probability)
        tenfold.runs[name] = make_run(np.repeat(probability, 10))
    expected, found = (summarise_ladder(make_ladder(replicates=[r])) for r in (single, tenfold))
    for metric in ("log_loss", "auc", "f1", "calibration_ratio"):
        want, have = (s.rungs[1].intervals[metric] for s in (expected, found))
        np.testing.assert_allclose(have, want, rtol=1e-9)
    want, have = (s.rungs[1].vs_previous["log_loss"] for s in (expected, found))
    np.testing.assert_allclose(have, want, rtol=1e-9)


def test_the_interval_of_grouped_auc_is_that_of_a_mean_over_users():
    """Forty users of a hundred rows each: their own spread decides, not the number of rows."""
    generator = np.random.default_rng(10)
    users, skill = np.repeat(np.arange(40), 100), np.repeat(generator.normal(0, 1, 40), 100)
    label = generator.integers(2, size=4000)
    score = 1 / (1 + np.exp(-(label * skill + generator.normal(size=4000))))
    replicate = ReplicateRuns(10, label, users, {"oracle": make_run(score)})
    _, draws = metric_draws(make_ladder(replicates=[replicate]), "oracle", "grouped_auc")
    by_user = metrics.auc_of_group(label, score, users)[::100]
    assert draws.std() == pytest.approx(by_user.std() / np.sqrt(40), rel=0.25)


@pytest.mark.parametrize(
    ("losses", "chosen"),
    [
        ({"global_rate": 0.3, "hashed_lr": 0.2}, "hashed_lr"),
        ({"global_rate": 0.2, "hashed_lr": 0.3}, "global_rate"),
        ({"global_rate": 0.2}, None),
    ],
)
def test_the_rung_that_validation_chooses_is_marked_the_oracle_apart(losses, chosen):
    replicate = make_replicate(9)
    for name in ("global_rate", "hashed_lr"):
        loss = losses.get(name, float("nan"))
        replicate.runs[name] = make_run(probability_of(replicate, name), loss=loss)
    rows = summarise_ladder(make_ladder(replicates=[replicate])).rungs
    assert [row.rung.name for row in rows if row.selected] == ([chosen] if chosen else [])


def test_the_world_with_the_fewest_users_decides_whether_there_is_an_interval():
    many, few = make_replicate(1), make_replicate(2)
    few = replace(few, clusters=few.clusters % 9)
    for replicates in ([many, few], [few, many]):
        summary = summarise_ladder(make_ladder(replicates=replicates))
        assert np.isnan(summary.rungs[1].intervals["log_loss"]).all()
        assert "the test part has 9 users" in summary.notes[0]


def test_what_is_said_of_clicks_is_said_of_the_world_with_the_fewest():
    many, few = make_replicate(1), make_replicate(2)
    few = replace(few, outcome=np.eye(1, ROWS, dtype=np.int8)[0])
    for replicates in ([many, few], [few, many]):
        assert ScoringProtocol().holds(replicates) == "1 of 4,000 test rows has label 1"


def test_the_interval_of_a_change_online_narrows_with_the_number_of_worlds():
    replicates = [make_replicate(seed) for seed in range(4)]
    for replicate, change in zip(replicates, (1.0, 3.0, 2.0, 2.0)):
        ends = {"pay_change_low": change - 2.0, "pay_change_high": change + 2.0}
        online = {"pay": 1.0, "pay_change": change, **ends}
        for name, run in replicate.runs.items():
            replicate.runs[name] = replace(run, online=online)
    found = summarise_ladder(make_ladder(replicates=replicates)).rungs[0].online
    assert (found["pay"], found["pay_change"]) == (1.0, 2.0)
    assert (found["pay_change_low"], found["pay_change_high"]) == pytest.approx((1.0, 3.0))


def test_costs_are_medians_and_online_values_means_over_the_seeds():
    replicates = [make_replicate(seed) for seed in range(3)]
    for number, replicate in enumerate(replicates):
        measured = {"costs": {"memory_mb": 10.0**number}, "online": {"revenue": 3.0 * number**2}}
        for name, run in replicate.runs.items():
            kept = {} if name == "oracle" else measured
            loss = {"validation_log_loss": 0.1 + 0.1 * number}
            replicate.runs[name] = replace(run, validation=run.validation | loss, **kept)
    rows = summarise_ladder(make_ladder(replicates=replicates)).rungs
    assert (rows[0].costs, rows[0].online) == ({"memory_mb": 10.0}, {"revenue": 5.0})
    assert (rows[-1].costs, rows[-1].online) == ({}, {})
    assert rows[0].validation["validation_log_loss"] == pytest.approx(0.2)

"""The ladder's protocol on a small world and on a log: who sees what, and who is skipped."""

import numpy as np
import pandas as pd
import pytest

from mlsd.data import ColumnRoles, LabelledLog, Split
from mlsd.experiments import LogSource, WorldSource, default_seeds, run_ladder, summarise_ladder
from mlsd.experiments import ladder as ladder_module
from mlsd.experiments.ladder import fit_rung, prepare_log, select_columns, select_rungs
from mlsd.experiments.sources import Replicate
from mlsd.runtime import InputError

CHEAP = ("global_rate", "smoothed_ad", "hashed_lr", "hashed_lr_counters", "oracle")


def make_log(rows=1200, *, item=True):
    generator = np.random.default_rng(5)
    ad = generator.integers(8, size=rows)
    label = (generator.random(rows) < 0.1 + 0.08 * ad).astype(np.int8)
    frame = pd.DataFrame(
        {"ad_id": ad, "site": generator.integers(3, size=rows), "click": label, "ts": range(rows)}
    )
    roles = ColumnRoles("click", time="ts", item="ad_id" if item else None, categorical=("site",))
    cut = np.split(np.arange(rows), [int(0.8 * rows), int(0.9 * rows)])
    return LabelledLog("planted", frame, roles, Split(*cut, description="by time"))


@pytest.fixture(scope="module")
def world_runs():
    return run_ladder(WorldSource(size="small", history_days=4), seeds=(1, 2), rungs=CHEAP)


def test_every_rung_predicts_the_same_test_rows(world_runs):
    for replicate in world_runs.replicates:
        lengths = {len(run.probability) for run in replicate.runs.values()}
        assert lengths == {len(replicate.label)}
        assert set(replicate.runs) == set(CHEAP)


def test_oracle_is_the_best_rung_of_a_world(world_runs):
    summary = summarise_ladder(world_runs)
    losses = {rung.rung.name: rung.metrics["normalized_entropy"] for rung in summary.rungs}
    assert min(losses, key=losses.get) == "oracle"


def test_settings_are_chosen_once_and_kept(world_runs):
    assert set(world_runs.settings) == set(CHEAP) - {"oracle"}
    assert world_runs.settings["smoothed_ad"]["levels"] == (("ad_id",),)


def test_counters_are_compared_with_the_same_model_on_ids(world_runs):
    rows = {rung.rung.name: rung for rung in summarise_ladder(world_runs).rungs}
    expected = rows["hashed_lr_counters"].metrics["auc"] - rows["hashed_lr"].metrics["auc"]
    assert rows["hashed_lr_counters"].vs_ids["auc"][0] == pytest.approx(expected)
    assert rows["hashed_lr"].vs_ids == {}


def test_a_log_without_items_skips_with_a_reason():
    runs = run_ladder(LogSource(make_log(item=False)), seeds=(0,), rungs=CHEAP)
    assert runs.skipped["smoothed_ad"] == "the log lacks an item column"
    assert "oracle" in runs.skipped
    assert [rung.rung.name for rung in summarise_ladder(runs).rungs] == [
        "global_rate",
        "hashed_lr",
        "hashed_lr_counters",
    ]


def test_no_rung_is_shown_the_label_and_only_counter_rungs_see_counters():
    prepared = prepare_log(Replicate(0, make_log()))
    for rung in select_rungs(["hashed_lr", "hashed_lr_counters"]):
        seen = select_columns(rung, prepared, "train")
        assert "click" not in seen
        assert bool(set(seen) & set(prepared.counter_names)) == rung.uses_counters


def test_test_labels_change_no_prediction():
    log = make_log()
    flipped = log.frame.copy()
    flipped.loc[log.split.test, "click"] = 1 - flipped.loc[log.split.test, "click"]
    other = LabelledLog("flipped", flipped, log.roles, log.split)
    runs = [
        run_ladder(LogSource(each), seeds=(0,), rungs=CHEAP).replicates[0].runs
        for each in (log, other)
    ]
    for name in runs[0]:
        np.testing.assert_array_equal(runs[0][name].probability, runs[1][name].probability)


def test_validation_labels_choose_settings_and_enter_no_fit():
    log = make_log()
    flipped = log.frame.copy()
    rows = log.split.validation
    flipped.loc[rows, "click"] = 1 - flipped.loc[rows, "click"]
    other = LabelledLog("flipped", flipped, log.roles, log.split)
    (rung,) = select_rungs(["hashed_lr_counters"])
    fits = [fit_rung(rung, prepare_log(Replicate(0, each)), {"C": 0.1}) for each in (log, other)]
    predictions = [
        ladder_module.predict_rung(fit, prepare_log(Replicate(0, log))).probability for fit in fits
    ]
    np.testing.assert_array_equal(*predictions)


def test_unknown_rung_is_one_clear_line():
    with pytest.raises(InputError, match="unknown rung 'nope'; choose among global_rate"):
        run_ladder(LogSource(make_log()), seeds=(0,), rungs=["nope"])


def test_worlds_get_three_seeds_and_logs_five():
    assert len(default_seeds(WorldSource())) == 3
    assert len(default_seeds(LogSource(make_log()))) == 5

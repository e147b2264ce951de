"""Runs on disk: found again while they are the same run, and never half there."""

import numpy as np
import pytest

from mlsd.cases import AD_CLICK_RUNGS
from mlsd.experiments import Ladder, LogSource, ScoringProtocol, run_ladder
from mlsd.experiments.run_store import RunKey, RunStore
from mlsd.experiments.rungs import select_rungs
from mlsd.experiments.runs import RungRun
from mlsd.experiments.sources import Replicate
from mlsd.runtime import InputError

LADDER = Ladder(AD_CLICK_RUNGS, ScoringProtocol())
RUN = RungRun(
    {"probability": np.array([0.25, 0.5])},
    {"validation_log_loss": 0.3},
    {"levels": (("ad_id",),), "strength": 20.0},
    {"fit_seconds": 1.0},
)


def make_key(log):
    return RunKey("log", Replicate(3, log), select_rungs(AD_CLICK_RUNGS, ["smoothed_ad"])[0])


@pytest.fixture
def key(planted_log):
    return make_key(planted_log())


def test_a_run_comes_back_as_it_was(tmp_path, key):
    store = RunStore(tmp_path / "runs")
    assert store.load(key) is None
    store.save(key, RUN)
    kept = store.load(key)
    np.testing.assert_array_equal(kept.predictions["probability"], RUN.predictions["probability"])
    assert (kept.settings, kept.costs, kept.online) == (RUN.settings, RUN.costs, {})
    assert [path.name for path in store.folder.iterdir()] == ["log.3.smoothed_ad.npz"]


def test_other_labels_or_another_deployment_are_another_run(tmp_path, key, planted_log):
    RunStore(tmp_path).save(key, RUN)
    assert RunStore(tmp_path, deploy_days=7).load(key) is None
    assert RunStore(tmp_path).load(make_key(planted_log(seed=6))) is None


def test_a_broken_file_is_one_clear_line(tmp_path, key):
    (tmp_path / "log.3.smoothed_ad.npz").write_text("no archive")
    with pytest.raises(InputError, match=r"smoothed_ad.npz: is not a kept run; delete it"):
        RunStore(tmp_path).load(key)


def test_a_file_in_place_of_the_folder_is_one_clear_line(tmp_path):
    (tmp_path / "runs").write_text("")
    with pytest.raises(InputError, match="is a file; give the name of a folder"):
        RunStore(tmp_path / "runs")


def test_an_interrupted_ladder_goes_on_with_the_settings_that_were_chosen(tmp_path, planted_log):
    names, source = ("global_rate", "smoothed_ad", "hashed_lr"), LogSource(planted_log())
    whole = run_ladder(source, LADDER, seeds=(0, 1), rungs=names)
    store = RunStore(tmp_path)
    run_ladder(source, LADDER, seeds=(0,), rungs=names[:2], store=store)
    resumed = run_ladder(source, LADDER, seeds=(0, 1), rungs=names, store=store)
    assert resumed.settings == whole.settings
    for ours, theirs in zip(resumed.replicates, whole.replicates):
        for name in names:
            np.testing.assert_array_equal(
                ours.runs[name].predictions["probability"],
                theirs.runs[name].predictions["probability"],
            )


def test_what_is_kept_is_not_fitted_again(tmp_path, planted_log, monkeypatch):
    source, store = LogSource(planted_log()), RunStore(tmp_path)
    run_ladder(source, LADDER, seeds=(0,), rungs=["hashed_lr"], store=store)
    monkeypatch.setattr(ScoringProtocol, "fit", None)
    again = run_ladder(source, LADDER, seeds=(0,), rungs=["hashed_lr"], store=store)
    assert again.replicates[0].runs["hashed_lr"].costs["fit_cpu_seconds"] > 0

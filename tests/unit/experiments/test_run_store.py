"""Runs on disk: found again while they are the same run, and never half there."""

import numpy as np
import pytest

from mlsd.experiments import LogSource, run_ladder
from mlsd.experiments.ladder import select_rungs
from mlsd.experiments.prepared import prepare_log
from mlsd.experiments.run_store import RungRun, RunStore
from mlsd.experiments.sources import Replicate
from mlsd.runtime import InputError

RUN = RungRun(
    np.array([0.25, 0.5]), 0.3, {"levels": (("ad_id",),), "strength": 20.0}, {"fit_seconds": 1.0}
)


@pytest.fixture
def prepared(planted_log):
    return prepare_log(Replicate(3, planted_log()))


@pytest.fixture
def rung():
    return select_rungs(["smoothed_ad"])[0]


def test_a_run_comes_back_as_it_was(tmp_path, prepared, rung):
    store = RunStore(tmp_path / "runs")
    assert store.load("log", rung, prepared) is None
    store.save("log", rung, prepared, RUN)
    kept = store.load("log", rung, prepared)
    np.testing.assert_array_equal(kept.probability, RUN.probability)
    assert (kept.settings, kept.costs, kept.online) == (RUN.settings, RUN.costs, {})
    assert [path.name for path in store.folder.iterdir()] == ["log.3.smoothed_ad.npz"]


def test_other_labels_or_another_deployment_are_another_run(tmp_path, prepared, rung, planted_log):
    RunStore(tmp_path).save("log", rung, prepared, RUN)
    assert RunStore(tmp_path, deploy_days=7).load("log", rung, prepared) is None
    other = prepare_log(Replicate(3, planted_log(seed=6)))
    assert RunStore(tmp_path).load("log", rung, other) is None


def test_a_broken_file_is_one_clear_line(tmp_path, prepared, rung):
    (tmp_path / "log.3.smoothed_ad.npz").write_text("no archive")
    with pytest.raises(InputError, match=r"smoothed_ad.npz: is no run of this version; delete it"):
        RunStore(tmp_path).load("log", rung, prepared)


def test_a_file_in_place_of_the_folder_is_one_clear_line(tmp_path):
    (tmp_path / "runs").write_text("")
    with pytest.raises(InputError, match="is a file; give the name of a folder"):
        RunStore(tmp_path / "runs")


def test_an_interrupted_ladder_goes_on_with_the_settings_that_were_chosen(tmp_path, planted_log):
    names, source = ("global_rate", "smoothed_ad", "hashed_lr"), LogSource(planted_log())
    whole = run_ladder(source, seeds=(0, 1), rungs=names)
    store = RunStore(tmp_path)
    run_ladder(source, seeds=(0,), rungs=names[:2], store=store)
    resumed = run_ladder(source, seeds=(0, 1), rungs=names, store=store)
    assert resumed.settings == whole.settings
    for ours, theirs in zip(resumed.replicates, whole.replicates):
        for name in names:
            np.testing.assert_array_equal(
                ours.runs[name].probability, theirs.runs[name].probability
            )


def test_what_is_kept_is_not_fitted_again(tmp_path, planted_log, monkeypatch):
    source, store = LogSource(planted_log()), RunStore(tmp_path)
    run_ladder(source, seeds=(0,), rungs=["hashed_lr"], store=store)
    monkeypatch.setattr("mlsd.experiments.ladder.fit_rung", None)
    again = run_ladder(source, seeds=(0,), rungs=["hashed_lr"], store=store)
    assert again.replicates[0].runs["hashed_lr"].costs["fit_cpu_seconds"] > 0

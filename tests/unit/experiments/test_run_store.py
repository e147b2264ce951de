"""Runs on disk: found again while they are the same run, and never half there."""

import errno
import re
import tempfile
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import mlsd
from mlsd.cases.ad_click.rungs import AD_CLICK_RUNGS
from mlsd.data import LabelledLog, Split
from mlsd.experiments import (
    Ladder,
    LogSource,
    Outcomes,
    RankingProtocol,
    RecommendingProtocol,
    ScoringProtocol,
    fingerprint,
    run_ladder,
    run_store,
)
from mlsd.experiments.fingerprint import CODE
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
    {"revenue": 104.0},
)


@pytest.fixture
def key(planted_log):
    (rung,) = select_rungs(AD_CLICK_RUNGS, ["smoothed_ad"])
    log = planted_log()
    table = pd.DataFrame({"user_id": [1, 2], "known_at": [5.0, 6.0]})
    truth = np.linspace(0.1, 0.9, len(log.frame))
    replicate = Replicate(3, log, truth=truth, tables={"conversions": table}, history_days=4)
    return RunKey("log", replicate, rung, ScoringProtocol())


def test_a_run_comes_back_as_it_was(tmp_path, key):
    store = RunStore(tmp_path / "runs")
    assert store.load(key) is None
    store.save(key, RUN)
    kept = store.load(replace(key, replicate=replace(key.replicate)))
    np.testing.assert_array_equal(kept.predictions["probability"], RUN.predictions["probability"])
    assert (kept.settings, kept.costs, kept.online) == (RUN.settings, RUN.costs, RUN.online)
    assert kept.validation == RUN.validation
    assert [path.name for path in store.folder.iterdir()] == ["log.3.smoothed_ad.npz"]


def with_log(key, **changes):
    return replace(key, replicate=replace(key.replicate, log=replace(key.replicate.log, **changes)))


def with_roles(key, **changes):
    return with_log(key, roles=replace(key.replicate.log.roles, **changes))


def with_cell(key, part, column):
    """Change one cell of one row of a part."""
    log = key.replicate.log
    frame, row = log.frame.copy(), log.parts()[part][3]
    frame.loc[row, column] = 1 - frame.loc[row, column]
    return with_log(key, frame=frame)


def with_split(key, **changes):
    return with_log(key, split=replace(key.replicate.log.split, **changes))


def with_replicate(key, **changes):
    return replace(key, replicate=replace(key.replicate, **changes))


def with_rung(key, **changes):
    return replace(key, rung=replace(key.rung, **changes))


def other_choices(roles):
    return ({"levels": (("ad_id",),), "strength": 21.0},)


def other_build(inputs, settings):
    return None


class OtherProtocol(ScoringProtocol):
    """A protocol with something else in it."""


CHANGES = {
    **{
        f"{column} of a row of {part}": lambda key, part=part, column=column: with_cell(
            key, part, column
        )
        for part in ("train", "validation", "test")
        for column in ("click", "ad_id", "site", "ts", "user_id")
    },
    "a column of text": lambda key: with_log(
        key, frame=key.replicate.log.frame.assign(site=key.replicate.log.frame["site"].astype(str))
    ),
    "one more column": lambda key: with_log(
        key, frame=key.replicate.log.frame.assign(known_at=1.0)
    ),
    "the columns' names": lambda key: with_log(
        key, frame=key.replicate.log.frame.rename(columns={"site": "page"})
    ),
    "the categories": lambda key: with_roles(key, categorical=()),
    "the numbers": lambda key: with_roles(key, numeric=("site",)),
    "the role of user": lambda key: with_roles(key, user="user_id"),
    "the role of known_at": lambda key: with_roles(key, known_at="ts"),
    "the role of weight": lambda key: with_roles(key, weight="ts"),
    "the keys of counters": lambda key: with_roles(key, entities=(("site",),)),
    "the rows of train": lambda key: with_split(key, train=key.replicate.log.split.train[1:]),
    "the rows of validation": lambda key: with_split(
        key, validation=key.replicate.log.split.validation[1:]
    ),
    "the rows of test": lambda key: with_split(key, test=key.replicate.log.split.test[1:]),
    "the name of the log": lambda key: with_log(key, name="other"),
    "the truth": lambda key: with_replicate(key, truth=key.replicate.truth + 1e-9),
    "the conversions": lambda key: with_replicate(
        key, tables={"conversions": key.replicate.tables["conversions"].assign(known_at=9.0)}
    ),
    "the days of history": lambda key: with_replicate(key, history_days=5),
    "the settings to choose from": lambda key: with_rung(key, settings=other_choices),
    "what the rung builds": lambda key: with_rung(key, build=other_build),
    "an argument of what it builds": lambda key: with_rung(key, build=partial(other_build, 1)),
    "what the rung reads": lambda key: with_rung(key, features="counters"),
    "whether it reads the time": lambda key: with_rung(key, reads_time=True),
    "what it learns from": lambda key: with_rung(
        key, outcomes=Outcomes("conversions", other_build)
    ),
    "the settings given": lambda key: replace(key, chosen={"strength": 20.0}),
    "the protocol": lambda key: replace(key, protocol=OtherProtocol()),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_run_is_not_used_where_something_it_depends_on_has_changed(change, tmp_path, key):
    store = RunStore(tmp_path)
    store.save(key, RUN)
    assert store.load(key) is not None
    assert store.load(CHANGES[change](key)) is None


def test_a_run_is_not_used_after_another_deployment(tmp_path, key):
    RunStore(tmp_path).save(key, RUN)
    assert RunStore(tmp_path, deploy_days=7).load(key) is None


@pytest.mark.parametrize("library", fingerprint.LIBRARIES)
def test_a_run_is_not_used_with_another_version_of_a_library(library, tmp_path, key, monkeypatch):
    store = RunStore(tmp_path)
    store.save(key, RUN)
    version = fingerprint.metadata.version
    monkeypatch.setattr(
        fingerprint.metadata, "version", lambda name: version(name) + (".1" * (name == library))
    )
    fingerprint.environment_digest.cache_clear()
    assert store.load(key) is None
    monkeypatch.undo()
    fingerprint.environment_digest.cache_clear()
    assert store.load(key) is not None


@pytest.mark.parametrize("name", ["models/new.py", "worlds/ad_click/new.py"])
def test_a_run_is_not_used_after_a_change_of_the_code_below_it(name, tmp_path, key, monkeypatch):
    store, root = RunStore(tmp_path / "runs"), tmp_path / "mlsd"
    module, here = root / name, root / "experiments" / "fingerprint.py"
    module.parent.mkdir(parents=True)
    monkeypatch.setattr(fingerprint.inspect, "getfile", lambda thing: str(here))
    kept = []
    for text in ("CHANGED = False\n", "CHANGED = True\n"):
        module.write_text(text)
        fingerprint.environment_digest.cache_clear()
        kept.append(store.load(key) is not None)
        store.save(key, RUN)
        kept.append(store.load(key) is not None)
    monkeypatch.undo()
    fingerprint.environment_digest.cache_clear()
    assert kept == [False, True, False, True]


def test_the_same_rows_in_another_object_are_the_same_run(key):
    log = key.replicate.log
    split = Split(*(rows.copy() for rows in log.parts().values()), log.split.description)
    same = LabelledLog(log.name, log.frame.copy(), log.roles, split)
    assert with_log(key, frame=same.frame, split=same.split).identity(0) == key.identity(0)


def test_functions_are_told_apart_by_what_they_have_closed_over():
    def make(rate):
        return lambda inputs, settings: rate

    (rung,) = select_rungs(AD_CLICK_RUNGS, ["oracle"])
    builds = [make(0.1), make(0.2), partial(make, 0.1), partial(make, 0.2), None]
    builds += [partial(make, rate=0.1), partial(make, rate=0.2)]
    digests = [fingerprint.rung_digest(replace(rung, build=build), []) for build in builds]
    assert len(set(digests)) == len(builds)
    again = fingerprint.rung_digest(replace(rung, build=make(0.1)), [])
    assert again == digests[0]


def test_a_function_made_again_is_the_same_to_what_has_closed_over_it():
    """A function's address, which is another in each process, would make every run again."""

    def make():
        def rate():
            return 0.1

        return lambda inputs, settings: rate()

    (rung,) = select_rungs(AD_CLICK_RUNGS, ["oracle"])
    builds = [make(), make()]
    one, two = (fingerprint.rung_digest(replace(rung, build=build), []) for build in builds)
    assert one == two


def test_protocols_are_told_apart_by_what_they_were_made_with():
    protocols = [RecommendingProtocol(k=k, exclude_seen=e) for k in (10, 20) for e in (False, True)]
    protocols += [RankingProtocol(group=group) for group in ("request_id", "session_id")]
    assert len(set(map(fingerprint.object_digest, protocols))) == len(protocols)


def test_the_index_does_not_count():
    for column in (["a", "b"], [1, 2], [1.5, None]):
        plain, moved = pd.Series(column), pd.Series(column, index=[7, 9])
        assert fingerprint.values_digest(plain) == fingerprint.values_digest(moved)
        tables = (plain.to_frame("x"), moved.to_frame("x"))
        assert len(set(map(fingerprint.values_digest, tables))) == 1


def test_values_that_look_alike_have_digests_of_their_own():
    same = [np.array([1, 2]), np.array([2, 1]), np.array([1.0, 2.0]), np.array([[1, 2]])]
    texts = [np.array(["1", "2"], object), np.array(["1", None], object), np.array(["12"], object)]
    tables = [pd.DataFrame({"a": [1], "b": [2]}), pd.DataFrame({"b": [1], "a": [2]})]
    digests = [fingerprint.values_digest(values) for values in (*same, *texts, *tables)]
    assert len(set(digests)) == len(digests)


@pytest.mark.parametrize("kept", ["text", "nothing", "half", "a flipped byte"])
def test_a_damaged_file_is_told_and_made_again(kept, tmp_path, key):
    told = []
    store = RunStore(tmp_path, tell=told.append)
    store.save(key, RUN)
    path = tmp_path / key.file
    whole = path.read_bytes()
    middle = whole.index("identity".encode("utf-32-le"))
    path.write_bytes(
        {
            "text": b"no archive",
            "nothing": b"",
            "half": whole[: len(whole) // 2],
            "a flipped byte": whole[:middle] + b"#" + whole[middle + 1 :],
        }[kept]
    )
    assert store.load(key) is None
    (sentence,) = told
    assert "smoothed_ad.npz: is damaged, or not a kept run; it is made again" in sentence
    store.save(key, RUN)
    assert store.load(key) is not None
    assert len(told) == 1


def test_a_run_is_on_the_disk_before_it_has_its_name(tmp_path, key, monkeypatch):
    """Otherwise a power failure leaves an empty file under the name of a finished run."""
    store, synced = RunStore(tmp_path), []

    def sync(handle):
        size = run_store.os.fstat(handle).st_size
        synced.append((size, (tmp_path / key.file).exists()))

    monkeypatch.setattr(run_store.os, "fsync", sync)
    store.save(key, RUN)
    assert synced == [((tmp_path / key.file).stat().st_size, False)]


def test_runs_at_hand_are_those_found_and_those_kept(tmp_path, key):
    store = RunStore(tmp_path)
    assert (store.load(key), store.at_hand) == (None, 0)
    store.save(key, RUN)
    assert store.at_hand == 1
    again = RunStore(tmp_path)
    again.load(key)
    assert again.at_hand == 1


def test_a_file_in_place_of_the_folder_is_one_clear_line(tmp_path):
    (tmp_path / "runs").write_text("")
    with pytest.raises(InputError, match="is a file; give the name of a folder"):
        RunStore(tmp_path / "runs")


def test_a_folder_that_takes_no_file_is_told_before_anything_is_fitted(tmp_path, monkeypatch):
    def full(**options):
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(tempfile, "TemporaryFile", full)
    with pytest.raises(InputError, match=f"{tmp_path}: cannot be written to .Read-only file"):
        RunStore(tmp_path / "not" / "yet")


def probabilities(runs, names):
    return [r.runs[name].predictions["probability"] for r in runs.replicates for name in names]


def test_an_interrupted_ladder_goes_on_with_the_settings_that_were_chosen(tmp_path, planted_log):
    names, source = ("global_rate", "smoothed_ad", "hashed_lr"), LogSource(planted_log())
    whole = run_ladder(source, LADDER, seeds=(0, 1), rungs=names)
    store = RunStore(tmp_path)
    run_ladder(source, LADDER, seeds=(0,), rungs=names[:2], store=store)
    resumed = run_ladder(source, LADDER, seeds=(0, 1), rungs=names, store=store)
    assert resumed.settings == whole.settings
    for ours, theirs in zip(probabilities(resumed, names), probabilities(whole, names)):
        np.testing.assert_array_equal(ours, theirs)


def test_a_run_with_settings_of_an_earlier_seed_is_not_one_that_chose_its_own(
    tmp_path, planted_log
):
    source, store = LogSource(planted_log()), RunStore(tmp_path)
    run_ladder(source, LADDER, seeds=(0, 1), rungs=["hashed_lr"], store=store)
    fits = []
    protocol = CountingProtocol(fits)
    ladder = Ladder(AD_CLICK_RUNGS, protocol)
    run_ladder(source, ladder, seeds=(1,), rungs=["hashed_lr"], store=store)
    assert len(fits) == 4


class CountingProtocol(ScoringProtocol):
    """Tells how often it fitted."""

    def __init__(self, fits):
        self._fits = fits

    def fit(self, rung, prepared, settings):
        self._fits.append(settings)
        return super().fit(rung, prepared, settings)


def test_what_is_kept_is_not_fitted_again(tmp_path, planted_log, monkeypatch):
    source, store = LogSource(planted_log()), RunStore(tmp_path)
    run_ladder(source, LADDER, seeds=(0,), rungs=["hashed_lr"], store=store)
    monkeypatch.setattr(ScoringProtocol, "predict", None)
    again = run_ladder(source, LADDER, seeds=(0,), rungs=["hashed_lr"], store=store)
    assert again.replicates[0].runs["hashed_lr"].costs["fit_cpu_seconds"] > 0


def test_all_layers_that_a_prediction_may_depend_on_are_in_the_digest():
    """Whatever the layers of `CODE` import belongs to them, down to hashing and units of time."""
    root = Path(mlsd.__file__).parent
    text = "\n".join(p.read_text("utf-8") for layer in CODE for p in (root / layer).rglob("*.py"))
    imported = set(re.findall(r"^ *(?:from|import) mlsd\.(\w+)", text, re.MULTILINE))
    assert "runtime" in imported
    assert imported <= set(CODE)


def test_a_folder_in_place_of_a_run_is_said_before_anything_is_fitted(tmp_path, key):
    (tmp_path / key.file).mkdir()
    with pytest.raises(InputError, match="is a folder, not a kept run"):
        RunStore(tmp_path).load(key)

"""The ladder's protocol on a small world and on a log: who sees what, and who is skipped."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from mlsd.cases import find_case
from mlsd.cases.ad_click.rungs import AD_CLICK_RUNGS, SETTINGS_PER_RUNG, click_and_conversion
from mlsd.data import LabelledLog
from mlsd.experiments import LogSource, default_seeds, run_ladder, summarise_ladder
from mlsd.experiments.ladder import tune_rung
from mlsd.experiments.prepared import prepare_log, select_columns
from mlsd.experiments.rungs import select_rungs
from mlsd.experiments.sources import Replicate
from mlsd.features import ClickHistories, CounterFeatures
from mlsd.metrics import best_f1_threshold, log_loss
from mlsd.models import GlobalRate
from mlsd.runtime import InputError

CASE = find_case("ad_click")
LADDER, PROTOCOL = CASE.ladder, CASE.ladder.protocol

CHEAP = ("global_rate", "smoothed_ad", "hashed_lr", "hashed_lr_counters", "oracle")


@pytest.fixture(scope="module")
def world_runs():
    return run_ladder(CASE.source(size="small", history_days=4), LADDER, seeds=(1, 2), rungs=CHEAP)


def test_every_rung_predicts_the_same_test_rows(world_runs):
    for replicate in world_runs.replicates:
        lengths = {len(run.predictions["probability"]) for run in replicate.runs.values()}
        assert lengths == {len(replicate.outcome)}
        assert set(replicate.runs) == set(CHEAP)


def test_oracle_is_the_best_rung_of_a_world(world_runs):
    summary = summarise_ladder(world_runs)
    losses = {rung.rung.name: rung.metrics["normalized_entropy"] for rung in summary.rungs}
    assert min(losses, key=losses.get) == "oracle"


def test_settings_are_chosen_once_and_kept(world_runs):
    assert set(world_runs.settings) == set(CHEAP) - {"oracle"}
    assert world_runs.settings["smoothed_ad"]["levels"] == (("ad_id",),)
    rows = {rung.rung.name: rung.settings_tried for rung in summarise_ladder(world_runs).rungs}
    assert rows == dict.fromkeys(CHEAP, 4) | {"global_rate": 1, "oracle": 0}


def test_counters_are_compared_with_the_same_model_on_ids(world_runs):
    rows = {rung.rung.name: rung for rung in summarise_ladder(world_runs).rungs}
    expected = rows["hashed_lr_counters"].metrics["auc"] - rows["hashed_lr"].metrics["auc"]
    assert rows["hashed_lr_counters"].vs_ids["auc"][0] == pytest.approx(expected)
    assert rows["hashed_lr"].vs_ids == {}


def test_a_log_without_items_skips_with_a_reason(planted_log):
    runs = run_ladder(LogSource(planted_log(item=False)), LADDER, seeds=(0,), rungs=CHEAP)
    assert runs.skipped["smoothed_ad"] == "the log lacks an item column"
    assert "oracle" in runs.skipped
    assert [rung.rung.name for rung in summarise_ladder(runs).rungs] == [
        "global_rate",
        "hashed_lr",
        "hashed_lr_counters",
    ]


def test_no_rung_is_shown_the_label_and_only_counter_rungs_see_counters(planted_log):
    prepared = prepare_log(Replicate(0, planted_log()))
    for rung in select_rungs(AD_CLICK_RUNGS, ["hashed_lr", "hashed_lr_counters"]):
        seen = select_columns(rung, prepared, "train")
        assert "click" not in seen
        assert bool(set(seen) & set(prepared.counter_names)) == rung.uses_counters


@pytest.fixture
def computed(monkeypatch):
    """Names of the features that are computed, in order."""
    made = []
    for features in (CounterFeatures, ClickHistories):
        compute = features.compute

        def counted(self, log, *, compute=compute, name=features.__name__):
            made.append(name)
            return compute(self, log)

        monkeypatch.setattr(features, "compute", counted)
    return made


@pytest.mark.parametrize(
    ("rungs", "features"),
    [
        (["global_rate", "hashed_lr"], []),
        (["hashed_lr", "hashed_lr_counters", "lightgbm_counters"], ["CounterFeatures"]),
    ],
)
def test_counters_are_computed_once_per_log_and_where_a_rung_reads_them(
    planted_log, computed, rungs, features
):
    run_ladder(LogSource(planted_log(user=True)), LADDER, seeds=(0, 1), rungs=rungs)
    assert computed == features


def test_histories_are_computed_where_a_rung_reads_them(planted_log, computed):
    prepared = prepare_log(Replicate(0, planted_log(user=True)))
    (rung,) = select_rungs(AD_CLICK_RUNGS, ["din"])
    for part in ("train", "validation", "test"):
        assert len(select_columns(rung, prepared, part)["ad_id"]) == len(prepared.positions(part))
    assert computed == ["CounterFeatures", "ClickHistories"]


@pytest.mark.parametrize("missing", [[70], [3, 70]])
def test_a_part_in_pieces_gives_its_own_rows(missing, planted_log):
    log = planted_log()
    rows = np.setdiff1d(np.arange(len(log.frame)), [*missing, *log.split.test])
    torn = replace(log, split=replace(log.split, train=rows, validation=rows[:0]))
    (rung,) = select_rungs(AD_CLICK_RUNGS, ["hashed_lr_counters"])
    prepared = prepare_log(Replicate(0, torn))
    seen = select_columns(rung, prepared, "train")
    table = CounterFeatures.for_log(torn).compute(torn)
    np.testing.assert_array_equal(seen["ad_id"], log.frame["ad_id"].to_numpy()[rows])
    for name in prepared.counter_names:
        np.testing.assert_array_equal(seen[name], table[name].to_numpy()[rows])


def test_test_labels_change_no_prediction(planted_log):
    log = planted_log()
    flipped = log.frame.copy()
    flipped.loc[log.split.test, "click"] = 1 - flipped.loc[log.split.test, "click"]
    other = LabelledLog("flipped", flipped, log.roles, log.split)
    runs = [
        run_ladder(LogSource(each), LADDER, seeds=(0,), rungs=CHEAP).replicates[0].runs
        for each in (log, other)
    ]
    for name in runs[0]:
        np.testing.assert_array_equal(*(each[name].predictions["probability"] for each in runs))


def test_validation_labels_choose_settings_and_enter_no_fit(planted_log):
    log = planted_log()
    flipped = log.frame.copy()
    rows = log.split.validation
    flipped.loc[rows, "click"] = 1 - flipped.loc[rows, "click"]
    other = LabelledLog("flipped", flipped, log.roles, log.split)
    (rung,) = select_rungs(AD_CLICK_RUNGS, ["hashed_lr_counters"])
    fits = [
        PROTOCOL.fit(rung, prepare_log(Replicate(0, each)), {"C": 0.1}) for each in (log, other)
    ]
    runs = [PROTOCOL.predict(fit, prepare_log(Replicate(0, log))) for fit in fits]
    predictions = [run.predictions["probability"] for run in runs]
    np.testing.assert_array_equal(*predictions)


def test_the_setting_with_the_lowest_validation_loss_is_kept(planted_log):
    """Strengths far apart, so that the worst setting is far from the best."""
    prepared = prepare_log(Replicate(0, planted_log()))
    (rung,) = select_rungs(AD_CLICK_RUNGS, ["smoothed_ad"])
    wide = tuple({"levels": (("ad_id",),), "strength": s} for s in (1e6, 10.0, 1e5))
    rung = replace(rung, settings=lambda roles: wide)
    losses = [PROTOCOL.fit(rung, prepared, each).validation["validation_log_loss"] for each in wide]
    kept = tune_rung(rung, prepared, PROTOCOL)
    assert kept.settings["strength"] == 10.0
    assert kept.validation["validation_log_loss"] == min(losses) < max(losses) - 0.03


def test_what_is_resampled_is_the_users_of_the_test_rows(planted_log):
    log = planted_log(user=True)
    judged = PROTOCOL.judged(prepare_log(Replicate(0, log)), {})
    users = log.frame["user_id"].to_numpy()[log.split.test]
    codes, named = (pd.factorize(values)[0] for values in (judged.clusters, users))
    np.testing.assert_array_equal(codes, named)
    np.testing.assert_array_equal(judged.outcome, log.label[log.split.test])
    assert PROTOCOL.judged(prepare_log(Replicate(0, planted_log())), {}).clusters is None


def test_later_seeds_fit_the_settings_that_the_first_one_chose_and_nothing_else(planted_log):
    fits = []

    class Watched(type(PROTOCOL)):
        def fit(self, rung, prepared, settings):
            fits.append((prepared.replicate.seed, settings))
            return super().fit(rung, prepared, settings)

    ladder = replace(LADDER, protocol=Watched())
    runs = run_ladder(LogSource(planted_log()), ladder, seeds=(4, 5), rungs=["hashed_lr"])
    (rung,) = select_rungs(AD_CLICK_RUNGS, ["hashed_lr"])
    tried = [(4, settings) for settings in rung.settings(planted_log().roles)]
    assert fits == [*tried, (5, runs.settings["hashed_lr"])]


def test_a_scorer_is_handed_training_and_validation_rows_and_no_others(planted_log):
    log, handed = planted_log(), {}

    class Watched(GlobalRate):
        def fit(self, X, y, *, valid=None, sample_weight=None):
            handed.update(train=(X, y), validation=valid)
            return super().fit(X, y)

    (rung,) = select_rungs(AD_CLICK_RUNGS, ["global_rate"])
    rung = replace(rung, build=lambda inputs, settings: Watched(), reads_time=True)
    fitted = PROTOCOL.fit(rung, prepare_log(Replicate(0, log)), {})
    for part, (X, y) in handed.items():
        rows = log.parts()[part]
        np.testing.assert_array_equal(X["ts"], rows)
        np.testing.assert_array_equal(y, log.label[rows])
    # Every row has the rate of training, so any threshold up to it calls all of them clicked.
    rate = log.label[log.split.train].mean()
    assert fitted.validation["f1_threshold"] == pytest.approx(rate)
    measured = log_loss(log.label[log.split.validation], np.full(len(rows), rate))
    assert fitted.validation["validation_log_loss"] == pytest.approx(measured)


@pytest.mark.parametrize("name", ["smoothed_ad", "hashed_lr", "lightgbm"])
def test_a_factor_that_all_weights_share_teaches_nothing(planted_log, name):
    log = planted_log()
    (rung,) = select_rungs(AD_CLICK_RUNGS, [name])
    (settings, *_) = rung.settings(log.roles)
    predicted = []
    for factor in (1.0, 1e-3, 1e5):
        weighted = log.frame.assign(w=factor * (1.0 + log.frame["ts"] % 2))
        scaled = replace(log, frame=weighted, roles=replace(log.roles, weight="w"))
        prepared = prepare_log(Replicate(0, scaled))
        fitted = PROTOCOL.fit(rung, prepared, settings)
        predicted.append(PROTOCOL.predict(fitted, prepared).predictions["probability"])
    for other in predicted[1:]:
        np.testing.assert_allclose(other, predicted[0], rtol=1e-4)


def test_unknown_rung_is_one_clear_line(planted_log):
    with pytest.raises(InputError, match="unknown rung 'nope'; choose among global_rate"):
        run_ladder(LogSource(planted_log()), LADDER, seeds=(0,), rungs=["nope"])
    with pytest.raises(InputError, match="unknown rung 'hashed_rl'; did you mean 'hashed_lr'?"):
        select_rungs(AD_CLICK_RUNGS, ["hashed_rl"])


def test_worlds_get_three_seeds_and_logs_five(planted_log):
    assert len(default_seeds(CASE.source())) == 3
    assert len(default_seeds(LogSource(planted_log()))) == 5


def test_every_tuned_rung_tries_as_many_settings(planted_log):
    roles = planted_log(user=True).roles
    tried = {rung.name: len(rung.settings(roles)) for rung in AD_CLICK_RUNGS}
    assert {name for name, count in tried.items() if count != SETTINGS_PER_RUNG} == {
        "global_rate",
        "oracle",
    }


def test_histories_and_time_reach_the_rungs_that_read_them(planted_log):
    prepared = prepare_log(Replicate(0, planted_log(user=True)))
    din, kalman, plain = select_rungs(AD_CLICK_RUNGS, ["din", "kalman", "hashed_lr"])
    rungs = sorted((din, kalman, plain), key=lambda rung: rung.name)
    seen = {rung.name: set(select_columns(rung, prepared, "test")) for rung in rungs}
    assert {"clicked_ad_id"} == {name for name in seen["din"] if name.startswith("clicked_")}
    assert "ts" in seen["kalman"]
    assert "ts" not in seen["hashed_lr"] | seen["din"]
    assert "click" not in set().union(*seen.values())


def test_a_log_without_users_or_conversions_skips_what_needs_them(planted_log):
    runs = run_ladder(
        LogSource(planted_log()), LADDER, seeds=(0,), rungs=["global_rate", "din", "esmm"]
    )
    assert runs.skipped == {
        "din": "the log lacks a user, an item or a time",
        "esmm": "the log lacks conversions",
    }


def test_conversions_known_after_the_part_ended_count_as_none():
    replicate = next(CASE.source(size="small", history_days=6).replicates((1,)))
    prepared = prepare_log(replicate)
    train = prepared.rows("train")
    clicked, converted = click_and_conversion(prepared, "train").T
    np.testing.assert_array_equal(clicked, prepared.label("train"))
    conversions = replicate.tables["conversions"]
    known = conversions.query("known_at <= @train.known_at.max()")["impression_id"]
    assert converted.sum() == train["impression_id"].isin(known).sum() > 0
    assert converted.sum() < train["impression_id"].isin(conversions["impression_id"]).sum()


@pytest.mark.parametrize("name", ["din", "esmm", "student", "ensemble"])
def test_the_late_rungs_learn_predict_and_say_what_they_cost(name):
    replicate = next(CASE.source(size="small", history_days=4).replicates((1,)))
    prepared, (rung,) = prepare_log(replicate), select_rungs(AD_CLICK_RUNGS, [name])
    settings = {"bases": "many rows", "combine": "average"} if name == "ensemble" else {}
    run = PROTOCOL.predict(PROTOCOL.fit(rung, prepared, settings), prepared)
    probability = run.predictions["probability"]
    assert probability.shape == prepared.label("test").shape
    assert ((probability > 0) & (probability < 1)).all()
    assert run.costs["memory_mb"] > 0
    assert 0 < run.validation["f1_threshold"] < 1


def test_a_scorer_is_handed_weights_and_measured_by_them(planted_log):
    log, handed = planted_log(), {}
    weight = np.where(log.label == 1, 1.0, 5.0 + np.arange(len(log.frame)))
    roles = replace(log.roles, weight="kept")
    log = replace(log, frame=log.frame.assign(kept=weight), roles=roles)

    class Watched(GlobalRate):
        def fit(self, X, y, *, valid=None, sample_weight=None):
            handed.update(train=sample_weight, validation=valid[2])
            return super().fit(X, y)

        def predict_proba(self, X):
            return np.column_stack([1 - X["ad_id"] / 10, X["ad_id"] / 10])

    (rung,) = select_rungs(AD_CLICK_RUNGS, ["global_rate"])
    rung = replace(rung, build=lambda inputs, settings: Watched())
    fitted = PROTOCOL.fit(rung, prepare_log(Replicate(0, log)), {})
    learned_with = weight[log.split.train]
    np.testing.assert_allclose(handed["train"], learned_with / learned_with.mean(), rtol=1e-12)
    np.testing.assert_array_equal(handed["validation"], weight[log.split.validation])
    rows = log.split.validation
    measured = log.label[rows], log.frame["ad_id"].to_numpy()[rows] / 10
    threshold = best_f1_threshold(*measured, sample_weight=weight[rows])
    assert fitted.validation["f1_threshold"] == threshold != best_f1_threshold(*measured)
    loss = log_loss(*measured, sample_weight=weight[rows])
    assert fitted.validation["validation_log_loss"] == loss != log_loss(*measured)


def test_a_log_with_columns_called_as_features_are_is_climbed_all_the_same(planted_log):
    log = planted_log(user=True)
    names = (*prepare_log(Replicate(0, log)).counter_names, "clicked_ad_id")
    noise = np.random.default_rng(5).random((len(names), len(log.frame)))
    roles = replace(log.roles, numeric=(*log.roles.numeric, *names))
    own = LabelledLog("own", log.frame.assign(**dict(zip(names, noise))), roles, log.split)
    prepared = prepare_log(Replicate(0, own))
    assert not set(names) & set(prepared.counter_names)
    (rung,) = select_rungs(AD_CLICK_RUNGS, ["din"])
    seen = select_columns(rung, prepared, "test")
    for name, values in zip(names, noise):
        np.testing.assert_array_equal(seen[name], values[log.split.test])
    assert {*prepared.counter_names, "clicked_ad_id_2"} <= set(seen)
    runs = run_ladder(LogSource(own), LADDER, seeds=(0,), rungs=["hashed_lr_counters"])
    assert len(runs.replicates[0].runs) == 1


def test_no_history_is_called_as_a_counter(planted_log):
    log = planted_log(user=True)
    ad, site = (log.frame[name].to_numpy() for name in ("ad_id", "site"))
    frame = log.frame.assign(clicked_ad=site, ad_impressions_1h=ad % 3)
    roles = replace(log.roles, categorical=("clicked_ad", "ad_impressions_1h"))
    prepared = prepare_log(Replicate(0, replace(log, frame=frame, roles=roles)))
    assert "clicked_ad_impressions_1h" in prepared.counter_names
    assert prepared.histories.names == ("clicked_ad_id", "clicked_ad_impressions_1h_2")

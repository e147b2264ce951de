"""The served ad model sees and says what the deployed policy does; a damaged one is one line."""

import json
import shutil
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from mlsd.cases import find_service
from mlsd.cases.ad_click.ladder import LADDER, WORLDS, policy_of
from mlsd.cases.ad_click.training import served_ads
from mlsd.experiments import load_ledger
from mlsd.experiments.ledger import ledger_settings
from mlsd.experiments.sources import Replicate
from mlsd.features import CounterFeatures
from mlsd.policies.ad_click import ScorerPolicy
from mlsd.runtime import InputError
from mlsd.serving.ad_click.engine import AdEngine, load_ads
from mlsd.serving.ad_click.features import CONTEXT
from mlsd.serving.artifact import read_artifact
from mlsd.serving.engine import Engine, StageClock
from mlsd.serving.requests import RankRequest

DAYS = 2
RUNGS = {rung.name: rung for rung in LADDER.rungs}


@pytest.fixture(scope="module")
def world():
    return WORLDS.make(3, size="small")


@pytest.fixture(scope="module")
def logs(world):
    return world.history(days=DAYS)


@pytest.fixture(scope="module")
def prepared(world, logs):
    tables = {"conversions": logs.conversions}
    log = logs.labelled_log()
    return LADDER.protocol.prepare(Replicate(3, log, world=world, tables=tables))


class Listening(ScorerPolicy):
    """Keeps the requests that it is asked about."""

    heard = []

    def act(self, requests):
        self.heard.append(requests)
        return super().act(requests)


@pytest.fixture(scope="module")
def requests(world, logs, prepared):
    """Return some requests of the first hours after the history, as if all came at its end."""
    Listening.heard.clear()
    constant = RUNGS["global_rate"]
    model = LADDER.protocol.fit(constant, prepared, {}).model
    world.deploy(Listening(model), days=1, history_days=DAYS)
    batch = max(Listening.heard[:20], key=len)
    return replace(batch, ts=np.full(len(batch), float(logs.until)))


def fitted(name, prepared):
    rung = RUNGS[name]
    return LADDER.protocol.fit(rung, prepared, rung.settings(prepared.replicate.log.roles)[-1])


@pytest.mark.parametrize("name", ["ensemble", "din", "kalman"])
def test_a_request_is_looked_up_and_scored_as_by_the_deployed_policy(
    name, prepared, logs, requests
):
    rung = fitted(name, prepared)
    policy = policy_of(rung, prepared)
    expected = policy.act(requests).predicted_ctr
    columns = requests.columns()
    for features in (policy.counters, policy.histories):
        columns |= features.lookup(columns, columns["ts"]) if features is not None else {}
    engine = AdEngine(served_ads(rung, prepared, logs))
    assert len(requests) > 20
    for row, ad_ids in enumerate(requests.candidates["ad_id"]):
        context = {key: int(requests.context[key][row]) for key in CONTEXT}
        looked_up = engine.features.columns(context, ad_ids)
        rows = slice(row * len(ad_ids), (row + 1) * len(ad_ids))
        for key in {*looked_up} | {*prepared.counter_names} & {*columns}:
            np.testing.assert_array_equal(looked_up[key], columns[key][rows], err_msg=key)
        np.testing.assert_allclose(
            engine.probability(context, ad_ids), expected[row], rtol=0, atol=2e-6
        )


def test_unknown_ids_are_looked_up_as_by_the_counters(prepared, logs):
    rung = fitted("lightgbm_counters", prepared)
    engine = AdEngine(served_ads(rung, prepared, logs))
    counters = prepared.counters.serving(prepared.replicate.log)
    ads = np.array([0, 5, len(logs.ads), 1_000_000])
    context = dict.fromkeys(CONTEXT, 0)
    for user in (0, len(logs.users), 1_000_000, -1):
        looked_up = engine.features.columns(context | {"user_id": user}, ads)
        known = {"user_id": np.full(4, user), "ad_id": ads, "publisher_id": np.zeros(4, np.int64)}
        known |= {name: looked_up[name] for name in ("campaign_id", "category")}
        for name, values in counters.lookup(known, float(logs.until)).items():
            np.testing.assert_array_equal(looked_up[name], values, err_msg=f"{name} of {user}")


def test_the_requests_hold_pairs_that_were_counted_and_pairs_that_were_not(prepared, requests):
    counters = CounterFeatures.for_log(prepared.replicate.log).serving(prepared.replicate.log)
    columns = requests.columns()
    views = counters.lookup(columns, columns["ts"])["user_id_ad_id_views_1d"]
    assert 0.02 < (views > 0).mean() < 0.98


def test_an_artifact_is_loaded_as_an_engine_that_answers_its_own_examples(ad_artifact):
    engine = load_ads(read_artifact(ad_artifact.folder, case="ad_click"))
    assert isinstance(engine, Engine)
    assert (engine.version, engine.created_at) == (ad_artifact.version, ad_artifact.created_at)
    generator, clock = np.random.default_rng(0), StageClock()
    for _ in range(20):
        example = engine.example(generator)
        request = engine.parse(json.dumps(example).encode())
        for answer in (engine.answer(request, clock), engine.fallback(request)):
            assert set(answer["ad_ids"]) <= set(example["ad_ids"])
            assert len(answer["ad_ids"]) == 10
            json.dumps(answer, allow_nan=False)
    assert tuple(clock.seconds) == engine.stages


def test_an_artifact_says_what_it_was_made_of(ad_artifact):
    about = ad_artifact.about
    asked = {"rung": "ensemble", "size": "small", "seed": "3", "history_days": "2"}
    assert {name: about[name] for name in asked} == asked
    assert set(about) == {*asked, "settings", "train_rows"}


def test_candidates_are_ranked_by_bid_times_probability(ad_artifact):
    engine = load_ads(ad_artifact)
    request = engine.parse(json.dumps(engine.example(np.random.default_rng(5))).encode())
    value = request.bids * engine.probability(request.context, request.ad_ids)
    best = np.argsort(-value, kind="stable")[:10]
    probability = engine.probability(request.context, request.ad_ids)[best]
    assert engine.answer(request, StageClock()) == {
        "ad_ids": request.ad_ids[best].tolist(),
        "click_probability": probability.round(6).tolist(),
    }


def test_the_fallback_ranks_by_bid_times_the_smoothed_rate_of_each_ad(ad_artifact):
    engine = load_ads(ad_artifact)
    rate = engine.served.rate_by_ad
    low, high = int(rate[:-1].argmin()), int(rate[:-1].argmax())
    unknown = len(rate) - 1
    for bids, order in (([1, 1, 1], [2, 1, 0]), ([1, 1e3, 1], [1, 2, 0])):
        ids = [low, unknown, high]
        request = RankRequest(dict.fromkeys(CONTEXT, 0), np.array(ids), np.array(bids, float))
        assert engine.fallback(request) == {
            "ad_ids": [ids[place] for place in order],
            "click_probability": [round(float(rate[ids[place]]), 6) for place in order],
        }


def test_a_context_that_was_looked_up_is_a_hit(ad_artifact):
    engine = load_ads(ad_artifact)
    engine.features.cache.hits = engine.features.cache.misses = 0
    for _ in range(3):
        engine.probability(dict.fromkeys(CONTEXT, 1), np.array([3]))
    tables = len(engine.served.features.tables) - 1
    assert (engine.cache_misses, engine.cache_hits) == (tables, 2 * tables)


def test_one_answer_of_the_golden_request_that_is_off_is_enough(ad_artifact):
    served = load_ads(ad_artifact).served
    AdEngine(served).check_golden()
    expected = served.golden["click_probability"].copy()
    expected[7] += 2e-4
    off = replace(served, golden={**served.golden, "click_probability": expected})
    with pytest.raises(InputError, match="answers its own request 0.0002 off"):
        AdEngine(off).check_golden()


def test_examples_are_of_live_ads_and_mostly_of_active_users(prepared, logs):
    engine = AdEngine(served_ads(fitted("global_rate", prepared), prepared, logs))
    features, generator = engine.served.features, np.random.default_rng(0)
    retired = logs.ads["ad_id"][logs.ads["retired_at"] <= logs.until]
    assert set(features.live_ads) == {*logs.ads["ad_id"]} - {*retired}
    seen = prepared.replicate.log.frame["user_id"].value_counts()
    assert sorted(features.users_by_activity) == sorted(seen.index)
    assert (np.diff(seen[features.users_by_activity]) <= 0).all()
    users = [engine.example(generator)["context"]["user_id"] for _ in range(300)]
    first = np.isin(users, features.users_by_activity[: len(seen) // 10]).mean()
    # Of all weights 1 / k, what the first tenth of them make up.
    weights = 1 / np.arange(1, len(seen) + 1)
    assert first == pytest.approx(weights[: len(seen) // 10].sum() / weights.sum(), abs=0.1)


def test_ids_that_nobody_knows_are_answered(ad_artifact):
    engine = load_ads(ad_artifact)
    strange = {"user_id": 2_000_000, "publisher_id": 9_999, "device": -1, "hour": 30, "weekday": 9}
    request = engine.parse(json.dumps({"context": strange, "ad_ids": [2_000_000, 3]}).encode())
    for answer in (engine.answer(request, StageClock()), engine.fallback(request)):
        assert all(0 < p < 1 for p in answer["click_probability"])


@pytest.mark.parametrize("name", CONTEXT)
def test_a_context_that_lacks_a_value_is_told_so(name, ad_artifact):
    engine = load_ads(ad_artifact)
    body = engine.example(np.random.default_rng(0))
    del body["context"][name]
    with pytest.raises(InputError, match=f"context lacks '{name}'"):
        engine.parse(json.dumps(body).encode())


@pytest.fixture
def copy(ad_artifact, tmp_path):
    folder = tmp_path / ad_artifact.version
    shutil.copytree(ad_artifact.folder, folder)
    return replace(ad_artifact, folder=folder)


@pytest.mark.parametrize("place", [0.1, 0.5, 0.9])
def test_a_flipped_byte_in_any_file_is_found(place, copy):
    for path in sorted(copy.folder.iterdir()):
        whole = path.read_bytes()
        at = int(place * len(whole))
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0x40]) + whole[at + 1 :])
        with pytest.raises(InputError, match="train again"):
            read_artifact(copy.folder, case="ad_click")
        path.write_bytes(whole)
    read_artifact(copy.folder, case="ad_click")


@pytest.mark.parametrize("seed", range(12))
def test_files_with_any_bytes_changed_are_loaded_or_are_one_line(seed, copy):
    generator = np.random.default_rng(seed)
    for path in sorted(copy.folder.glob("ads*")):
        whole = path.read_bytes()
        content = bytearray(whole[: generator.integers(len(whole))] if seed % 3 == 0 else whole)
        for place in generator.integers(0, max(len(content), 1), 3)[: len(content)]:
            content[place] = generator.integers(256)
        path.write_bytes(content)
        # A change that the answers do not show, such as one of an embedding, loads all the same.
        loaded, line = loaded_or_refused(copy)
        if loaded is None:
            assert str(copy.folder) in line
            assert "\n" not in line
        else:
            loaded.check_golden()
        path.write_bytes(whole)


def loaded_or_refused(artifact):
    try:
        return load_ads(artifact), ""
    except InputError as error:
        return None, str(error)


def rewrite(folder, change):
    path = folder / "ads.json"
    text = json.loads(path.read_text())
    change(text)
    path.write_text(json.dumps(text))


def hollow(text):
    text["root"] = {"object": 0}


def negate_the_ensemble(text):
    (ensemble,) = (each for each in text["objects"] if each["class"] == "WeightedScores")
    ensemble["fields"]["intercept"] = 3.0


@pytest.mark.parametrize(
    ("change", "problem"),
    [(hollow, "is not an ad model"), (negate_the_ensemble, "answers its own request .* off")],
)
def test_whole_files_of_a_wrong_model_are_one_line(change, problem, copy):
    rewrite(copy.folder, change)
    with pytest.raises(InputError, match=problem):
        load_ads(copy)


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"rung": "oracle"}, "choose one that learns"),
        ({"rung": "nope"}, "unknown rung 'nope'"),
        ({"rung": "ensemble", "size": "huge"}, "size"),
    ],
)
def test_what_cannot_be_trained_is_one_line_and_leaves_nothing(options, problem, tmp_path):
    with pytest.raises(InputError, match=problem):
        find_service("ad_click").train(tmp_path, **options)
    assert list((tmp_path / "ad_click").iterdir()) == []


@pytest.mark.parametrize("name", [name for name, rung in RUNGS.items() if not rung.is_oracle])
def test_a_rung_is_trained_with_the_settings_of_the_ledger(name, prepared):
    settings = ledger_settings("ad_click", RUNGS[name], prepared.replicate.log.roles)
    ledger = load_ledger("ad_click").set_index("rung")["settings"]
    assert json.dumps(dict(settings)) == ledger[name]


START = """
import sys
from mlsd.cases import find_service
from mlsd.serving.artifact import read_artifact
find_service("ad_click").load(read_artifact(sys.argv[1]))
print([name for name in ("torch", "lightgbm", "sklearn", "pandas", "matplotlib", "duckdb")
       if name in sys.modules])
"""


def test_a_serving_process_loads_no_library_of_training(ad_artifact):
    run = [sys.executable, "-c", START, str(ad_artifact.folder)]
    assert subprocess.run(run, capture_output=True, text=True, check=True).stdout == "[]\n"

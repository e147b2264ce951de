"""The case of ad click prediction: its policy knows what the history knew."""

import pickle
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from mlsd.cases import find_case
from mlsd.experiments.prepared import rung_inputs
from mlsd.experiments.rungs import select_rungs
from mlsd.models import GlobalRate

CASE = find_case("ad_click")
# Their fit is the same in every run.
WITHOUT_LUCK = ("GlobalRate", "SmoothedRate", "KalmanRate", "FTRLProximal")
WITHOUT_LUCK += ("HashedLogisticRegression",)


@pytest.fixture(scope="module")
def prepared():
    replicate = next(CASE.source(size="small", history_days=2).replicates((1,)))
    return CASE.ladder.protocol.prepare(replicate)


def policy_of(rung, prepared):
    (rung,) = select_rungs(CASE.ladder.rungs, [rung])
    return CASE.ladder.policy(SimpleNamespace(rung=rung, model=GlobalRate()), prepared)


def test_a_deployed_counter_rung_has_counted_the_whole_history(prepared):
    frame = prepared.replicate.log.frame
    counters = policy_of("hashed_lr_counters", prepared).counters
    ads, shown = np.unique(frame["ad_id"], return_counts=True)
    now = np.full(len(ads), frame["known_at"].max() + 1)
    columns = {name: np.repeat(frame[name].to_numpy()[-1], len(ads)) for name in frame}
    found = counters.lookup(columns | {"ad_id": ads}, now)
    counted = {n: np.expm1(v) for n, v in found.items() if n.startswith("ad_id_impressions_")}
    assert all((values <= shown * (1 + 1e-5)).all() for values in counted.values())
    # Impressions fade with a half-life of hours or of a day: the longer one keeps most of two days.
    assert max(values.sum() for values in counted.values()) > 0.25 * shown.sum()


def test_a_deployed_history_rung_remembers_the_clicks_of_the_history(prepared):
    frame = prepared.replicate.log.frame
    last = frame[frame["click"] == 1].groupby("user_id").tail(1)
    columns = {name: last[name].to_numpy() for name in last}
    now = np.full(len(last), frame["known_at"].max() + 1)
    found = policy_of("din", prepared).histories.lookup(columns, now)
    np.testing.assert_array_equal(found["clicked_ad_id"][:, 0], last["ad_id"])


def test_rungs_that_read_neither_carry_neither(prepared):
    policy = policy_of("hashed_lr", prepared)
    assert (policy.counters, policy.histories) == (None, None)


def unfitted(rung, prepared, **changes):
    """Return the model of each setting that a rung tries, as bytes."""
    inputs = replace(rung_inputs(rung, prepared), **changes)
    tried = rung.settings(prepared.replicate.log.roles)
    return [pickle.dumps(rung.build(inputs, settings)) for settings in tried]


MODELS = [rung for rung in CASE.ladder.rungs if not rung.is_oracle]


@pytest.mark.parametrize("rung", MODELS, ids=lambda rung: rung.name)
def test_every_setting_that_is_tried_is_a_model_of_its_own(rung, prepared):
    models = unfitted(rung, prepared)
    assert len(set(models)) == len(models)


@pytest.mark.parametrize("rung", MODELS, ids=lambda rung: rung.name)
def test_the_seed_reaches_every_model_that_draws(rung, prepared):
    one, two = (unfitted(rung, prepared, random_state=seed) for seed in (1, 2))
    draws = [b"random_state" in model for model in one]
    assert [a != b for a, b in zip(one, two, strict=True)] == draws
    assert all(draws) or rung.model in WITHOUT_LUCK


def test_the_designs_are_those_of_an_ad_market():
    assert set(CASE.ladder.designs) == {"user", "budget", "switchback"}

"""What every scorer of several tasks promises, checked on a planted funnel of clicks."""

import inspect
import pickle

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone

from mlsd import models
from mlsd.metrics import log_loss
from mlsd.models.base import MultiTaskScorer, Scorer
from mlsd.models.tasks import OneTask
from mlsd.runtime import InputError

COLUMNS = {"categorical": ("ad_id", "device"), "numeric": ("age",)}
SETTINGS = {
    "ESMM": {"epochs": 6, "batch_size": 128, "hidden": (16,), "learning_rate": 3e-3},
    "SharedBottom": {"epochs": 6, "batch_size": 128, "hidden": (16,), "learning_rate": 3e-3},
    "MMoE": {"epochs": 6, "batch_size": 128, "hidden": (16,), "learning_rate": 3e-3},
}
# Each outcome needs the one before it.
FUNNELS = ("ESMM",)


def build(name, **changes):
    return getattr(models, name)(**{**COLUMNS, **SETTINGS[name], "random_state": 3, **changes})


def planted(rows=4_000, seed=0):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "ad_id": rng.integers(0, 12, rows),
            "device": rng.choice(["phone", "desktop"], rows),
            "age": rng.normal(40, 12, rows),
        }
    )
    click = rng.random(rows) < np.array([0.15, 0.4, 0.7])[frame["ad_id"] % 3]
    converted = click & (rng.random(rows) < np.where(frame["device"] == "phone", 0.2, 0.7))
    return frame, np.column_stack([click, converted]).astype(np.int8)


@pytest.fixture(scope="module")
def data():
    frame, y = planted()
    return frame.iloc[:3_000], y[:3_000], frame.iloc[3_000:], y[3_000:]


@pytest.fixture(scope="module", params=models.MULTI_TASK_SCORERS)
def name(request):
    return request.param


@pytest.fixture(scope="module")
def fitted(name, data):
    return build(name).fit(data[0], data[1])


def test_registry_is_covered():
    assert set(models.MULTI_TASK_SCORERS) == set(SETTINGS)
    assert not set(models.MULTI_TASK_SCORERS) & set(models.SCORERS)


def test_constructor_stores_its_arguments_and_does_nothing_else(name):
    parameters = inspect.signature(getattr(models, name)).parameters.values()
    assert all(p.kind is p.KEYWORD_ONLY and p.default is not p.empty for p in parameters)
    marked = {p.name: object() for p in parameters}
    scorer = getattr(models, name)(**marked)
    assert vars(scorer) == marked == scorer.get_params()


def test_keeps_the_contract(name, data):
    scorer = build(name)
    before = set(vars(scorer))
    assert scorer.fit(data[0], data[1]) is scorer
    assert isinstance(scorer, MultiTaskScorer)
    assert all(each.endswith("_") for each in set(vars(scorer)) - before)


def test_one_probability_a_task_and_in_a_funnel_each_below_the_one_before(name, fitted, data):
    p = fitted.predict_proba(data[2])
    assert p.shape == (len(data[2]), len(fitted.tasks)) == data[3].shape
    assert name not in FUNNELS or (np.diff(p, axis=1) <= 0).all()
    assert p.min() > 0
    assert p.max() < 1
    assert fitted.predict_proba(data[2].iloc[:0]).shape == (0, len(fitted.tasks))


def test_planted_structure_is_learned_in_every_task(fitted, data):
    p = fitted.predict_proba(data[2])
    for task in range(len(fitted.tasks)):
        constant = np.full(len(data[3]), data[1][:, task].mean())
        assert log_loss(data[3][:, task], p[:, task]) < log_loss(data[3][:, task], constant) - 0.03


def test_prediction_does_not_depend_on_the_other_rows(fitted, data):
    whole = fitted.predict_proba(data[2].iloc[:50])
    np.testing.assert_allclose(fitted.predict_proba(data[2].iloc[7:8]), whole[7:8], rtol=1e-5)


def test_refit_starts_afresh_and_the_global_seed_does_not_matter(name, fitted, data):
    torch.manual_seed(123)
    state = torch.random.get_rng_state()
    scorer = build(name).fit(data[2], data[3])
    again = scorer.fit(data[0], data[1]).predict_proba(data[2])
    np.testing.assert_array_equal(again, fitted.predict_proba(data[2]))
    assert torch.equal(torch.random.get_rng_state(), state)


def test_another_random_state_gives_another_model(name, fitted, data):
    other = build(name, random_state=4).fit(data[0], data[1])
    assert not np.array_equal(other.predict_proba(data[2]), fitted.predict_proba(data[2]))


def test_inputs_are_never_changed(name, data):
    frame, y = data[0].copy(), data[1].copy()
    frame.iloc[5, 2] = np.nan
    kept = frame.copy()
    build(name).fit(frame, y, valid=(frame, y), sample_weight=np.ones(len(y))).predict_proba(frame)
    pd.testing.assert_frame_equal(frame, kept)
    np.testing.assert_array_equal(y, data[1])


def test_mapping_and_frame_give_the_same(name, fitted, data):
    train = {n: data[0][n].to_numpy() for n in data[0]}
    rows = {n: data[2][n].to_numpy() for n in data[2]}
    again = build(name).fit(train, data[1]).predict_proba(rows)
    np.testing.assert_array_equal(again, fitted.predict_proba(data[2]))


def test_ids_never_seen_fall_back(fitted, data):
    p = fitted.predict_proba(data[2].iloc[:20].assign(ad_id=10**9, device="fridge"))
    assert np.isfinite(p).all()
    assert np.abs(p.mean(axis=0) - data[1].mean(axis=0)).max() < 0.25


def test_pickles_and_clones(fitted, data):
    again = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(again.predict_proba(data[2]), fitted.predict_proba(data[2]))
    copy = clone(fitted)
    assert repr(copy) == repr(fitted) == repr(again)
    assert not any(each.endswith("_") for each in vars(copy))


def wrong_inputs():
    frame, y = planted(200)
    never = y * np.array([1, 0])
    return {
        "one task": ((frame, y[:, 0]), {}, "y has shape"),
        "three tasks": ((frame, np.hstack([y, y[:, 1:]])), {}, "y has shape"),
        "a row too few": ((frame, y[1:]), {}, "y has shape"),
        "a third label": ((frame, y * 2), {}, "labels are 0 and 1"),
        "a missing label": ((frame, np.where(y == 1, np.nan, 0.0)), {}, "labels are 0 and 1"),
        "a task of one class": ((frame, never), {}, "both 0 and 1 are needed"),
        "no click": ((frame, y * 0), {}, "both 0 and 1 are needed"),
        "no row": ((frame.iloc[:0], y[:0]), {}, "both 0 and 1 are needed"),
        "short weights": ((frame, y), {"sample_weight": np.ones(9)}, "sample_weight has shape"),
        "no such column": ((frame.drop(columns="ad_id"), y), {}, "'ad_id' is missing"),
    }


@pytest.mark.parametrize("case", wrong_inputs())
def test_bad_input_is_one_clear_line(name, case):
    arguments, options, message = wrong_inputs()[case]
    with pytest.raises(InputError, match=message) as caught:
        build(name).fit(*arguments, **options)
    assert "\n" not in str(caught.value)


def test_prediction_before_fit_is_refused(name, data):
    with pytest.raises(InputError, match="call fit first"):
        build(name).predict_proba(data[2])


def test_one_task_of_it_is_a_scorer(name, fitted, data):
    frame, y, later, _ = data
    for task, expected in zip(fitted.tasks, fitted.predict_proba(later).T):
        one = OneTask(scorer=build(name), task=task).fit(frame, y)
        assert isinstance(one, Scorer)
        p = one.predict_proba(later)
        np.testing.assert_array_equal(p[:, 1], expected)
        np.testing.assert_allclose(p.sum(axis=1), 1.0)
    with pytest.raises(InputError, match="task is 'hide'"):
        OneTask(scorer=fitted, task="hide").predict_proba(later)

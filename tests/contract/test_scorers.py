"""What every scorer promises, checked on data whose structure is planted."""

import inspect
import pickle

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone

from mlsd import models
from mlsd.metrics import log_loss
from mlsd.models.base import OnlineScorer, Scorer
from mlsd.models.layers import IdDropout, StackedEmbedding
from mlsd.runtime import InputError

CATEGORICAL, NUMERIC = ("ad_id", "device"), ("age",)
SETTINGS = {
    "GlobalRate": {},
    "SmoothedRate": {"levels": (("ad_id",), ("ad_id", "device"))},
    "HashedLogisticRegression": {"bits": 18},
    "FTRLProximal": {"bits": 18, "epochs": 3},
    "LightGBMScorer": {"n_estimators": 40, "min_child_samples": 20, "random_state": 3},
    "KalmanRate": {"levels": (("device",), ("ad_id",)), "time": None},
    "TreeLeavesLogisticRegression": {
        "n_estimators": 20,
        "tree_settings": {"min_child_samples": 20},
        "random_state": 3,
    },
    "StackedEnsemble": {
        "scorers": {
            "linear": models.HashedLogisticRegression(
                categorical=CATEGORICAL, numeric=NUMERIC, bits=18
            ),
            "trees": models.LightGBMScorer(
                categorical=CATEGORICAL, numeric=NUMERIC, n_estimators=20, min_child_samples=20
            ),
        },
    },
    "FactorizationMachine": {"epochs": 6, "batch_size": 128, "random_state": 3},
    "DCNv2": {"epochs": 6, "batch_size": 128, "hidden": (16,), "random_state": 3},
    "DeepFM": {"epochs": 6, "batch_size": 128, "hidden": (16,), "random_state": 3},
    "DLRM": {"epochs": 6, "batch_size": 128, "hidden": (16,), "random_state": 3},
    "DIN": {"epochs": 6, "batch_size": 128, "hidden": (16,), "random_state": 3},
    "StudentPerceptron": {"epochs": 6, "batch_size": 128, "hidden": (16,), "random_state": 3},
}
RATES = ("GlobalRate", "SmoothedRate", "KalmanRate")
WITH_NUMBERS = [n for n in models.SCORERS if n not in RATES]
DEEP = ("FactorizationMachine", "DCNv2", "DeepFM", "DLRM", "DIN", "StudentPerceptron")
WITH_COLUMNS = [n for n in WITH_NUMBERS if n != "StackedEnsemble"]
ONLINE = ("FTRLProximal", "KalmanRate")
STOPPING = (*DEEP, "LightGBMScorer", "TreeLeavesLogisticRegression", "StackedEnsemble")
LEARNING = [n for n in models.SCORERS if n != "GlobalRate"]


def build(name, **changes):
    columns = {"categorical": CATEGORICAL, "numeric": NUMERIC} if name in WITH_COLUMNS else {}
    return getattr(models, name)(**{**columns, **SETTINGS[name], **changes})


def planted(rows=4_000, seed=0):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "ad_id": rng.integers(0, 12, rows),
            "device": rng.choice(["phone", "desktop"], rows),
            "age": rng.normal(40, 12, rows),
        }
    )
    score = -1.0 + 1.2 * (frame["ad_id"] % 3 - 1) + 0.04 * (frame["age"] - 40)
    return frame, (rng.random(rows) < 1 / (1 + np.exp(-score))).astype(np.int8).to_numpy()


@pytest.fixture(scope="module")
def data():
    frame, y = planted()
    return frame.iloc[:3_000], y[:3_000], frame.iloc[3_000:], y[3_000:]


@pytest.fixture(scope="module", params=models.SCORERS)
def name(request):
    return request.param


@pytest.fixture(scope="module")
def fitted(name, data):
    return build(name).fit(data[0], data[1])


def test_registry_covers_every_class_with_predict_proba():
    classes = {n for n in models.__all__ if hasattr(getattr(models, n), "predict_proba")}
    assert classes == set(models.SCORERS) | set(models.MULTI_TASK_SCORERS)
    assert set(models.SCORERS) == set(SETTINGS)


def test_constructor_stores_its_arguments_and_does_nothing_else(name):
    cls = getattr(models, name)
    parameters = inspect.signature(cls).parameters.values()
    assert all(p.kind is p.KEYWORD_ONLY for p in parameters)
    marked = {p.name: object() for p in parameters}
    scorer = cls(**marked)
    assert vars(scorer) == marked == scorer.get_params()
    assert {p.name for p in parameters if p.default is p.empty} == set()


def test_keeps_the_contract(fitted, name):
    assert isinstance(fitted, Scorer)
    assert isinstance(fitted, OnlineScorer) == (name in ONLINE)
    assert "=" in repr(fitted) or not fitted.get_params()


def test_fit_returns_self_and_learned_names_end_in_underscore(name, data):
    scorer = build(name)
    before = set(vars(scorer))
    assert scorer.fit(data[0], data[1]) is scorer
    learned = set(vars(scorer)) - before
    assert learned
    assert all(each.endswith("_") for each in learned if not each.startswith("_"))
    assert scorer.get_params() == build(name).get_params()


def test_probabilities_have_two_columns_that_sum_to_one(fitted, data):
    p = fitted.predict_proba(data[2])
    assert p.shape == (len(data[2]), 2)
    np.testing.assert_allclose(p.sum(axis=1), 1.0)
    assert p.min() > 0
    assert p.max() < 1


def test_no_rows_give_no_predictions(fitted, data):
    assert fitted.predict_proba(data[2].iloc[:0]).shape == (0, 2)


def test_prediction_does_not_depend_on_the_other_rows(fitted, data):
    whole = fitted.predict_proba(data[2].iloc[:50])
    np.testing.assert_allclose(fitted.predict_proba(data[2].iloc[7:8]), whole[7:8], rtol=1e-5)
    np.testing.assert_allclose(fitted.predict_proba(data[2].iloc[49::-1]), whole[::-1], rtol=1e-5)


def test_refit_starts_afresh(name, data):
    scorer = build(name).fit(data[0], 1 - data[1])
    scorer.fit(data[0], data[1])
    expected = build(name).fit(data[0], data[1]).predict_proba(data[2])
    np.testing.assert_array_equal(scorer.predict_proba(data[2]), expected)


def test_inputs_are_never_changed(name, data):
    frame, y = data[0].copy(), data[1].copy()
    weights = np.full(len(y), 2.0)
    frame.iloc[5, 2] = np.nan
    kept = frame.copy()
    build(name).fit(frame, y, valid=(frame, y), sample_weight=weights).predict_proba(frame)
    pd.testing.assert_frame_equal(frame, kept)
    np.testing.assert_array_equal(y, data[1])
    np.testing.assert_array_equal(weights, 2.0)


def test_read_only_arrays_are_accepted(name, data):
    columns = {n: data[0][n].to_numpy().copy() for n in data[0]}
    y = data[1].copy()
    for each in (*columns.values(), y):
        each.flags.writeable = False
    assert build(name).fit(columns, y).predict_proba(columns).shape == (len(y), 2)


def test_mapping_and_frame_give_the_same(name, fitted, data):
    as_mapping = build(name).fit({n: data[0][n].to_numpy() for n in data[0]}, data[1])
    rows = {n: data[2][n].to_numpy() for n in data[2]}
    np.testing.assert_array_equal(as_mapping.predict_proba(rows), fitted.predict_proba(data[2]))


def test_index_and_further_columns_of_a_frame_do_not_matter(name, fitted, data):
    shuffled = data[0].set_index(np.arange(len(data[0]))[::-1]).assign(other="x")
    again = build(name).fit(shuffled, data[1])
    np.testing.assert_array_equal(again.predict_proba(data[2]), fitted.predict_proba(data[2]))


def test_same_random_state_gives_the_same_whatever_the_global_seed(name, fitted, data):
    torch.manual_seed(123)
    state = torch.random.get_rng_state()
    again = build(name).fit(data[0], data[1])
    np.testing.assert_array_equal(again.predict_proba(data[2]), fitted.predict_proba(data[2]))
    assert torch.equal(torch.random.get_rng_state(), state)


@pytest.mark.parametrize("name", [*DEEP, "LightGBMScorer"])
def test_another_random_state_gives_another_model(name, data):
    one, two = (
        build(name, random_state=s).fit(data[0], data[1]).predict_proba(data[2]) for s in (1, 2)
    )
    assert not np.array_equal(one, two)


@pytest.mark.parametrize("name", LEARNING)
def test_planted_structure_is_learned(name, data):
    constant = build("GlobalRate").fit(data[0], data[1]).predict_proba(data[2])[:, 1]
    predicted = build(name).fit(data[0], data[1]).predict_proba(data[2])[:, 1]
    assert log_loss(data[3], predicted) < log_loss(data[3], constant) - 0.04


def test_strings_or_integers_as_ids(name, fitted, data):
    words = [part.assign(ad_id=[f"ad {i:02d}" for i in part["ad_id"]]) for part in data[::2]]
    predicted = build(name).fit(words[0], data[1]).predict_proba(words[1])
    assert predicted.shape == (len(data[2]), 2)
    losses = [log_loss(data[3], p[:, 1]) for p in (predicted, fitted.predict_proba(data[2]))]
    assert losses[0] == pytest.approx(losses[1], abs=0.01)


def test_ids_never_seen_fall_back(fitted, data):
    strange = data[2].iloc[:20].assign(ad_id=10**9, device="fridge")
    p = fitted.predict_proba(strange)[:, 1]
    assert np.isfinite(p).all()
    assert abs(p.mean() - data[1].mean()) < 0.2


@pytest.mark.parametrize("name", WITH_NUMBERS)
def test_missing_numbers_are_allowed(name, data):
    rng = np.random.default_rng(1)
    holes = data[0].assign(age=data[0]["age"].where(rng.random(len(data[0])) > 0.3))
    scorer = build(name).fit(holes, data[1])
    assert np.isfinite(scorer.predict_proba(data[2].assign(age=np.nan))).all()
    full = log_loss(data[3], scorer.predict_proba(data[2])[:, 1])
    none = log_loss(data[3], scorer.predict_proba(data[2].assign(age=np.nan))[:, 1])
    assert full < none


@pytest.mark.parametrize("name", [*RATES, "HashedLogisticRegression"])
def test_weight_two_equals_a_row_twice(name, data):
    frame, y = data[0].iloc[:800], data[1][:800]
    weights = np.where(np.arange(800) % 3 == 0, 2.0, 1.0)
    rows = np.repeat(np.arange(800), weights.astype(int))
    changes = {} if name != "HashedLogisticRegression" else {"numeric": (), "tolerance": 1e-12}
    one = build(name, **changes).fit(frame, y, sample_weight=weights).predict_proba(data[2])
    two = build(name, **changes).fit(frame.iloc[rows], y[rows]).predict_proba(data[2])
    np.testing.assert_allclose(one, two, atol=1e-5)


def test_weight_on_clicks_raises_the_rate(name, fitted, data):
    weights = np.where(data[1] == 1, 3.0, 1.0)
    scorer = build(name).fit(data[0], data[1], sample_weight=weights)
    raised = scorer.predict_proba(data[2])[:, 1].mean()
    odds = data[1].mean() / (1 - data[1].mean()) * 3
    assert raised == pytest.approx(odds / (1 + odds), abs=0.08)
    assert raised > fitted.predict_proba(data[2])[:, 1].mean() + 0.05


@pytest.mark.parametrize("name", models.SCORERS)
def test_validation_rows_stop_with_their_weights(name, data):
    frame, y, held = data[0].iloc[:1_500], data[1][:1_500], data[2]
    inverted = np.arange(len(held)) >= 800
    clicks, weights = np.where(inverted, 1 - data[3], data[3]), np.where(inverted, 2.0, 0.0)
    rows = np.repeat(np.arange(len(held)), weights.astype(int))
    weighted, repeated, bare = (
        build(name).fit(frame, y, valid=valid).predict_proba(held)
        for valid in ((held, clicks, weights), (held.iloc[rows], clicks[rows]), (held, clicks))
    )
    np.testing.assert_array_equal(weighted, repeated)
    assert np.array_equal(weighted, bare) == (name not in STOPPING)


def test_pickles(fitted, data):
    again = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(again.predict_proba(data[2]), fitted.predict_proba(data[2]))
    assert repr(again) == repr(fitted)


def test_scikit_learn_clones_it_unfitted(name, fitted, data):
    copy = clone(fitted)
    assert repr(copy) == repr(fitted)
    assert not any(each.endswith("_") for each in vars(copy))
    again = copy.fit(data[0], data[1]).predict_proba(data[2])
    np.testing.assert_array_equal(again, fitted.predict_proba(data[2]))


@pytest.mark.parametrize("name", DEEP)
def test_a_deep_scorer_builds_its_network_from_its_arguments(name, data):
    settings = {"embedding_dim": 5, "id_dropout": 0.3, "epochs": 1}
    perceptron = {} if name == "FactorizationMachine" else {"hidden": (7, 3), "dropout": 0.4}
    network = build(name, **settings, **perceptron).fit(data[0], data[1]).network_
    modules = list(network.modules())
    dims = {m.table.shape[1] for m in modules if isinstance(m, StackedEmbedding)}
    assert dims - {1} == {5}
    assert {m.share for m in modules if isinstance(m, IdDropout)} == {0.3}
    if perceptron:
        assert {m.p for m in modules if isinstance(m, torch.nn.Dropout)} == {0.4}
        units = [m.out_features for m in modules if isinstance(m, torch.nn.Linear)]
        assert {7, 3} <= set(units)


def wrong_inputs():
    frame, y = planted(200)
    ragged = {n: frame[n].to_numpy() for n in frame} | {"age": np.ones(3)}
    weights = np.ones(200)
    return {
        "unequal columns": ((ragged, y), {}, "columns differ in length"),
        "unequal labels": ((frame, y[:-1]), {}, "y has shape"),
        "two-dimensional labels": ((frame, y[:, None]), {}, "y has shape"),
        "a third label": ((frame, np.where(y == 1, 2, 0)), {}, "labels are 0 and 1"),
        "a missing label": ((frame, np.where(y == 1, np.nan, 0)), {}, "labels are 0 and 1"),
        "one class": ((frame, np.zeros(200)), {}, "both 0 and 1 are needed"),
        "no row": ((frame.iloc[:0], y[:0]), {}, "both 0 and 1 are needed"),
        "no column": (({}, y), {}, "X has no column"),
        "short weights": ((frame, y), {"sample_weight": weights[1:]}, "sample_weight has shape"),
        "negative weight": ((frame, y), {"sample_weight": -weights}, "negative or missing"),
    }


@pytest.mark.parametrize("case", wrong_inputs())
def test_bad_input_is_one_clear_line(name, case):
    arguments, options, message = wrong_inputs()[case]
    with pytest.raises(InputError, match=message) as caught:
        build(name).fit(*arguments, **options)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", LEARNING)
def test_missing_column_is_named(name, data):
    with pytest.raises(InputError, match="column 'ad_id' is missing"):
        build(name).fit(data[0].drop(columns="ad_id"), data[1])
    with pytest.raises(InputError, match="column 'ad_id' is missing"):
        build(name).fit(data[0], data[1]).predict_proba(data[2].drop(columns="ad_id"))


@pytest.mark.parametrize("name", WITH_NUMBERS)
def test_text_in_a_numeric_column_is_named(name, data):
    with pytest.raises(InputError, match="numeric column 'age'"):
        build(name).fit(data[0].assign(age="old"), data[1])


def test_prediction_before_fit_is_refused(name, data):
    with pytest.raises(InputError, match="call fit first"):
        build(name).predict_proba(data[2])

import numpy as np
import pytest
import torch

from mlsd.metrics import log_loss
from mlsd.models import DIN, DCNv2, DeepFM, HashedLogisticRegression
from mlsd.models.dcn import DCNv2Network
from mlsd.runtime import InputError

QUICK = {"epochs": 12, "batch_size": 100, "hidden": (16,), "validation_share": 0.0}


def parity(rows=2_000, size=6):
    rng = np.random.default_rng(0)
    X = {"a": rng.integers(0, size, rows), "b": rng.integers(0, size, rows)}
    return X, (X["a"] + X["b"]) % 2


@pytest.mark.parametrize("structure", ["parallel", "stacked"])
@pytest.mark.parametrize("cross_rank", [None, 8])
def test_learns_an_interaction_that_no_linear_model_on_ids_holds(structure, cross_rank):
    X, y = parity()
    model = DCNv2(categorical=("a", "b"), structure=structure, cross_rank=cross_rank, **QUICK)
    linear = HashedLogisticRegression(categorical=("a", "b")).fit(X, y)
    assert log_loss(y, linear.predict_proba(X)[:, 1]) > 0.65
    assert log_loss(y, model.fit(X, y).predict_proba(X)[:, 1]) < 0.15


def test_forward_is_cross_layers_beside_the_perceptron():
    network = DCNv2Network([4, 3], 2, DCNv2(embedding_dim=2, hidden=(5,))).eval()
    codes, numbers = torch.tensor([[1, 2], [3, 0]]), torch.randn(2, 2)
    x = torch.cat([network.embedding(codes).flatten(1), numbers], dim=1)
    expected = (network.from_cross(network.cross(x)) + network.from_deep(network.deep(x))).flatten()
    torch.testing.assert_close(network(codes, numbers), expected)


def test_forward_of_the_stacked_form():
    network = DCNv2Network([4], 1, DCNv2(embedding_dim=2, hidden=(5,), structure="stacked")).eval()
    codes, numbers = torch.tensor([[1], [3]]), torch.randn(2, 1)
    x = torch.cat([network.embedding(codes).flatten(1), numbers], dim=1)
    expected = network.from_deep(network.deep(network.cross(x))).flatten()
    torch.testing.assert_close(network(codes, numbers), expected)


def test_without_valid_the_last_rows_are_held_out():
    X, y = parity(1_000)
    model = DCNv2(categorical=("a", "b"), **{**QUICK, "validation_share": 0.2}).fit(X, y)
    cut = {name: values[:800] for name, values in X.items()}
    tail = {name: values[800:] for name, values in X.items()}
    again = DCNv2(categorical=("a", "b"), **QUICK).fit(cut, y[:800], valid=(tail, y[800:]))
    assert model.history_.validation_loss == again.history_.validation_loss
    np.testing.assert_array_equal(model.predict_proba(X), again.predict_proba(X))


def test_valid_rows_enter_no_vocabulary():
    X, y = parity(1_000)
    odd = {"a": np.full(10, 77), "b": np.full(10, 88)}
    model = DCNv2(categorical=("a", "b"), **QUICK).fit(X, y, valid=(odd, np.arange(10) % 2))
    assert model.vocabulary_.sizes_ == [7, 7]


def test_unseen_ids_share_the_embedding_of_the_unknown_id():
    X, y = parity()
    model = DCNv2(categorical=("a", "b"), **QUICK).fit(X, y)
    p = model.predict_proba({"a": [99, 98], "b": [1, 1]})
    np.testing.assert_allclose(p[0], p[1], rtol=1e-6)


def test_id_dropout_makes_unseen_ids_cautious():
    rng = np.random.default_rng(3)
    a, b = rng.integers(0, 8, 4_000), rng.integers(0, 2, 4_000)
    y = (rng.random(4_000) < np.where(a < 4, 0.9, 0.2) * np.where(b == 0, 1.0, 0.5)).astype(int)
    options = {**QUICK, "id_dropout": 0.2, "epochs": 20}
    model = DCNv2(categorical=("a", "b"), **options).fit({"a": a, "b": b}, y)
    p = model.predict_proba({"a": [99, 99], "b": [0, 1]})[:, 1]
    np.testing.assert_allclose(p, [y[b == 0].mean(), y[b == 1].mean()], atol=0.1)


def test_numbers_alone_are_enough():
    rng = np.random.default_rng(0)
    X = {"age": rng.normal(size=2_000)}
    y = (np.abs(X["age"]) > 0.7).astype(int)
    model = DCNv2(numeric=("age",), **{**QUICK, "dropout": 0.0, "learning_rate": 0.01}).fit(X, y)
    assert log_loss(y, model.predict_proba(X)[:, 1]) < 0.4


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"structure": "sideways"}, "structure"),
        ({"categorical": ()}, "no column"),
        ({"row_optimizer": "sgd"}, "row optimizer"),
        ({"id_dropout": -0.1}, "id_dropout"),
        ({"batch_size": 0}, "batch_size"),
    ],
)
def test_wrong_settings_are_named(changes, message):
    X, y = parity(200)
    with pytest.raises(InputError, match=message):
        DCNv2(**{"categorical": ("a", "b"), **QUICK, **changes}).fit(X, y)


@pytest.mark.parametrize("model", [DCNv2, DeepFM, DIN])
def test_ids_start_at_the_scale_that_is_asked_for(model):
    X, y = parity(rows=200, size=100)
    options = {"categorical": ("a", "b"), "epochs": 0.01, "embedding_learning_rate": 1e-9}
    for scale in (0.01, 0.3):
        fitted = model(embedding_scale=scale, **options).fit(X, y)
        assert fitted.network_.embedding.table.std() == pytest.approx(scale, rel=0.2)


def test_a_larger_start_shortens_the_plateau_of_a_product_of_three():
    rng = np.random.default_rng(0)
    X = {name: rng.integers(0, 2, 4_000) for name in "abc"}
    y = (X["a"] + X["b"] + X["c"]) % 2
    options = {"embedding_dim": 4, "hidden": (), "learning_rate": 1e-2, "id_dropout": 0.0}
    options |= {"categorical": ("a", "b", "c"), "batch_size": 100, "epochs": 6, "patience": 4}
    loss = [
        log_loss(y, DCNv2(embedding_scale=scale, **options).fit(X, y).predict_proba(X)[:, 1])
        for scale in (0.01, 0.3)
    ]
    assert loss[1] < 0.2 < 0.6 < loss[0]

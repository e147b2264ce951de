import numpy as np
import pytest
import torch

from mlsd.metrics import log_loss
from mlsd.models import DLRM
from mlsd.models.dlrm import DLRMNetwork
from mlsd.models.training import seeded
from mlsd.runtime import InputError

QUICK = {"epochs": 20, "batch_size": 100, "hidden": (32,), "validation_share": 0.0}


def parity(rows=2_000, size=6):
    rng = np.random.default_rng(0)
    X = {"a": rng.integers(0, size, rows), "b": rng.integers(0, size, rows)}
    return X, (X["a"] + X["b"]) % 2


def random_network(sizes, width):
    layers = {"embedding_dim": 2, "bottom_hidden": (4,), "hidden": (5,)}
    network = DLRMNetwork(sizes, width, DLRM(**layers, dropout=0.0, id_dropout=0.0)).eval()
    with seeded(3), torch.no_grad():
        for values in (network.embedding.table, *network.parameters()):
            values.normal_()
    return network


def relu_layer(x, parameters, name):
    return np.maximum(x @ parameters[f"{name}.weight"].T + parameters[f"{name}.bias"], 0)


def written_in_numpy(network, codes, numbers):
    p = {name: value.detach().numpy() for name, value in network.named_parameters()}
    bottom = relu_layer(relu_layer(numbers, p, "bottom.0"), p, "bottom.2")
    first, second = network.embedding.table.numpy()[codes + [0, 4]].transpose(1, 0, 2)
    pairs = ((bottom, first), (bottom, second), (first, second))
    dots = [(left * right).sum(1) for left, right in pairs]
    top = relu_layer(np.column_stack([bottom, *dots]), p, "top.0")
    return (top @ p["from_top.weight"].T + p["from_top.bias"])[:, 0]


@pytest.mark.parametrize("width", [3, 0])
def test_forward_equals_one_written_in_numpy(width):
    network = random_network([4, 3], width)
    codes = np.array([[1, 2], [3, 0]])
    numbers = np.array([[0.5, -2.0, 1.0], [1.5, 0.3, -1.0]], np.float32)[:, :width]
    below = numbers if width else np.ones((2, 1), np.float32)
    got = network(torch.from_numpy(codes), torch.from_numpy(numbers)).detach()
    np.testing.assert_allclose(got, written_in_numpy(network, codes, below), rtol=1e-4)


def test_top_reads_the_bottom_vector_and_one_number_a_pair():
    network = DLRMNetwork([3] * 5, 2, DLRM(embedding_dim=7, hidden=(4,)))
    assert network.top[0].in_features == 7 + 6 * 5 // 2


def test_ids_are_seen_through_their_dot_products_alone():
    network = random_network([4, 3], 0)
    codes, numbers = torch.tensor([[1, 2], [3, 1]]), torch.empty(2, 0)
    before = network(codes, numbers)
    bottom = network.bottom(torch.ones(1, 1))[0].detach()
    across = torch.stack([-bottom[1], bottom[0]]) / bottom.norm()
    table = network.embedding.table
    mirrored = table - 2 * (table @ across)[:, None] * across
    table.copy_(mirrored)
    torch.testing.assert_close(network(codes, numbers), before)
    table.add_(1.0)
    assert not torch.allclose(network(codes, numbers), before)


def test_learns_parity_of_two_fields():
    X, y = parity()
    model = DLRM(categorical=("a", "b"), **QUICK).fit(X, y)
    assert log_loss(y, model.predict_proba(X)[:, 1]) < 0.15


def test_an_id_changes_the_slope_of_a_number():
    rng = np.random.default_rng(0)
    X = {"a": rng.integers(0, 2, 3_000), "u": rng.normal(size=3_000)}
    y = ((2 * X["a"] - 1) * X["u"] > 0).astype(int)
    model = DLRM(categorical=("a",), numeric=("u",), **QUICK).fit(X, y)
    p = model.predict_proba({"a": [0, 0, 1, 1], "u": [-1.0, 1.0, -1.0, 1.0]})[:, 1]
    assert (p[[0, 3]] > 0.8).all()
    assert (p[[1, 2]] < 0.2).all()


def test_one_field_is_a_rate_per_id():
    rng = np.random.default_rng(0)
    X = {"a": rng.integers(0, 3, 6_000)}
    y = (rng.random(6_000) < np.array([0.1, 0.5, 0.8])[X["a"]]).astype(int)
    model = DLRM(categorical=("a",), **{**QUICK, "id_dropout": 0.0}).fit(X, y)
    rates = [y[X["a"] == i].mean() for i in range(3)]
    got = model.predict_proba({"a": np.arange(3)})[:, 1]
    np.testing.assert_allclose(got, rates, atol=0.03)


def test_numbers_alone_are_enough():
    rng = np.random.default_rng(0)
    X = {"age": rng.normal(size=2_000)}
    y = (np.abs(X["age"]) > 0.7).astype(int)
    options = {**QUICK, "dropout": 0.0, "learning_rate": 0.01}
    model = DLRM(numeric=("age",), **options).fit(X, y)
    assert log_loss(y, model.predict_proba(X)[:, 1]) < 0.4


def test_unseen_ids_share_the_vector_of_the_unknown_id():
    X, y = parity()
    model = DLRM(categorical=("a", "b"), **QUICK).fit(X, y)
    p = model.predict_proba({"a": [99, 98], "b": [1, 1]})[:, 1]
    np.testing.assert_allclose(p[0], p[1], rtol=1e-6)
    assert p[0] == pytest.approx(0.5, abs=0.2)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"categorical": ()}, "no column"),
        ({"dropout": 1.0}, "dropout"),
        ({"id_dropout": -0.1}, "id_dropout"),
        ({"patience": 0}, "patience"),
    ],
)
def test_wrong_settings_are_named(changes, message):
    X, y = parity(200)
    with pytest.raises(InputError, match=message):
        DLRM(**{"categorical": ("a", "b"), **QUICK, **changes}).fit(X, y)

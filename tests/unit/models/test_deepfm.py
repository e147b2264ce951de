import numpy as np
import pytest
import torch

from mlsd.metrics import log_loss
from mlsd.models import DeepFM, FactorizationMachine
from mlsd.models.deepfm import DeepFMNetwork
from mlsd.models.training import seeded
from mlsd.runtime import InputError

QUICK = {"epochs": 12, "batch_size": 100, "hidden": (16,), "validation_share": 0.0}


def parity(rows=2_000, fields=("a", "b"), size=6):
    rng = np.random.default_rng(0)
    X = {name: rng.integers(0, size, rows) for name in fields}
    return X, sum(X.values()) % 2


def random_network(sizes, width):
    scorer = DeepFM(embedding_dim=2, hidden=(5,), dropout=0.0, id_dropout=0.0)
    network = DeepFMNetwork(sizes, width, scorer).eval()
    tables = network.embedding.table, network.linear.of_ids.table
    with seeded(3), torch.no_grad():
        for values in (*tables, *network.parameters()):
            values.normal_()
    return network


def test_forward_equals_one_written_in_numpy():
    network = random_network([4, 3], 2)
    codes, numbers = np.array([[1, 2], [3, 0]]), np.array([[0.5, -2.0], [1.5, 0.3]], np.float32)
    p = {name: value.detach().numpy() for name, value in network.named_parameters()}
    embedded = network.embedding.table.numpy()[codes + [0, 4]]
    score = p["linear.bias"] + numbers @ p["linear.of_numbers"]
    score = score + network.linear.of_ids.table.numpy()[codes + [0, 4]].sum((1, 2))
    vectors = np.concatenate([embedded, numbers[:, :, None] * p["number_vectors.vectors"]], axis=1)
    gram = vectors @ vectors.transpose(0, 2, 1)
    score += np.triu(gram, k=1).sum((1, 2))
    x = np.concatenate([embedded.reshape(2, -1), numbers], axis=1)
    hidden = np.maximum(x @ p["deep.0.weight"].T + p["deep.0.bias"], 0)
    score += (hidden @ p["from_deep.weight"].T)[:, 0]
    got = network(torch.from_numpy(codes), torch.from_numpy(numbers)).detach()
    np.testing.assert_allclose(got, score, rtol=1e-4)


def test_both_parts_train_the_same_vectors():
    network = random_network([3, 2], 0).train()
    vectors = network.embedding.table[[1, 4]]
    network(torch.tensor([[1, 1]]), torch.empty(1, 0)).sum().backward()
    ((_, leaf),) = network.embedding.touched
    x = vectors.clone().requires_grad_()
    network.from_deep(network.deep(x.view(1, -1))).sum().backward()
    assert x.grad.abs().sum() > 0
    torch.testing.assert_close(leaf.grad, vectors.flip(0) + x.grad)


def test_learns_parity_of_two_fields():
    X, y = parity()
    model = DeepFM(categorical=("a", "b"), **QUICK).fit(X, y)
    assert log_loss(y, model.predict_proba(X)[:, 1]) < 0.15


def test_the_perceptron_adds_what_products_of_two_fields_cannot_hold():
    X, y = parity(4_000, ("a", "b", "c"), size=2)
    columns = {"categorical": ("a", "b", "c"), "id_dropout": 0.0}
    shallow = FactorizationMachine(**columns, epochs=30, batch_size=100).fit(X, y)
    options = {**QUICK, "dropout": 0.0, "epochs": 30, "learning_rate": 0.005}
    deep = DeepFM(**columns, **options).fit(X, y)
    assert log_loss(y, shallow.predict_proba(X)[:, 1]) > 0.6
    assert log_loss(y, deep.predict_proba(X)[:, 1]) < 0.15


def test_unseen_ids_share_the_vector_of_the_unknown_id():
    X, y = parity()
    model = DeepFM(categorical=("a", "b"), **QUICK).fit(X, y)
    p = model.predict_proba({"a": [99, 98], "b": [1, 1]})[:, 1]
    np.testing.assert_allclose(p[0], p[1], rtol=1e-6)
    assert p[0] == pytest.approx(0.5, abs=0.2)


def test_numbers_alone_are_enough():
    rng = np.random.default_rng(0)
    X = {"age": rng.normal(size=2_000)}
    y = (np.abs(X["age"]) > 0.7).astype(int)
    options = {**QUICK, "dropout": 0.0, "learning_rate": 0.01}
    model = DeepFM(numeric=("age",), **options).fit(X, y)
    assert log_loss(y, model.predict_proba(X)[:, 1]) < 0.4


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"categorical": ()}, "no column"),
        ({"dropout": 1.0}, "dropout"),
        ({"id_dropout": -0.1}, "id_dropout"),
        ({"batch_size": 0}, "batch_size"),
    ],
)
def test_wrong_settings_are_named(changes, message):
    X, y = parity(200)
    with pytest.raises(InputError, match=message):
        DeepFM(**{"categorical": ("a", "b"), **QUICK, **changes}).fit(X, y)

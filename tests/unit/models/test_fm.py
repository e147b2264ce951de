import itertools

import numpy as np
import pytest
import torch

from mlsd.metrics import log_loss
from mlsd.models import FactorizationMachine, HashedLogisticRegression
from mlsd.models.fm import FactorizationMachineNetwork
from mlsd.models.optimizers import RowAdagrad
from mlsd.models.training import seeded
from mlsd.runtime import InputError

QUICK = {"epochs": 20, "batch_size": 100, "validation_share": 0.0}


def parity(rows=2_000, size=6):
    rng = np.random.default_rng(0)
    X = {"a": rng.integers(0, size, rows), "b": rng.integers(0, size, rows)}
    return X, (X["a"] + X["b"]) % 2


def random_network(sizes, width):
    network = FactorizationMachineNetwork(
        sizes, width, FactorizationMachine(embedding_dim=3, id_dropout=0.0)
    ).eval()
    tables = network.embedding.table, network.linear.of_ids.table
    with seeded(3), torch.no_grad():
        for values in (*tables, *network.parameters()):
            values.normal_()
    return network


def test_learns_an_interaction_that_no_linear_model_on_ids_holds():
    X, y = parity()
    linear = HashedLogisticRegression(categorical=("a", "b")).fit(X, y)
    model = FactorizationMachine(categorical=("a", "b"), **QUICK).fit(X, y)
    assert log_loss(y, linear.predict_proba(X)[:, 1]) > 0.65
    assert log_loss(y, model.predict_proba(X)[:, 1]) < 0.15


def test_scores_a_pair_of_ids_that_never_met():
    X, y = parity(4_000, size=8)
    met = (X["a"] != 3) | (X["b"] != 4)
    model = FactorizationMachine(categorical=("a", "b"), **QUICK)
    model.fit({name: values[met] for name, values in X.items()}, y[met])
    p = model.predict_proba({"a": [3, 3], "b": [4, 5]})[:, 1]
    assert p[0] > 0.8
    assert p[1] < 0.2


def test_forward_equals_the_formula_written_out():
    network = random_network([4, 3], 2)
    codes, numbers = np.array([[1, 2], [3, 0]]), np.array([[0.5, -2.0], [1.5, 0.3]], np.float32)
    weights, vectors = (
        each.numpy()[codes + [0, 4]]
        for each in (network.linear.of_ids.table, network.embedding.table)
    )
    linear = network.linear
    numeric = network.number_vectors.vectors.detach().numpy()
    for row in range(2):
        factors = [*vectors[row], *(numbers[row][:, None] * numeric)]
        score = linear.bias.item() + weights[row].sum()
        score += numbers[row] @ linear.of_numbers.detach().numpy()
        score += sum(v @ w for v, w in itertools.combinations(factors, 2))
        got = network(torch.from_numpy(codes), torch.from_numpy(numbers))[row].item()
        assert got == pytest.approx(score, rel=1e-5)


def test_gradients_of_vectors_and_weights_of_ids():
    network = random_network([3, 2], 0).train()
    codes = torch.tensor([[1, 1], [1, 0]])
    network(codes, torch.empty(2, 0)).sum().backward()
    table = network.embedding.table
    (rows, vectors), (_, weights) = network.embedding.touched[0], network.linear.of_ids.touched[0]
    assert rows.tolist() == [1, 3, 4]
    torch.testing.assert_close(vectors.grad, torch.stack([table[3] + table[4], table[1], table[1]]))
    assert weights.grad.flatten().tolist() == [2.0, 1.0, 1.0]


def test_a_step_moves_both_tables():
    network = random_network([3, 2], 0).train()
    kept = network.embedding.table.clone(), network.linear.of_ids.table.clone()
    network(torch.tensor([[1, 1]]), torch.empty(1, 0)).sum().backward()
    for embedding, before in zip((network.embedding, network.linear.of_ids), kept):
        RowAdagrad(embedding, 0.1).step()
        moved = (embedding.table != before).any(dim=1)
        assert moved.tolist() == [False, True, False, False, True]


def test_one_field_is_a_rate_per_id():
    rng = np.random.default_rng(0)
    X = {"a": rng.integers(0, 3, 6_000)}
    y = (rng.random(6_000) < np.array([0.1, 0.5, 0.8])[X["a"]]).astype(int)
    model = FactorizationMachine(categorical=("a",), **{**QUICK, "id_dropout": 0.0}).fit(X, y)
    rates = [y[X["a"] == i].mean() for i in range(3)]
    got = model.predict_proba({"a": np.arange(3)})[:, 1]
    np.testing.assert_allclose(got, rates, atol=0.03)


def test_numbers_alone_have_products_of_two_numbers():
    rng = np.random.default_rng(0)
    X = {"u": rng.normal(size=3_000), "v": rng.normal(size=3_000)}
    y = (X["u"] * X["v"] > 0).astype(int)
    options = {**QUICK, "learning_rate": 0.02}
    model = FactorizationMachine(numeric=("u", "v"), **options).fit(X, y)
    assert log_loss(y, model.predict_proba(X)[:, 1]) < 0.45


def test_an_id_changes_the_slope_of_a_number():
    rng = np.random.default_rng(0)
    X = {"a": rng.integers(0, 2, 3_000), "u": rng.normal(size=3_000)}
    y = ((2 * X["a"] - 1) * X["u"] > 0).astype(int)
    options = {**QUICK, "learning_rate": 0.02}
    model = FactorizationMachine(categorical=("a",), numeric=("u",), **options).fit(X, y)
    p = model.predict_proba({"a": [0, 0, 1, 1], "u": [-1.0, 1.0, -1.0, 1.0]})[:, 1]
    assert (p[[0, 3]] > 0.7).all()
    assert (p[[1, 2]] < 0.3).all()


def test_unseen_ids_share_the_vector_of_the_unknown_id():
    X, y = parity()
    model = FactorizationMachine(categorical=("a", "b"), **QUICK).fit(X, y)
    p = model.predict_proba({"a": [99, 98], "b": [1, 1]})[:, 1]
    assert p[0] == p[1]
    assert p[0] == pytest.approx(0.5, abs=0.2)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"categorical": ()}, "no column"),
        ({"row_optimizer": "sgd"}, "row optimizer"),
        ({"id_dropout": 2.0}, "id_dropout"),
        ({"epochs": 0}, "epochs"),
    ],
)
def test_wrong_settings_are_named(changes, message):
    X, y = parity(200)
    with pytest.raises(InputError, match=message):
        FactorizationMachine(**{"categorical": ("a", "b"), **QUICK, **changes}).fit(X, y)


def test_vectors_of_length_zero_leave_logistic_regression():
    X, y = parity()
    model = FactorizationMachine(categorical=("a", "b"), embedding_dim=0, **QUICK).fit(X, y)
    p = model.predict_proba({"a": [0, 0, 1, 1], "b": [0, 1, 0, 1]})[:, 1]
    score = np.log(p / (1 - p))
    assert score[0] - score[1] - score[2] + score[3] == pytest.approx(0, abs=1e-5)
    assert log_loss(y, model.predict_proba(X)[:, 1]) > 0.65

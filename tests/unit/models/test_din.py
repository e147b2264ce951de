import numpy as np
import pytest
import torch

from mlsd.metrics import log_loss
from mlsd.models import DIN, DCNv2
from mlsd.models.base import Scorer
from mlsd.models.din import ActivationUnit, DINNetwork
from mlsd.runtime import InputError

QUICK = {"epochs": 2, "batch_size": 100, "hidden": (16,), "validation_share": 0.0}
THOROUGH = {**QUICK, "epochs": 16, "learning_rate": 0.01, "dropout": 0.0, "id_dropout": 0.0}
COLUMNS = {"categorical": ("user", "category"), "histories": (("past", "category"),)}
ONE_FIELD = {**COLUMNS, "categorical": ("category",)}


def planted(rows=3_000, categories=8, length=5, seed=0):
    """Clicks come where the candidate's category is among the past ones; ids alone say nothing."""
    rng = np.random.default_rng(seed)
    past = rng.integers(0, categories, (rows, length))
    past[np.arange(length) >= rng.integers(0, length + 1, rows)[:, None]] = -1
    category = rng.integers(0, categories, rows)
    inside = (past == category[:, None]).any(axis=1)
    X = {"user": rng.integers(0, 20, rows), "category": category, "past": past}
    return X, (rng.random(rows) < np.where(inside, 0.9, 0.1)).astype(int)


@pytest.fixture(scope="module")
def data():
    return planted(), planted(seed=1)


@pytest.fixture(scope="module")
def fitted(data):
    (X, y), _ = data
    return DIN(**COLUMNS, **THOROUGH).fit(X, y)


def test_finds_the_candidate_in_the_history_where_ids_alone_cannot(data, fitted):
    (X, y), (later, outcome) = data
    ids = DCNv2(categorical=("user", "category"), **QUICK).fit(X, y)
    blind = DIN(categorical=("user", "category"), **QUICK).fit(X, y)
    perfect = (later["past"] == later["category"][:, None]).any(axis=1) * 0.8 + 0.1
    constant = log_loss(outcome, np.full(len(outcome), y.mean()))
    for model in (ids, blind):
        assert log_loss(outcome, model.predict_proba(later)[:, 1]) > constant - 0.01
    loss, best = log_loss(outcome, fitted.predict_proba(later)[:, 1]), log_loss(outcome, perfect)
    assert best - 0.01 < loss < best + 0.2 * (constant - best)


def test_it_is_the_history_that_tells(data, fitted):
    later, outcome = data[1]
    hidden = {**later, "past": np.full_like(later["past"], -1)}
    lost = log_loss(outcome, fitted.predict_proba(hidden)[:, 1])
    assert lost > log_loss(outcome, fitted.predict_proba(later)[:, 1]) + 0.2


def test_keeps_the_contract_with_histories(data, fitted):
    (X, y), (later, _) = planted(500), data[1]
    kept = {name: values.copy() for name, values in X.items()}
    one, two = (DIN(**COLUMNS, **QUICK).fit(X, y) for _ in range(2))
    assert isinstance(one, Scorer)
    for name, values in kept.items():
        np.testing.assert_array_equal(X[name], values)
    np.testing.assert_array_equal(one.predict_proba(later), two.predict_proba(later))
    rows = {name: values[7:9] for name, values in later.items()}
    np.testing.assert_allclose(
        fitted.predict_proba(rows), fitted.predict_proba(later)[7:9], rtol=1e-5
    )


def test_further_pads_change_nothing(data, fitted):
    X = data[1][0]
    wider = np.full((len(X["past"]), 9), -1)
    wider[:, :5] = X["past"]
    expected = fitted.predict_proba(X)
    np.testing.assert_allclose(fitted.predict_proba(X | {"past": wider}), expected, rtol=1e-5)
    holes = np.full_like(wider, -1)
    holes[:, 3:8] = X["past"]
    np.testing.assert_allclose(fitted.predict_proba(X | {"past": holes}), expected, rtol=1e-5)


def test_another_pad_value_or_missing_ones_mean_the_same():
    (X, y), (later, _) = planted(500), planted(500, seed=1)
    zeros = [each | {"past": np.where(each["past"] == -1, 99, each["past"])} for each in (X, later)]
    words = [
        each
        | {
            "category": np.array([f"c{v}" for v in each["category"]], dtype=object),
            "past": np.array(
                [[None if v == -1 else f"c{v}" for v in row] for row in each["past"]], dtype=object
            ),
        }
        for each in (X, later)
    ]
    expected = DIN(**COLUMNS, **QUICK).fit(X, y).predict_proba(later)
    for (train, test), pad in ((zeros, 99), (words, -1)):
        model = DIN(**COLUMNS, **QUICK, pad=pad).fit(train, y)
        np.testing.assert_array_equal(model.predict_proba(test), expected)


def test_the_order_of_a_history_does_not_matter(data, fitted):
    X = data[1][0]
    turned = X | {"past": X["past"][:, ::-1].copy()}
    np.testing.assert_allclose(fitted.predict_proba(turned), fitted.predict_proba(X), rtol=1e-4)


def test_without_normalisation_a_repeated_click_speaks_louder():
    torch.manual_seed(0)
    codes, numbers = torch.tensor([[2]]), torch.ones(1, 0)
    once, twice = torch.tensor([[[3], [-1]]]), torch.tensor([[[3], [3]]])
    for normalise in (False, True):
        network = DINNetwork([5], 0, DIN(**ONE_FIELD, normalise=normalise)).eval()
        network.items.table.normal_()
        same = torch.allclose(network(codes, numbers, once), network(codes, numbers, twice))
        assert same == normalise


def relu(x):
    return np.maximum(x, 0)


def by_hand(network, codes, numbers, past, normalise):
    """The forward pass with loops and numpy: field 1 has the history, field 0 has none."""
    get = {name: value.numpy().astype(np.float64) for name, value in network.state_dict().items()}
    scores = []
    for row in range(len(codes)):
        candidate = get["items.table"][codes[row, 1]]
        items = [get["items.table"][code] for code in past[row, :, 0] if code >= 0]
        weights = []
        for item in items:
            x = np.concatenate([candidate, item, candidate - item, candidate * item])
            body = "interest.activation.body.0"
            x = relu(get[f"{body}.weight"] @ x + get[f"{body}.bias"])
            score = "interest.activation.score"
            weights.append((get[f"{score}.weight"] @ x + get[f"{score}.bias"]).item())
        if normalise and weights:
            weights = np.exp(weights) / np.exp(weights).sum()
        interest = sum((w * item for w, item in zip(weights, items)), np.zeros(len(candidate)))
        x = np.concatenate(
            [numbers[row], get["embedding.table"][codes[row, 0]], candidate, interest]
        )
        x = relu(get["deep.0.weight"] @ x + get["deep.0.bias"])
        scores.append((get["output.weight"] @ x + get["output.bias"]).item())
    return np.array(scores)


@pytest.mark.parametrize("normalise", [False, True])
def test_forward_is_what_the_formula_says(normalise):
    torch.manual_seed(2)
    options = {"embedding_dim": 3, "attention_hidden": (6,), "hidden": (5,)}
    network = DINNetwork([4, 7], 2, DIN(**COLUMNS, **options, normalise=normalise)).eval()
    network.items.table.normal_()
    network.embedding.table.normal_()
    codes = torch.tensor([[1, 2], [3, 6], [0, 0]])
    past = torch.tensor([[[2], [5], [-1]], [[-1], [-1], [-1]], [[0], [-1], [6]]])
    numbers = torch.randn(3, 2)
    with torch.no_grad():
        found = network(codes, numbers, past).numpy()
    expected = by_hand(network, codes.numpy(), numbers.numpy(), past.numpy(), normalise)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)


def test_candidate_and_history_train_one_table():
    network = DINNetwork([6], 0, DIN(**ONE_FIELD, dropout=0.0, id_dropout=0.0)).train()
    network.items.table.normal_()
    past = torch.tensor([[[4], [-1]]])
    network(torch.tensor([[2]]), torch.ones(1, 0), past).sum().backward()
    rows = [rows.tolist() for rows, _ in network.items.touched]
    assert rows == [[4], [2]] or rows == [[2], [4]]
    assert all(leaf.grad.abs().sum() > 0 for _, leaf in network.items.touched)


def test_a_batch_without_any_history_trains():
    X, y = planted(500)
    X["past"][:] = -1
    p = DIN(**COLUMNS, **{**QUICK, "epochs": 1}).fit(X, y).predict_proba(X)
    assert np.isfinite(p).all()


@pytest.mark.parametrize("id_dropout", [0.0, 0.2])
def test_a_past_id_never_seen_as_a_candidate_counts_as_the_unknown_one(id_dropout):
    X, y = planted(500)
    model = DIN(**COLUMNS, **QUICK, id_dropout=id_dropout).fit(X, y)
    first = {name: values[:1] for name, values in X.items()}
    p = [
        model.predict_proba(first | {"past": np.array([[past, -1, -1, -1, -1]])})[0, 1]
        for past in (77, 78, -1)
    ]
    assert p[0] == p[1]
    # Without dropout the unknown vector was never trained: it is zero, and adds nothing.
    assert (p[0] == p[2]) == (id_dropout == 0)


def test_several_histories_share_their_places():
    X, y = planted(400)
    X["ad"], X["past_ad"] = X["category"] * 10, np.where(X["past"] < 0, -1, X["past"] * 10)
    histories = (("past", "category"), ("past_ad", "ad"))
    model = DIN(categorical=("ad", "category"), histories=histories, **QUICK).fit(X, y)
    past = model._tensors(model._take(X), 400)[2]
    assert past.shape == (400, 5, 2)
    assert ((past[:, :, 0] < 0) == (past[:, :, 1] < 0)).all()
    assert model.network_.items.table.shape[0] == 9 + 9


def test_the_activation_unit_tells_a_match_from_a_difference():
    unit = ActivationUnit(2, (4,))
    assert unit.body[0].in_features == 8
    assert unit(torch.ones(3, 2), torch.ones(3, 2)).shape == (3,)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"histories": (("past", "brand"),)}, "'brand', which is not categorical"),
        ({"histories": (("gone", "category"),)}, "'gone' is missing"),
        ({"histories": (("user", "category"),)}, "give \\(rows, length\\)"),
        ({"histories": (("past", "category"), ("short", "user"))}, "differ in length"),
    ],
)
def test_wrong_histories_are_named(changes, message):
    X, y = planted(200)
    X["short"] = X["past"][:, :2]
    with pytest.raises(InputError, match=message):
        DIN(**{**COLUMNS, **QUICK, **changes}).fit(X, y)

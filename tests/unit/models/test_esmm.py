import numpy as np
import pytest
import torch

from mlsd.models import ESMM, DCNv2
from mlsd.models.esmm import ESMMNetwork, as_funnel, entire_space_loss
from mlsd.runtime import InputError

QUICK = {"batch_size": 200, "hidden": (16,), "learning_rate": 0.01, "id_dropout": 0.0}
QUICK |= {"epochs": 6, "validation_share": 0.0, "categorical": ("ad", "device")}


def funnel(rows=24_000, ads=400, seed=0):
    """Half of the ads are clicked often and convert often, the other half neither."""
    rng = np.random.default_rng(seed)
    ad = rng.integers(0, ads, rows)
    click_rate = np.where(ad % 2 == 0, 0.35, 0.01)
    conversion_rate = np.where(ad % 2 == 0, 0.6, 0.1)
    click = rng.random(rows) < click_rate
    y = np.column_stack([click, click & (rng.random(rows) < conversion_rate)]).astype(int)
    return {"ad": ad, "device": rng.integers(0, 3, rows)}, y, click_rate, conversion_rate


@pytest.fixture(scope="module")
def data():
    return funnel()


@pytest.fixture(scope="module")
def fitted(data):
    return ESMM(**QUICK).fit(data[0], data[1])


def test_click_rates_are_recovered(data, fitted):
    X, _, click_rate, _ = data
    clicks = fitted.predict_proba(X)[:, 0]
    assert abs(clicks[click_rate > 0.1].mean() - 0.35) < 0.02
    assert abs(clicks[click_rate < 0.1].mean() - 0.01) < 0.005


def test_conversion_rates_are_recovered_where_clicks_alone_mislead(data, fitted):
    X, y, _, truth = data
    clicked = y[:, 0] == 1
    on_clicks = {name: values[clicked] for name, values in X.items()}
    clicks_only = DCNv2(**QUICK | {"epochs": 30}).fit(on_clicks, y[clicked, 1]).predict_proba(X)
    entire_space = fitted.conversion_given_click(X)
    for estimate in (clicks_only[:, 1], entire_space):
        assert abs(estimate[clicked].mean() - truth[clicked].mean()) < 0.04
    assert clicks_only[~clicked, 1].mean() > truth[~clicked].mean() + 0.1
    assert abs(entire_space[~clicked].mean() - truth[~clicked].mean()) < 0.05
    assert np.abs(entire_space - truth)[~clicked].mean() < 0.08


def test_a_converted_click_is_never_likelier_than_a_click(data, fitted):
    p = fitted.predict_proba(data[0])
    assert (p[:, 1] <= p[:, 0]).all()
    given = fitted.conversion_given_click(data[0])
    np.testing.assert_allclose(p[:, 1], p[:, 0] * given)


def plain_loss(scores, y):
    click, given = 1 / (1 + np.exp(-scores.astype(np.float64).T))
    both = click * given
    each = -(y[:, 0] * np.log(click) + (1 - y[:, 0]) * np.log(1 - click))
    return each - (y[:, 1] * np.log(both) + (1 - y[:, 1]) * np.log(1 - both))


def test_the_loss_is_that_of_both_tasks_over_all_rows():
    rng = np.random.default_rng(0)
    scores = rng.normal(0, 2, (50, 2)).astype(np.float32)
    click = rng.integers(0, 2, 50)
    y, weights = np.column_stack([click, click * rng.integers(0, 2, 50)]), rng.random(50)
    tensors = torch.from_numpy(scores), torch.from_numpy(y).float()
    expected = plain_loss(scores, y)
    assert entire_space_loss(*tensors, None).item() == pytest.approx(expected.mean(), rel=1e-5)
    weighted = entire_space_loss(*tensors, torch.from_numpy(weights).float()).item()
    assert weighted == pytest.approx((weights * expected).mean(), rel=1e-5)


@pytest.mark.parametrize("size", [30.0, 90.0])
def test_the_loss_stays_finite_for_extreme_scores(size):
    scores = torch.tensor([[size, size], [-size, size], [size, -size], [-size, -size]])
    scores.requires_grad_()
    for labels in ([0.0, 0.0], [1.0, 0.0], [1.0, 1.0]):
        loss = entire_space_loss(scores, torch.tensor([labels] * 4), None)
        loss.backward()
        assert torch.isfinite(loss)
        assert torch.isfinite(scores.grad).all()


def test_unclicked_impressions_teach_the_conversion_tower_through_the_product_alone():
    scores = torch.tensor([[0.3, -0.4]], requires_grad=True)
    entire_space_loss(scores, torch.tensor([[0.0, 0.0]]), None).backward()
    click, given = torch.sigmoid(scores.detach())[0]
    expected = given * (1 - given) * click / (1 - click * given)
    torch.testing.assert_close(scores.grad[0, 1], expected)


def test_forward_is_two_towers_on_one_embedding():
    torch.manual_seed(1)
    network = ESMMNetwork([5, 4], 1, ESMM(embedding_dim=3, hidden=(6,))).eval()
    network.embedding.table.normal_()
    codes, numbers = torch.tensor([[1, 2], [4, 0]]), torch.randn(2, 1)
    table = network.embedding.table.numpy()
    x = np.hstack([table[[1, 4]], table[5 + np.array([2, 0])], numbers.numpy()])
    expected = np.empty((2, 2))
    for place, (tower, output) in enumerate(zip(network.towers, network.outputs)):
        weights = [each.detach().numpy() for each in (*tower.parameters(), *output.parameters())]
        hidden = np.maximum(x @ weights[0].T + weights[1], 0)
        expected[:, place] = (hidden @ weights[2].T + weights[3])[:, 0]
    with torch.no_grad():
        np.testing.assert_allclose(network(codes, numbers).numpy(), expected, rtol=1e-5)


def test_weight_on_conversions_raises_their_rate(data, fitted):
    X, y, _, _ = data
    weights = np.where(y[:, 1] == 1, 3.0, 1.0)
    heavy = ESMM(**QUICK).fit(X, y, sample_weight=weights)
    raised = heavy.conversion_given_click(X).mean()
    assert raised > fitted.conversion_given_click(X).mean() + 0.05


def test_valid_rows_decide_when_to_stop():
    X, y, _, _ = funnel(4_000)
    model = ESMM(**QUICK).fit(X, y, valid=(X, y))
    assert len(model.history_.validation_loss) > 1
    assert model.history_.best_loss == min(model.history_.validation_loss)


def test_a_funnel_is_checked():
    assert as_funnel(np.array([[True, False]]), 1).tolist() == [[1.0, 0.0]]
    with pytest.raises(InputError, match="row 1 converts without a click"):
        as_funnel([[1, 0], [0, 1]], 2)
    with pytest.raises(InputError, match="row 0 holds"):
        as_funnel([[2, 0]], 1)

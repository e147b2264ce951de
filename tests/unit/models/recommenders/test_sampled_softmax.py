import numpy as np
import pytest
import torch

from mlsd.models.recommenders.sampled_softmax import (
    CORRECTIONS,
    in_batch_softmax,
    mixture_log_probability,
    uniform_softmax,
)
from mlsd.runtime import InputError


def test_the_loss_computed_by_hand():
    # Two rows with items 0 and 1, one more negative: item 2. Q = (.5, .25, .25).
    scores = torch.tensor([[1.0, 2.0, 0.5], [0.0, 1.5, -1.0]])
    log_q = torch.tensor([0.5, 0.25, 0.25]).log()
    # exp(s) / Q: 2e, 4e^2, 4e^.5 and 2, 4e^1.5, 4e^-1.
    first = -np.log(2 * np.e / (2 * np.e + 4 * np.e**2 + 4 * np.e**0.5))
    second = -np.log(4 * np.e**1.5 / (2 + 4 * np.e**1.5 + 4 / np.e))
    np.testing.assert_allclose(in_batch_softmax(scores, log_q), [first, second], rtol=1e-6)
    plain = -np.log(np.e / (np.e + np.e**2 + np.e**0.5))
    assert in_batch_softmax(scores, log_q, correction="none")[0] == pytest.approx(plain)
    wrong = -np.log((np.e / 2) / (np.e / 2 + np.e**2 / 4 + np.e**0.5 / 4))
    assert in_batch_softmax(scores, log_q, correction="wrong_sign")[0] == pytest.approx(wrong)


def test_a_constant_share_corrects_nothing():
    scores = torch.randn(6, 6, generator=torch.Generator().manual_seed(0))
    log_q = torch.full((6,), -2.0)
    plain, logq, wrong = (in_batch_softmax(scores, log_q, correction=c) for c in CORRECTIONS)
    torch.testing.assert_close(plain, logq)
    torch.testing.assert_close(plain, wrong)


def test_another_correction_is_refused():
    with pytest.raises(InputError, match="choose from"):
        in_batch_softmax(torch.zeros(2, 2), torch.zeros(2), correction="log")


def test_the_mixture_is_how_often_an_item_is_drawn():
    rng, shares = np.random.default_rng(0), np.array([0.7, 0.2, 0.1])
    drawn = np.concatenate([rng.choice(3, 40_000, p=shares), rng.integers(0, 3, 20_000)])
    q = mixture_log_probability(torch.tensor(shares), 4, 2).exp()
    np.testing.assert_allclose(q, np.bincount(drawn) / len(drawn), atol=0.01)
    only = mixture_log_probability(torch.tensor(shares), 4, 0).exp()
    np.testing.assert_allclose(only, shares)


USERS, ITEMS, BATCH = 3, 12, 256


@pytest.fixture(scope="module")
def planted():
    """Tastes of three users on top of a popularity that spans a factor of thirty."""
    rng = np.random.default_rng(1)
    taste = rng.normal(size=(USERS, ITEMS)) - 3.4 * np.linspace(0, 1, ITEMS)
    return torch.softmax(torch.tensor(taste), dim=1)


def draw(planted, generator, uniform=0):
    users = torch.randint(USERS, (BATCH,), generator=generator)
    items = torch.multinomial(planted, BATCH, replacement=True, generator=generator)
    items = items[users, torch.arange(BATCH)]
    extra = torch.randint(ITEMS, (uniform,), generator=generator)
    return users, torch.cat([items, extra])


def log_share(planted, uniform=0):
    return mixture_log_probability(planted.mean(0), BATCH, uniform)


def mean_gradient(planted, correction, uniform=0, batches=100):
    """At the truth, where the gradient of the full softmax is zero."""
    scores = planted.log().requires_grad_()
    generator = torch.Generator().manual_seed(0)
    for _ in range(batches):
        users, candidates = draw(planted, generator, uniform)
        in_batch_softmax(
            scores[users][:, candidates],
            log_share(planted, uniform)[candidates],
            correction=correction,
        ).mean().backward()
    return scores.grad / batches


@pytest.mark.parametrize("uniform", [0, 64])
def test_only_the_corrected_gradient_vanishes_at_the_truth(planted, uniform):
    size = {each: mean_gradient(planted, each, uniform).norm().item() for each in CORRECTIONS}
    assert size["logq"] < 0.1 * size["none"] < 0.1 * size["wrong_sign"]


def test_uncorrected_gradients_push_popular_items_down(planted):
    gradient = mean_gradient(planted, "none").sum(0)
    popular = planted.mean(0).argsort()
    assert (gradient[popular[-2:]] > 0).all()
    assert (gradient[popular[:6]] < 0).all()


@pytest.mark.parametrize(("correction", "times"), [("logq", 0), ("none", 1), ("wrong_sign", 2)])
def test_what_each_correction_learns(planted, correction, times):
    """The scores end at log p(item | user) - times * log Q(item)."""
    scores = torch.zeros(USERS, ITEMS, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.Adam([scores], lr=0.05)
    generator = torch.Generator().manual_seed(0)
    log_q = log_share(planted)
    for step in range(400):
        optimizer.param_groups[0]["lr"] = 0.05 * (1 - step / 400)
        users, candidates = draw(planted, generator)
        optimizer.zero_grad()
        in_batch_softmax(
            scores[users][:, candidates],
            log_q[candidates],
            correction=correction,
        ).mean().backward()
        optimizer.step()
    learned = torch.softmax(scores.detach() + times * log_q, dim=1)
    assert (planted * (planted / learned).log()).sum(1).max() < 0.02


def test_uniform_softmax_with_all_others_is_the_full_softmax():
    scores = torch.randn(5, 9, generator=torch.Generator().manual_seed(0))
    own = torch.tensor([0, 3, 3, 8, 5])
    full = torch.nn.functional.cross_entropy(scores, own, reduction="none")
    others = scores.clone()
    others[torch.arange(5), own] = -torch.inf
    torch.testing.assert_close(uniform_softmax(scores[torch.arange(5), own], others, 9), full)


def test_uniform_softmax_estimates_the_sum():
    generator = torch.Generator().manual_seed(0)
    scores = torch.randn(2_000, generator=generator)
    full = torch.logsumexp(scores, 0) - scores[7]
    drawn = torch.randint(2_000, (400, 500), generator=generator)
    others = scores[drawn].masked_fill(drawn == 7, -torch.inf)
    estimate = uniform_softmax(scores[7].expand(400), others, 2_000).mean()
    assert float(estimate) == pytest.approx(float(full), abs=0.02)

"""Tasks that pull a shared body apart: what gates are for."""

import numpy as np
import pytest
import torch

from mlsd.metrics import log_loss
from mlsd.models import MMoE, SharedBottom
from mlsd.models.mmoe import MMoENetwork
from mlsd.runtime import InputError

TASKS = ("click", "like")
HOW = {"numeric": ("a", "b"), "batch_size": 128, "learning_rate": 1e-2, "dropout": 0.0}


def opposed(rows=6_000, seed=0):
    """Return two columns, and two outcomes: one of each column."""
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=(2, rows))
    score = 4 * np.column_stack([a, b])
    y = (rng.random((rows, 2)) < 1 / (1 + np.exp(-score))).astype(int)
    return {"a": a, "b": b}, y


def loss(model, X, y):
    p = model.predict_proba(X)
    return sum(log_loss(y[:, task], p[:, task]) for task in range(2))


def test_a_narrow_bottom_serves_both_tasks_worse_than_experts():
    (X, y), (later, truth) = opposed(), opposed(seed=1)
    narrow = {"hidden": (2,), "tower_hidden": (), "epochs": 12, **HOW}
    shared = SharedBottom(tasks=TASKS, **narrow).fit(X, y)
    mixed = MMoE(tasks=TASKS, experts=6, **narrow).fit(X, y)
    assert loss(mixed, later, truth) < loss(shared, later, truth) - 0.01


def test_shares_of_a_gate_sum_to_one_and_may_differ_by_task():
    network = MMoENetwork([4], 0, MMoE(tasks=TASKS, experts=3))
    codes, numbers = torch.tensor([[1], [2]]), torch.empty(2, 0)
    shares = network.shares(codes, numbers)
    assert shares.shape == (2, 2, 3)
    np.testing.assert_allclose(shares.sum(dim=2).detach(), 1.0, rtol=1e-6)


def test_one_expert_is_a_shared_bottom():
    """The gate of one expert is 1, so both networks compute the same from the same weights."""
    settings = {"tasks": TASKS, "hidden": (4,), "tower_hidden": (3,), "id_dropout": 0.0}
    mixed = MMoENetwork([4], 0, MMoE(experts=1, **settings)).eval()
    shared = SharedBottom.network_class([4], 0, SharedBottom(**settings)).eval()
    shared.embedding.load_state_dict(mixed.embedding.state_dict())
    shared.bottom.load_state_dict(mixed.experts[0].state_dict())
    shared.towers.load_state_dict(mixed.towers.state_dict())
    codes, numbers = torch.tensor([[1], [3]]), torch.empty(2, 0)
    torch.testing.assert_close(shared(codes, numbers), mixed(codes, numbers))


def test_there_is_at_least_one_expert():
    X, y = opposed(100)
    with pytest.raises(InputError, match="experts is 0"):
        MMoE(tasks=TASKS, experts=0, **HOW).fit(X, y)


def test_each_task_has_a_gate_of_its_own_and_reads_what_it_mixes():
    settings = {"tasks": TASKS, "hidden": (4,), "tower_hidden": (), "id_dropout": 0.0}
    network = MMoENetwork([4], 0, MMoE(experts=3, **settings)).eval()
    codes, numbers = torch.tensor([[1], [3]]), torch.empty(2, 0)
    for gate, chosen in zip(network.gates, (0, 2)):
        torch.nn.init.zeros_(gate.weight)
        gate.bias.data = 50 * torch.eye(3)[chosen]
    shares = network.shares(codes, numbers)
    torch.testing.assert_close(shares, torch.eye(3)[[0, 2]].expand(2, 2, 3))
    x = network.side_by_side(codes, numbers)
    alone = network.towers([network.experts[0](x), network.experts[2](x)])
    torch.testing.assert_close(network(codes, numbers), alone)

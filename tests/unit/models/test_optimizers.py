import pytest
import torch

from mlsd.models.layers import StackedEmbedding
from mlsd.models.optimizers import RowAdagrad, RowAdam, row_optimizer
from mlsd.runtime import InputError

STEPS = [[[1], [4], [1]], [[2], [4], [4]], [[0], [1], [2]]]


def targets(dim):
    return torch.linspace(-1, 1, 3 * dim).view(3, 1, dim)


def ours(name, dim, **options):
    layer = StackedEmbedding([6], dim)
    with torch.no_grad():
        layer.table.copy_(torch.arange(6 * dim).view(6, dim) / 10)
    optimizer = row_optimizer(name, layer, 0.1, **options)
    for codes in STEPS:
        (layer(torch.tensor(codes)) - targets(dim)).square().sum().backward()
        optimizer.step()
    return layer.table


@torch.sparse.check_sparse_tensor_invariants()
def reference(build, dim, penalty=0.0):
    table = torch.nn.Embedding(6, dim, sparse=True)
    with torch.no_grad():
        table.weight.copy_(torch.arange(6 * dim).view(6, dim) / 10)
    optimizer = build(table.parameters())
    last = torch.zeros(6)
    for step, codes in enumerate(STEPS, start=1):
        optimizer.zero_grad()
        (table(torch.tensor(codes)) - targets(dim)).square().sum().backward()
        table.weight.grad = table.weight.grad.coalesce()
        if penalty:
            rows = table.weight.grad.indices()[0]
            missed = (step - last[rows])[:, None]
            values = table.weight.grad.values() + penalty * missed * table.weight.detach()[rows]
            last[rows] = step
            table.weight.grad = torch.sparse_coo_tensor(rows[None], values, (6, dim)).coalesce()
        optimizer.step()
    return table.weight.detach()


@pytest.mark.parametrize("penalty", [0.0, 0.5])
def test_row_adam_equals_sparse_adam(penalty):
    expected = reference(lambda p: torch.optim.SparseAdam(list(p), lr=0.1), 3, penalty)
    torch.testing.assert_close(ours("adam", 3, l2=penalty), expected)


@pytest.mark.parametrize("penalty", [0.0, 0.5])
def test_row_adagrad_equals_adagrad_where_a_row_is_one_number(penalty):
    expected = reference(lambda p: torch.optim.Adagrad(p, lr=0.1), 1, penalty)
    torch.testing.assert_close(ours("adagrad", 1, l2=penalty), expected)


def test_row_adagrad_by_hand():
    layer = StackedEmbedding([2], 2)
    before = layer.table.clone()
    optimizer = RowAdagrad(layer, 0.1)
    for gradient in ([3.0, 1.0], [1.0, 1.0]):
        (layer(torch.tensor([[1]])) * torch.tensor(gradient)).sum().backward()
        optimizer.step()
    first, second = 5.0, 5.0 + 1.0
    step = torch.tensor([3.0, 1.0]) / first**0.5 + torch.tensor([1.0, 1.0]) / second**0.5
    torch.testing.assert_close(layer.table[1], before[1] - 0.1 * step)
    torch.testing.assert_close(optimizer.sums, torch.tensor([0.0, second]))


def test_a_rare_row_pays_the_penalty_of_the_steps_it_missed():
    layer = StackedEmbedding([3], 1)
    with torch.no_grad():
        layer.table.fill_(2.0)
    optimizer = RowAdagrad(layer, 0.1, l2=0.5)
    for codes in ([[1]], [[1]], [[1], [2]]):
        (0.0 * layer(torch.tensor(codes))).sum().backward()
        optimizer.step()
    assert optimizer.sums[2].item() == pytest.approx((0.5 * 3 * 2.0) ** 2)
    assert optimizer.sums[0].item() == 0.0


@pytest.mark.parametrize("build", [RowAdagrad, RowAdam])
def test_only_touched_rows_change(build):
    layer = StackedEmbedding([50, 50], 4)
    before = layer.table.clone()
    optimizer = build(layer, 0.1, l2=0.1)
    layer(torch.tensor([[3, 7], [3, 9]])).square().sum().backward()
    optimizer.step()
    changed = (layer.table != before).any(dim=1).nonzero().flatten().tolist()
    assert changed == [3, 57, 59]
    assert layer.touched == []


@pytest.mark.parametrize("build", [RowAdagrad, RowAdam])
def test_two_look_ups_before_a_step_count_as_one(build):
    tables = []
    for parts in ([[[1], [4], [2]]], [[[1], [4]], [[2]]], [[[1]], [[4], [2]], [[3]]]):
        layer = StackedEmbedding([6], 2)
        with torch.no_grad():
            layer.table.copy_(torch.arange(12).view(6, 2) / 10)
        optimizer = build(layer, 0.1)
        outputs = [layer(torch.tensor(part)) for part in parts]
        sum((out.square().sum() for out in outputs[:2]), torch.tensor(0.0)).backward()
        optimizer.step()
        tables.append(layer.table[[1, 2, 4, 5]])
    torch.testing.assert_close(tables[0], tables[1])
    torch.testing.assert_close(tables[0], tables[2])


def test_a_row_in_two_look_ups_gets_the_sum_of_its_gradients():
    layer = StackedEmbedding([3], 1)
    before = layer.table.clone()
    optimizer = RowAdagrad(layer, 1.0)
    (layer(torch.tensor([[1]])) + 3 * layer(torch.tensor([[1]]))).sum().backward()
    optimizer.step()
    assert optimizer.sums.tolist() == [0.0, 16.0, 0.0]
    torch.testing.assert_close(layer.table[1], before[1] - 1.0)


def test_unknown_name():
    with pytest.raises(InputError, match="row optimizer 'sgd'"):
        row_optimizer("sgd", StackedEmbedding([2], 2), 0.1)

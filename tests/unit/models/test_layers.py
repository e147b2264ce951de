import numpy as np
import pytest
import torch

from mlsd.models.embedding_scorer import EmbeddingNetwork, EmbeddingScorer
from mlsd.models.layers import (
    CrossLayer,
    CrossNetwork,
    IdDropout,
    Perceptron,
    StackedEmbedding,
    distinct,
)
from mlsd.runtime import InputError


def test_cross_layer_by_hand():
    layer = CrossLayer(2)
    with torch.no_grad():
        layer.weight.weight.copy_(torch.tensor([[1.0, 2.0], [0.0, -1.0]]))
        layer.weight.bias.copy_(torch.tensor([0.5, 0.0]))
    x0, x = torch.tensor([[2.0, 3.0]]), torch.tensor([[1.0, 4.0]])
    expected = [[2 * (1 * 1 + 2 * 4 + 0.5) + 1, 3 * (-1 * 4) + 4]]
    np.testing.assert_allclose(layer(x0, x).detach(), expected)


def test_low_rank_cross_layer_is_the_product_of_two_matrices():
    layer = CrossLayer(4, rank=2)
    down, up = layer.weight
    assert down.weight.shape == (2, 4)
    assert up.weight.shape == (4, 2)
    x0, x = torch.randn(3, 4), torch.randn(3, 4)
    expected = x0 * (x @ (up.weight @ down.weight).T + up.bias) + x
    torch.testing.assert_close(layer(x0, x), expected)


def test_cross_network_feeds_x0_to_every_layer():
    network = CrossNetwork(3, layers=2)
    x0 = torch.randn(5, 3)
    first, second = network.layers
    torch.testing.assert_close(network(x0), second(x0, first(x0, x0)))


def test_no_cross_layer_is_the_identity():
    x0 = torch.randn(2, 3)
    assert torch.equal(CrossNetwork(3, layers=0)(x0), x0)


def test_perceptron_shapes_and_empty():
    x = torch.randn(2, 3)
    assert Perceptron(3, (8, 5), dropout=0.5).out_width == 5
    assert torch.equal(Perceptron(3, ())(x), x)
    with pytest.raises(InputError, match="dropout"):
        Perceptron(3, (8,), dropout=1.0)


@pytest.mark.parametrize("training", [True, False])
def test_embedding_looks_up_each_field_in_its_own_part(training):
    layer = StackedEmbedding([3, 5], 4).train(training)
    codes = torch.tensor([[2, 0], [0, 4], [2, 4]])
    expected = layer.table[codes + torch.tensor([0, 3])]
    torch.testing.assert_close(layer(codes).detach(), expected)


def test_unknown_ids_start_at_zero_and_others_do_not():
    table = StackedEmbedding([3, 5], 4).table
    assert (table[[0, 3]] == 0).all()
    assert (table[[1, 2, 4, 5, 6, 7]].abs().sum(1) > 0).all()


def test_gradient_of_a_row_is_the_sum_over_its_occurrences():
    layer = StackedEmbedding([4], 2)
    layer(torch.tensor([[1], [3], [1]])).sum().backward()
    ((rows, leaf),) = layer.touched
    assert rows.tolist() == [1, 3]
    assert leaf.grad.tolist() == [[2.0, 2.0], [1.0, 1.0]]


def test_nothing_is_gathered_outside_training():
    layer = StackedEmbedding([4], 2)
    with torch.no_grad():
        layer(torch.tensor([[1]]))
    layer.eval()(torch.tensor([[1]]))
    assert layer.touched == []


def test_distinct_equals_unique():
    values = torch.randint(0, 50, (200,))
    for ours, reference in zip(distinct(values), torch.unique(values, return_inverse=True)):
        assert torch.equal(ours, reference)


def test_id_dropout_drops_its_share():
    codes = torch.ones(200, 50, dtype=torch.int64)
    dropped = (IdDropout(0.3)(codes) == 0).float().mean().item()
    assert dropped == pytest.approx(0.3, abs=0.02)
    with pytest.raises(InputError, match="id_dropout"):
        IdDropout(1.5)


@pytest.mark.parametrize("share", [0.0, 0.4])
def test_a_network_forgets_the_share_of_ids_that_its_scorer_says(share):
    network = EmbeddingNetwork([50], 0, EmbeddingScorer(embedding_dim=2, id_dropout=share)).train()
    unknown = network.embedding(torch.zeros(1, 1, dtype=torch.int64)).flatten()
    found = network.side_by_side(torch.full((4_000, 1), 7), torch.empty(4_000, 0))
    forgotten = (found == unknown).all(dim=1).float().mean().item()
    assert forgotten == pytest.approx(share, abs=0.03)

import itertools

import numpy as np
import pytest
import torch

from mlsd.models.interactions import (
    LinearTerm,
    NumberVectors,
    PairwiseDots,
    factor_products,
)


def random_fields(rows=5, fields=4, dim=3, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(rows, fields, dim, generator=generator, dtype=torch.float64)


@pytest.mark.parametrize("count", [2, 3, 7])
def test_factor_products_are_the_sum_over_all_pairs(count):
    fields = random_fields(fields=count)
    pairs = itertools.combinations(range(count), 2)
    expected = sum((fields[:, i] * fields[:, j]).sum(1) for i, j in pairs)
    torch.testing.assert_close(factor_products(fields), expected)


@pytest.mark.parametrize("count", [0, 1])
def test_fewer_than_two_fields_have_no_product(count):
    torch.testing.assert_close(
        factor_products(random_fields(fields=count)), torch.zeros(5, dtype=torch.float64)
    )
    assert PairwiseDots(count)(random_fields(fields=count)).shape == (5, 0)


def test_gradient_of_a_field_is_the_sum_of_the_others():
    fields = random_fields().requires_grad_()
    factor_products(fields).sum().backward()
    expected = fields.detach().sum(1, keepdim=True) - fields.detach()
    torch.testing.assert_close(fields.grad, expected)


def test_order_of_the_fields_does_not_matter_to_the_sum():
    fields = random_fields()
    torch.testing.assert_close(factor_products(fields), factor_products(fields[:, [2, 0, 3, 1]]))


def test_pairwise_dots_are_ordered_by_pair():
    fields = random_fields()
    pairs = list(itertools.combinations(range(4), 2))
    expected = torch.stack([(fields[:, i] * fields[:, j]).sum(1) for i, j in pairs], dim=1)
    dots = PairwiseDots(4)
    assert dots.out_width == len(pairs)
    torch.testing.assert_close(dots(fields), expected)


def test_pairwise_dots_add_up_to_the_factor_products():
    fields = random_fields(fields=6)
    torch.testing.assert_close(PairwiseDots(6)(fields).sum(1), factor_products(fields))


@pytest.mark.parametrize("layer", [factor_products, PairwiseDots(3)])
def test_gradients_equal_finite_differences(layer):
    assert torch.autograd.gradcheck(layer, (random_fields(2, 3, 2).requires_grad_(),))


def test_linear_term_by_hand():
    term = LinearTerm([3, 2], 2).eval()
    term.of_ids.table.copy_(torch.tensor([[0.0], [1.0], [2.0], [0.0], [10.0]]))
    with torch.no_grad():
        term.of_numbers.copy_(torch.tensor([0.5, -1.0]))
        term.bias.fill_(100.0)
    codes, numbers = torch.tensor([[2, 1], [0, 0]]), torch.tensor([[4.0, 3.0], [0.0, 1.0]])
    expected = [100 + 2 + 10 + 0.5 * 4 - 3, 100 - 1]
    np.testing.assert_allclose(term(codes, numbers).detach(), expected)


def test_linear_term_starts_at_zero_but_for_its_ids():
    term = LinearTerm([1], 2)
    assert torch.equal(term(torch.zeros(3, 1, dtype=torch.int64), torch.ones(3, 2)), torch.zeros(3))


@pytest.mark.parametrize(("sizes", "width"), [([], 2), ([4], 0)])
def test_linear_term_of_one_kind_of_input(sizes, width):
    term = LinearTerm(sizes, width).eval()
    codes = torch.zeros(3, len(sizes), dtype=torch.int64)
    assert term(codes, torch.zeros(3, width)).tolist() == [0.0, 0.0, 0.0]


def test_number_vectors_scale_with_the_number():
    layer = NumberVectors(2, 3)
    total, squares = layer(torch.tensor([[2.0, -1.0]]))
    torch.testing.assert_close(total[0], 2 * layer.vectors[0] - layer.vectors[1])
    torch.testing.assert_close(squares[0], 4 * layer.vectors[0] ** 2 + layer.vectors[1] ** 2)


def test_numbers_enter_the_factor_products_as_fields_that_are_written_out_would():
    layer, numbers, ids = NumberVectors(4, 3), torch.randn(6, 4), torch.randn(6, 2, 3)
    written_out = torch.cat([ids, numbers[:, :, None] * layer.vectors], dim=1)
    torch.testing.assert_close(
        factor_products(ids, layer(numbers)), factor_products(written_out), atol=1e-6, rtol=1e-5
    )

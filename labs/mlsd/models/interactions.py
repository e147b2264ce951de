"""Layers for products of fields: linear terms, factor products, pairwise dot products.

A *field* is a categorical column, whose id has a vector, or a number, whose vector is multiplied by
its value. Fields come as one tensor of shape (rows, fields, dim).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from mlsd.models.layers import StackedEmbedding


def factor_products(fields: Tensor, more: tuple[Tensor, Tensor] | None = None) -> Tensor:
    """Return the sum of the dot products of all pairs of fields, in linear time.

    ``sum_{i<j} <v_i, v_j> = 1/2 sum_d ((sum_i v_id)**2 - sum_i v_id**2)``.

    Parameters
    ----------
    fields : Tensor, shape (rows, fields, dim)
    more : pair of Tensor, shape (rows, dim) each, optional
        Sum and sum of squares of further fields, which need not be written out.

    Returns
    -------
    Tensor, shape (rows,)
        0 where there are fewer than two fields.

    References
    ----------
    S. Rendle, Factorization Machines, ICDM 2010, lemma 3.1.

    Examples
    --------
    >>> factor_products(torch.tensor([[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]]))  # 11 + 17 + 39
    tensor([67.])
    """
    total, squares = fields.sum(dim=1), fields.square().sum(dim=1)
    if more is not None:
        total, squares = total + more[0], squares + more[1]
    return 0.5 * (total.square() - squares).sum(dim=1)


class PairwiseDots(nn.Module):
    """Dot products of all pairs of fields, each pair once.

    Parameters
    ----------
    fields : int

    Attributes
    ----------
    out_width : int
        Number of pairs, ``fields * (fields - 1) / 2``.

    Examples
    --------
    >>> PairwiseDots(3)(torch.tensor([[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]]))
    tensor([[11., 17., 39.]])
    """

    def __init__(self, fields: int) -> None:
        super().__init__()
        first, second = torch.triu_indices(fields, fields, offset=1)
        self.register_buffer("pairs", first * fields + second, persistent=False)
        self.out_width = len(self.pairs)

    def forward(self, fields: Tensor) -> Tensor:
        """Return shape (rows, out_width), ordered (0, 1), (0, 2), ..., (1, 2), ..."""
        products = torch.bmm(fields, fields.transpose(1, 2))
        return products.flatten(1).index_select(1, self.pairs)


class LinearTerm(nn.Module):
    """A bias, one weight per id and one per number: logistic regression inside a network.

    Parameters
    ----------
    sizes : sequence of int
        Number of ids of each categorical field; their weights are embeddings of length 1.
    numeric_width : int
        Number of numeric inputs.

    Examples
    --------
    >>> LinearTerm([10, 5], 3)(torch.zeros(2, 2, dtype=torch.int64), torch.ones(2, 3))
    tensor([0., 0.], grad_fn=<AddBackward0>)
    """

    def __init__(self, sizes: Sequence[int], numeric_width: int) -> None:
        super().__init__()
        self.of_ids = StackedEmbedding(sizes, 1)
        self.of_numbers = nn.Parameter(torch.zeros(numeric_width))
        self.bias = nn.Parameter(torch.zeros(()))

    def forward(self, codes: Tensor, numbers: Tensor) -> Tensor:
        """Return shape (rows,) for codes (rows, fields) and numbers (rows, numeric_width)."""
        return self.of_ids(codes).sum(dim=(1, 2)) + numbers @ self.of_numbers + self.bias


class NumberVectors(nn.Module):
    """Turns each number into a field: its value times a vector that is learned for the column.

    The fields are never written out: `factor_products` needs their sum and the sum of their
    squares, and each is one matrix product.

    Parameters
    ----------
    numeric_width : int
        Number of numeric inputs.
    dim : int
        Length of a vector.
    scale : float
        Standard deviation at the start.

    Examples
    --------
    >>> total, squares = NumberVectors(3, 4)(torch.ones(2, 3))
    >>> total.shape, squares.shape
    (torch.Size([2, 4]), torch.Size([2, 4]))
    """

    def __init__(self, numeric_width: int, dim: int, *, scale: float = 0.01) -> None:
        super().__init__()
        self.vectors = nn.Parameter(scale * torch.randn(numeric_width, dim))

    def forward(self, numbers: Tensor) -> tuple[Tensor, Tensor]:
        """Return the sum of the fields and of their squares, shape (rows, dim) each."""
        return numbers @ self.vectors, numbers.square() @ self.vectors.square()

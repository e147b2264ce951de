"""Layers that deep rungs are built from: a stacked embedding table, cross layers, a perceptron."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from mlsd.runtime import InputError


def distinct(values: Tensor) -> tuple[Tensor, Tensor]:
    """Return the distinct integers, sorted, and where each value stands among them.

    On a CPU numpy does it, whose sort of integers is several times as fast as torch's.

    Examples
    --------
    >>> distinct(torch.tensor([7, 3, 7]))
    (tensor([3, 7]), tensor([1, 0, 1]))
    """
    if values.device.type != "cpu":
        return torch.unique(values, return_inverse=True)
    rows, inverse = np.unique(values.numpy(), return_inverse=True)
    return torch.from_numpy(rows), torch.from_numpy(inverse)


class StackedEmbedding(nn.Module):
    """The embeddings of all categorical fields in one table, so that one look-up serves them all.

    The table is not a parameter but a buffer: while training, a forward pass gathers the rows that
    the batch touches into a small leaf tensor, and `RowOptimizer` updates these rows alone in
    place. A step costs what a batch touches, however large the vocabulary.

    Parameters
    ----------
    sizes : sequence of int
        Number of ids of each field, the unknown id 0 included.
    dim : int
        Length of an embedding.
    scale : float
        Standard deviation at the start. The unknown id starts at 0, and stays there as long as it
        does not occur in training.

    Attributes
    ----------
    table : Tensor, shape (sum of sizes, dim)
    touched : list of (rows, leaf)
        What the forward passes since the last update have gathered.

    Examples
    --------
    >>> StackedEmbedding([3, 5], 4)(torch.tensor([[1, 4], [2, 0]])).shape
    torch.Size([2, 2, 4])
    """

    def __init__(self, sizes: Sequence[int], dim: int, *, scale: float = 0.01) -> None:
        super().__init__()
        offsets = torch.tensor([0, *itertools.accumulate(sizes)])
        table = scale * torch.randn(int(offsets[-1]), dim)
        table[offsets[:-1]] = 0.0
        self.register_buffer("offsets", offsets[:-1], persistent=False)
        self.register_buffer("table", table)
        self.touched: list[tuple[Tensor, Tensor]] = []

    def forward(self, codes: Tensor) -> Tensor:
        """Return embeddings of shape (rows, fields, dim) for codes of shape (rows, fields)."""
        positions = codes + self.offsets
        if not (self.training and torch.is_grad_enabled()):
            return functional.embedding(positions, self.table)
        rows, inverse = distinct(positions.flatten())
        leaf = self.table.index_select(0, rows).requires_grad_()
        self.touched.append((rows, leaf))
        return leaf.index_select(0, inverse).view(*positions.shape, self.table.shape[1])


class IdDropout(nn.Module):
    """Replaces a share of the ids by the unknown id 0 while training.

    Examples
    --------
    >>> IdDropout(1.0)(torch.tensor([[3, 4]]))
    tensor([[0, 0]])
    >>> IdDropout(1.0).eval()(torch.tensor([[3, 4]]))
    tensor([[3, 4]])
    """

    def __init__(self, share: float) -> None:
        super().__init__()
        if not 0 <= share <= 1:
            raise InputError(f"id_dropout is {share}; give a share from 0 to 1")
        self.share = share

    def forward(self, codes: Tensor) -> Tensor:
        """Return codes of the same shape."""
        if not (self.training and self.share):
            return codes
        return codes * (torch.rand(codes.shape, device=codes.device) >= self.share)


class CrossLayer(nn.Module):
    """Cross layer of DCN-v2: ``x0 * (W x + b) + x``, one more degree of interaction per layer.

    Parameters
    ----------
    width : int
        Length of x0 and x.
    rank : int, optional
        Writes W as the product of a (width, rank) and a (rank, width) matrix; full where absent.

    References
    ----------
    R. Wang et al., DCN V2: Improved Deep & Cross Network and Practical Lessons for Web-scale
    Learning to Rank Systems, WWW 2021.

    Examples
    --------
    >>> x = torch.ones(2, 3)
    >>> CrossLayer(3)(x, x).shape
    torch.Size([2, 3])
    """

    def __init__(self, width: int, rank: int | None = None) -> None:
        super().__init__()
        full = nn.Linear(width, width)
        low = nn.Sequential(nn.Linear(width, rank or 1, bias=False), nn.Linear(rank or 1, width))
        self.weight = full if rank is None else low

    def forward(self, x0: Tensor, x: Tensor) -> Tensor:
        """Return shape (rows, width)."""
        return torch.addcmul(x, x0, self.weight(x))


class CrossNetwork(nn.Module):
    """Cross layers one after the other, all fed with the same x0.

    Examples
    --------
    >>> CrossNetwork(3, layers=2)(torch.ones(2, 3)).shape
    torch.Size([2, 3])
    """

    def __init__(self, width: int, *, layers: int, rank: int | None = None) -> None:
        super().__init__()
        self.layers = nn.ModuleList(CrossLayer(width, rank) for _ in range(layers))

    def forward(self, x0: Tensor) -> Tensor:
        """Return shape (rows, width)."""
        x = x0
        for layer in self.layers:
            x = layer(x0, x)
        return x


class Perceptron(nn.Sequential):
    """Linear layers, each followed by ReLU and dropout.

    Parameters
    ----------
    width : int
        Length of the input.
    hidden : sequence of int
        Units of each layer; the last one is `out_width`.
    dropout : float
        Share of units dropped while training.

    Examples
    --------
    >>> Perceptron(3, (8, 4))(torch.ones(2, 3)).shape
    torch.Size([2, 4])
    """

    def __init__(self, width: int, hidden: Sequence[int], *, dropout: float = 0.0) -> None:
        if not 0 <= dropout < 1:
            raise InputError(f"dropout is {dropout}; give a share from 0 to below 1")
        layers: list[nn.Module] = []
        for before, units in itertools.pairwise((width, *hidden)):
            layers += [nn.Linear(before, units), nn.ReLU(inplace=True)]
            layers += [nn.Dropout(dropout)] if dropout else []
        super().__init__(*layers)
        self.out_width = (width, *hidden)[-1]

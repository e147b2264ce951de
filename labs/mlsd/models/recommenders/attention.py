"""Self-attention that looks back only: the layers of SASRec."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from mlsd.runtime import InputError


def causal_mask(present: Tensor) -> Tensor:
    """Return what each place may look at: itself, and what is there before it.

    Parameters
    ----------
    present : Tensor of bool, shape (rows, length)

    Returns
    -------
    Tensor of bool, shape (rows, length, length)
        Place by place looked at. A place that is not there looks at itself alone, so that its
        softmax has something to sum to one; no other place looks at it.

    Examples
    --------
    >>> causal_mask(torch.tensor([[False, True, True]])).int()
    tensor([[[1, 0, 0],
             [0, 1, 0],
             [0, 1, 1]]], dtype=torch.int32)
    """
    length = present.shape[1]
    itself = torch.eye(length, dtype=torch.bool, device=present.device)
    back = torch.ones_like(itself).tril()
    return (back & present[:, None, :]) | itself


class CausalSelfAttention(nn.Module):
    """Each place becomes a mean of what it may look at, weighed by how well keys fit its query.

    ``softmax(Q K' / sqrt(d)) V`` in each head, with weight 0 outside the mask.

    Parameters
    ----------
    width, heads : int
        The heads share the width.
    dropout : float
        Share of the weights dropped while training.

    References
    ----------
    A. Vaswani et al., Attention Is All You Need, NeurIPS 2017.

    Examples
    --------
    >>> x = torch.ones(2, 3, 4)
    >>> CausalSelfAttention(4, 2)(x, causal_mask(torch.ones(2, 3, dtype=torch.bool))).shape
    torch.Size([2, 3, 4])
    """

    def __init__(self, width: int, heads: int, *, dropout: float = 0.0) -> None:
        super().__init__()
        if width % heads:
            raise InputError(f"width is {width}, heads is {heads}; give a divisor of the width")
        self.heads = heads
        self.queries_keys_values = nn.Linear(width, 3 * width)
        self.output = nn.Linear(width, width)
        self.drop = nn.Dropout(dropout)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Return shape (rows, length, width) for x of that shape, mask (rows, length, length)."""
        rows, length, width = x.shape
        parts = self.queries_keys_values(x).view(rows, length, 3, self.heads, width // self.heads)
        queries, keys, values = parts.permute(2, 0, 3, 1, 4)
        fit = queries @ keys.transpose(2, 3) / (width // self.heads) ** 0.5
        weights = fit.masked_fill(~mask[:, None], -torch.inf).softmax(dim=3)
        mixed = self.drop(weights) @ values
        return self.output(mixed.transpose(1, 2).reshape(rows, length, width))


class AttentionBlock(nn.Module):
    """Attention, then a perceptron at each place, each added to what comes in.

    ``x + dropout(f(norm(x)))`` for both.

    Parameters
    ----------
    width, heads : int
    dropout : float

    Examples
    --------
    >>> block = AttentionBlock(4, 1)
    >>> block(torch.ones(2, 3, 4), causal_mask(torch.ones(2, 3, dtype=torch.bool))).shape
    torch.Size([2, 3, 4])
    """

    def __init__(self, width: int, heads: int, *, dropout: float = 0.0) -> None:
        super().__init__()
        self.attention_norm, self.perceptron_norm = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention = CausalSelfAttention(width, heads, dropout=dropout)
        self.perceptron = nn.Sequential(
            nn.Linear(width, width), nn.ReLU(), nn.Dropout(dropout), nn.Linear(width, width)
        )
        self.drop = nn.Dropout(dropout)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Return shape (rows, length, width) for x of that shape, mask (rows, length, length)."""
        x = x + self.drop(self.attention(self.attention_norm(x), mask))
        return x + self.drop(self.perceptron(self.perceptron_norm(x)))

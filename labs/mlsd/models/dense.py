"""The linear layer of the deep rungs, on matrix kernels that are fast on every x86 processor."""

from __future__ import annotations

import functools

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional


class Dense(nn.Linear):
    """``nn.Linear`` whose products go through oneDNN while training on a CPU.

    PyTorch's own products of 32-bit floats go through MKL, which takes its AVX2 kernels on
    processors of other makers, AVX-512 or not; oneDNN, which PyTorch carries too, takes what the
    processor has. That is up to twice as fast, and equal but for the rounding. Elsewhere, and
    outside training, this is ``nn.Linear``.

    Examples
    --------
    >>> Dense(3, 2)(torch.ones(4, 3)).shape
    torch.Size([4, 2])
    """

    def forward(self, x: Tensor) -> Tensor:
        """Return shape (rows, out) for x of shape (rows, in)."""
        training = self.training and torch.is_grad_enabled()
        suits = x.device.type == "cpu" and x.dtype == torch.float32 and x.ndim == 2 and len(x) > 0
        if training and suits and _onednn_is_there():
            return _OneDNNLinear.apply(x, self.weight, self.bias)
        return functional.linear(x, self.weight, self.bias)


class _OneDNNLinear(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.has_bias = bias is not None
        return _product(x, weight, bias)

    @staticmethod
    @once_differentiable
    def backward(ctx, gradient: Tensor) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
        x, weight = ctx.saved_tensors
        for_x, for_weight, for_bias = ctx.needs_input_grad
        return (
            _product(gradient, weight.t()) if for_x else None,
            _product(gradient.t(), x.t()) if for_weight else None,
            gradient.sum(0) if ctx.has_bias and for_bias else None,
        )


def _product(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Return ``x @ weight.t() + bias``.

    The operator has no public name for ordinary tensors; `_onednn_is_there` holds it to the
    public one, so that a PyTorch which changed it costs speed and nothing else.
    """
    return torch.ops.mkldnn._linear_pointwise(x, weight, bias, "none", [], "")


@functools.cache
def _onednn_is_there() -> bool:
    x, weight = torch.arange(6.0).view(2, 3), torch.arange(12.0).view(4, 3)
    try:
        return torch.equal(_product(x, weight), x @ weight.t())
    except (AttributeError, RuntimeError, TypeError):
        return False

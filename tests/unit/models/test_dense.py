"""The dense layer: equal to PyTorch's own, forward and backward, on either road."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from mlsd.models import dense
from mlsd.models.dense import Dense


def twins(in_width: int, out_width: int, *, bias: bool = True) -> tuple[Dense, nn.Linear]:
    """Return our layer and PyTorch's with the same weights."""
    torch.manual_seed(0)
    ours, peer = (layer(in_width, out_width, bias=bias) for layer in (Dense, nn.Linear))
    peer.load_state_dict(ours.state_dict())
    return ours, peer


def gradients(layer: nn.Linear, x: torch.Tensor) -> list[torch.Tensor]:
    """Return output and all gradients of a weighted sum of squares."""
    leaf = x.clone().requires_grad_()
    out = layer(leaf)
    (out.square() * torch.arange(out.shape[1])).sum().backward()
    return [out.detach(), leaf.grad, *(p.grad for p in layer.parameters())]


@pytest.mark.parametrize("rows", [1, 7, 512])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("is_there", [True, False])
def test_equals_linear_forward_and_backward(rows, bias, is_there, monkeypatch):
    if not is_there:
        monkeypatch.setattr(dense, "_onednn_is_there", lambda: False)
    ours, peer = twins(37, 19, bias=bias)
    x = torch.randn(rows, 37)
    for a, b in zip(gradients(ours, x), gradients(peer, x), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-4)


def test_reads_a_transposed_input():
    ours, peer = twins(5, 3)
    x = torch.randn(5, 11).t()
    torch.testing.assert_close(ours(x), peer(x))


def test_gives_no_gradient_that_nobody_asked_for():
    ours, _ = twins(4, 2)
    ours.weight.requires_grad_(False)
    ours(torch.ones(3, 4)).sum().backward()
    assert ours.weight.grad is None
    assert torch.equal(ours.bias.grad, torch.full((2,), 3.0))


@pytest.mark.parametrize("shape", [(2, 3, 4), (0, 4)])
def test_other_shapes_take_the_public_road(shape):
    ours, peer = twins(4, 2)
    assert torch.equal(ours(torch.ones(shape)), peer(torch.ones(shape)))


def test_double_precision_and_inference_equal_linear_exactly():
    ours, peer = twins(4, 2)
    x = torch.randn(3, 4)
    with torch.no_grad():
        assert torch.equal(ours(x), peer(x))
    assert torch.equal(ours.double()(x.double()), peer.double()(x.double()))
    assert torch.equal(ours.float().eval()(x), peer.float()(x))


def test_a_torch_without_the_operator_falls_back(monkeypatch):
    def gone(*arguments):
        raise AttributeError("no such operator")

    monkeypatch.setattr(dense, "_product", gone)
    dense._onednn_is_there.cache_clear()
    ours, peer = twins(4, 2)
    assert torch.equal(ours(torch.ones(3, 4)), peer(torch.ones(3, 4)))
    dense._onednn_is_there.cache_clear()

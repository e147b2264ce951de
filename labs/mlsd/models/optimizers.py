"""Optimizers of a deep model: Adam where it is dense, touched rows alone where it is sparse.

PyTorch's ``SparseAdam`` and its ``Adagrad`` on the sparse gradients of ``nn.Embedding`` are the
references of the tests and not what trains: they know neither one accumulator per row nor a
penalty that is paid lazily, which the rungs have as defaults, and a step takes them 1.4 to 1.6
times as long (512 rows of 13 fields and 16 factors, one thread).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Protocol

import torch
from torch import Tensor, nn

from mlsd.models.layers import StackedEmbedding, distinct
from mlsd.models.options import TrainingOptions
from mlsd.runtime import InputError


class RowOptimizer(Protocol):
    """Updates the touched rows of one embedding after a backward pass."""

    def step(self) -> None:
        """Apply the gradients gathered since the last call, and forget them."""
        ...


class _TouchedRows(ABC):
    """Common part: collect gradients, add the penalty, update in place."""

    def __init__(
        self, embedding: StackedEmbedding, learning_rate: float, *, l2: float = 0.0
    ) -> None:
        self.embedding = embedding
        self.learning_rate = learning_rate
        self.l2 = l2
        self.steps = 0
        self.last = torch.zeros(len(embedding.table), device=embedding.table.device)
        self._start(embedding.table)

    @abstractmethod
    def _start(self, table: Tensor) -> None:
        """Set the state of all rows to 0."""

    @abstractmethod
    def _change(self, rows: Tensor, gradient: Tensor) -> Tensor:
        """Advance the state of the touched rows; return what is added to them."""

    @torch.no_grad()
    def step(self) -> None:
        """Apply the gradients gathered since the last call, and forget them.

        The penalty ``l2 / 2 * |table|**2`` is paid lazily: a touched row gets at once the gradient
        of all steps since it was last touched, ``l2 * (steps since) * row``. So in the long run
        every row is shrunk as by a penalty on the whole table at every step.
        """
        self.steps += 1
        for rows, leaf in _merged(self.embedding.touched):
            if leaf.grad is None:
                continue
            gradient = leaf.grad
            if self.l2:
                gradient = gradient.addcmul_(leaf, self._missed(rows)[:, None], value=self.l2)
            change = self._change(rows, gradient)
            self.embedding.table.index_copy_(0, rows, leaf.detach().add_(change))
        self.embedding.touched.clear()

    def _missed(self, rows: Tensor) -> Tensor:
        missed = self.steps - self.last.index_select(0, rows)
        self.last.index_fill_(0, rows, self.steps)
        return missed


def _merged(touched: list[tuple[Tensor, Tensor]]) -> list[tuple[Tensor, Tensor]]:
    if len(touched) < 2:
        return touched
    rows, inverse = distinct(torch.cat([rows for rows, _ in touched]))
    used = [
        (leaf, torch.zeros_like(leaf) if leaf.grad is None else leaf.grad) for _, leaf in touched
    ]
    merged = torch.empty(len(rows), touched[0][1].shape[1], device=rows.device)
    merged[inverse] = torch.cat([leaf.detach() for leaf, _ in used])
    merged.grad = torch.zeros_like(merged).index_add_(0, inverse, torch.cat([g for _, g in used]))
    return [(rows, merged)]


class RowAdagrad(_TouchedRows):
    """Adagrad with one accumulator per row: the running sum of its mean squared gradient.

    ``G += mean(g**2)``, ``w -= learning_rate * g / (sqrt(G) + eps)``: a quarter of the memory
    traffic of Adam, and rare rows keep a large step. (Duchi, Hazan and Singer 2011; the row-wise
    form is the usual one for large embedding tables.)

    Parameters
    ----------
    embedding : StackedEmbedding
    learning_rate : float
    l2 : float
        Penalty on the table, paid by a row when it is touched.

    Examples
    --------
    >>> table = StackedEmbedding([4], 2)
    >>> before = table.table.clone()
    >>> table(torch.tensor([[1]])).sum().backward()
    >>> RowAdagrad(table, 0.1).step()
    >>> (table.table - before).abs().sum(1) > 0
    tensor([False,  True, False, False])
    """

    def _start(self, table: Tensor) -> None:
        self.sums = torch.zeros(len(table), device=table.device)

    def _change(self, rows: Tensor, gradient: Tensor) -> Tensor:
        sums = self.sums.index_select(0, rows).add_(gradient.square().mean(dim=1))
        self.sums.index_copy_(0, rows, sums)
        return gradient * (-self.learning_rate / (sums.sqrt_() + 1e-10))[:, None]


class RowAdam(_TouchedRows):
    """Adam whose moments of a row advance only when the row is touched (lazy Adam).

    Equal to ``torch.optim.SparseAdam``, with its defaults (0.9, 0.999) and 1e-8.

    Parameters
    ----------
    embedding : StackedEmbedding
    learning_rate : float
    l2 : float
        Penalty on the table, paid by a row when it is touched.

    Examples
    --------
    >>> table = StackedEmbedding([4], 2)
    >>> before = table.table.clone()
    >>> table(torch.tensor([[1]])).sum().backward()
    >>> RowAdam(table, 0.1).step()
    >>> (table.table - before)[1].round(decimals=3)
    tensor([-0.1000, -0.1000])
    """

    def _start(self, table: Tensor) -> None:
        self.first, self.second = torch.zeros_like(table), torch.zeros_like(table)

    def _change(self, rows: Tensor, gradient: Tensor) -> Tensor:
        first = self.first.index_select(0, rows).lerp_(gradient, 0.1)
        second = (
            self.second.index_select(0, rows).mul_(0.999).addcmul_(gradient, gradient, value=0.001)
        )
        self.first.index_copy_(0, rows, first)
        self.second.index_copy_(0, rows, second)
        correction = (1 - 0.999**self.steps) ** 0.5 / (1 - 0.9**self.steps)
        return first.div_(second.sqrt_().add_(1e-8)).mul_(-self.learning_rate * correction)


_OPTIMIZERS = {"adagrad": RowAdagrad, "adam": RowAdam}


def row_optimizer(
    name: str, embedding: StackedEmbedding, learning_rate: float, *, l2: float = 0.0
) -> RowOptimizer:
    """Return the row optimizer called ``"adagrad"`` or ``"adam"``.

    Raises
    ------
    InputError
        For another name.

    Examples
    --------
    >>> type(row_optimizer("adam", StackedEmbedding([3], 2), 0.01)).__name__
    'RowAdam'
    """
    if name not in _OPTIMIZERS:
        raise InputError(f"row optimizer {name!r} is unknown; choose from {sorted(_OPTIMIZERS)}")
    return _OPTIMIZERS[name](embedding, learning_rate, l2=l2)


class Optimizers:
    """Adam for the dense parameters, a row optimizer for every `StackedEmbedding` of the model.

    Parameters
    ----------
    model : nn.Module
    options : TrainingOptions
    """

    def __init__(self, model: nn.Module, options: TrainingOptions) -> None:
        rate = options.embedding_learning_rate or options.learning_rate
        matrices = [p for p in model.parameters() if p.ndim > 1]
        biases = [p for p in model.parameters() if p.ndim <= 1]
        groups = [
            {"params": matrices, "weight_decay": options.weight_decay},
            {"params": biases, "weight_decay": 0.0},
        ]
        self.dense = torch.optim.AdamW(groups, lr=options.learning_rate, fused=True)
        self.rows: list[RowOptimizer] = [
            row_optimizer(options.row_optimizer, module, rate, l2=options.embedding_l2)
            for module in model.modules()
            if isinstance(module, StackedEmbedding)
        ]
        self._start = [options.learning_rate, rate]

    def scale(self, factor: float) -> None:
        """Set the learning rates to `factor` times those at the start."""
        for group in self.dense.param_groups:
            group["lr"] = self._start[0] * factor
        for rows in self.rows:
            rows.learning_rate = self._start[1] * factor

    def step(self, loss: Tensor) -> None:
        """Take one step downhill."""
        self.dense.zero_grad()
        loss.backward()
        self.dense.step()
        for rows in self.rows:
            rows.step()

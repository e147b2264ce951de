"""Several tasks on one body: a shared bottom, and a mixture of experts with a gate per task."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from mlsd.models.embedding_scorer import EmbeddingNetwork
from mlsd.models.layers import Perceptron
from mlsd.models.multi_task import MultiTaskPerceptronScorer, summed_log_loss
from mlsd.models.training import Loss, Pointwise
from mlsd.runtime import InputError


class Towers(nn.Module):
    """A small perceptron and an output for each task.

    Parameters
    ----------
    width : int
        Length of what a tower reads.
    tasks : int
    hidden : sequence of int
        Units of a tower's layers; none for an output alone.

    Examples
    --------
    >>> Towers(3, 2, (4,))([torch.ones(5, 3), torch.ones(5, 3)]).shape
    torch.Size([5, 2])
    """

    def __init__(self, width: int, tasks: int, hidden: Sequence[int]) -> None:
        super().__init__()
        self.towers = nn.ModuleList(Perceptron(width, hidden) for _ in range(tasks))
        self.outputs = nn.ModuleList(nn.Linear(tower.out_width, 1) for tower in self.towers)

    def forward(self, inputs: Sequence[Tensor]) -> Tensor:
        """Return one score per task, shape (rows, tasks), from what each tower reads."""
        scores = [out(tower(x)) for x, tower, out in zip(inputs, self.towers, self.outputs)]
        return torch.cat(scores, dim=1)


class SharedBottomNetwork(EmbeddingNetwork):
    """One perceptron that all towers stand on.

    Built as `EmbeddingNetwork` is.

    Examples
    --------
    >>> network = SharedBottomNetwork([10, 5], 3, SharedBottom(tasks=("click", "like")))
    >>> network(torch.zeros(2, 2, dtype=torch.int64), torch.ones(2, 3)).shape
    torch.Size([2, 2])
    """

    def __init__(self, sizes: Sequence[int], numeric_width: int, scorer: SharedBottom) -> None:
        super().__init__(sizes, numeric_width, scorer)
        self.tasks = len(scorer.tasks)
        self.bottom = Perceptron(self.width, scorer.hidden, dropout=scorer.dropout)
        self.towers = Towers(self.bottom.out_width, self.tasks, scorer.tower_hidden)

    def forward(self, codes: Tensor, numbers: Tensor) -> Tensor:
        """Return scores of shape (rows, tasks), before the sigmoid."""
        shared = self.bottom(self.side_by_side(codes, numbers))
        return self.towers([shared] * self.tasks)


class MMoENetwork(EmbeddingNetwork):
    """Experts that all tasks share, and for each task a gate that says how much it takes of each.

    Built as `EmbeddingNetwork` is.

    Examples
    --------
    >>> network = MMoENetwork([10, 5], 3, MMoE(tasks=("click", "like"), experts=4))
    >>> codes, numbers = torch.zeros(2, 2, dtype=torch.int64), torch.ones(2, 3)
    >>> network(codes, numbers).shape, network.shares(codes, numbers).shape
    (torch.Size([2, 2]), torch.Size([2, 2, 4]))
    """

    def __init__(self, sizes: Sequence[int], numeric_width: int, scorer: MMoE) -> None:
        if scorer.experts < 1:
            raise InputError(f"experts is {scorer.experts}; give at least 1")
        super().__init__(sizes, numeric_width, scorer)
        tasks = len(scorer.tasks)
        self.experts = nn.ModuleList(
            Perceptron(self.width, scorer.hidden, dropout=scorer.dropout)
            for _ in range(scorer.experts)
        )
        self.gates = nn.ModuleList(nn.Linear(self.width, scorer.experts) for _ in range(tasks))
        self.towers = Towers(self.experts[0].out_width, tasks, scorer.tower_hidden)

    def forward(self, codes: Tensor, numbers: Tensor) -> Tensor:
        """Return scores of shape (rows, tasks), before the sigmoid."""
        x = self.side_by_side(codes, numbers)
        told = torch.stack([expert(x) for expert in self.experts], dim=1)
        mixed = torch.einsum("nte,neh->tnh", self._shares(x), told)
        return self.towers(mixed.unbind(0))

    def shares(self, codes: Tensor, numbers: Tensor) -> Tensor:
        """Return what each task takes of each expert, shape (rows, tasks, experts), sum 1."""
        return self._shares(self.side_by_side(codes, numbers))

    def _shares(self, x: Tensor) -> Tensor:
        return torch.stack([torch.softmax(gate(x), dim=1) for gate in self.gates], dim=1)


@dataclass(kw_only=True, eq=False, repr=False)
class SharedBottom(MultiTaskPerceptronScorer):
    """Several outcomes from one perceptron, with a small tower for each.

    The loss is the sum of the tasks' log losses, so that a frequent outcome has more to say about
    the shared layers than a rare one.

    Parameters
    ----------
    tasks : tuple of str
        What the columns of ``y`` and of ``predict_proba`` are about.
    tower_hidden : tuple of int
        Units of each tower's layers.
    hidden, dropout, categorical, numeric, embedding_dim, id_dropout, min_count, and how to train
        See `PerceptronScorer`; `hidden` and `dropout` are about the shared layers.

    References
    ----------
    R. Caruana, Multitask Learning, Machine Learning 28, 1997.

    Examples
    --------
    >>> import numpy as np
    >>> ad = np.arange(2000) % 2
    >>> model = SharedBottom(tasks=("a", "b"), categorical=("ad",), epochs=20, batch_size=100)
    >>> model.fit({"ad": ad}, np.column_stack([ad, 1 - ad])).predict_proba({"ad": [1]}).round()
    array([[1., 0.]])
    """

    network_class: ClassVar = SharedBottomNetwork
    _loss: ClassVar[Loss] = Pointwise(summed_log_loss)
    tasks: tuple[str, ...] = ("click", "like")
    tower_hidden: tuple[int, ...] = (32,)


@dataclass(kw_only=True, eq=False, repr=False)
class MMoE(SharedBottom):
    """Multi-gate mixture of experts: each task mixes the same experts in its own proportions.

    With f_1 ... f_E the experts and g_k the gate of task k, its tower reads
    ``sum_e g_k(x)_e f_e(x)``, where ``g_k(x) = softmax(W_k x)``.

    Parameters
    ----------
    experts : int
    tasks, tower_hidden, hidden, dropout, categorical, numeric, and how to train
        See `SharedBottom`; `hidden` and `dropout` are about each expert.

    References
    ----------
    J. Ma et al., Modeling Task Relationships in Multi-task Learning with Multi-gate
    Mixture-of-Experts, KDD 2018.

    Examples
    --------
    >>> import numpy as np
    >>> ad = np.arange(2000) % 2
    >>> model = MMoE(tasks=("a", "b"), categorical=("ad",), epochs=20, batch_size=100)
    >>> model.fit({"ad": ad}, np.column_stack([ad, 1 - ad])).predict_proba({"ad": [1]}).round()
    array([[1., 0.]])
    """

    network_class: ClassVar = MMoENetwork
    experts: int = 4

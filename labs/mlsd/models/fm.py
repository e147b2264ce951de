"""The factorization machine: a weight per id, and products of two ids through their vectors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor, nn

from mlsd.models.embedding_scorer import EmbeddingScorer
from mlsd.models.interactions import LinearTerm, NumberVectors, factor_products
from mlsd.models.layers import IdDropout, StackedEmbedding


class FactorizationMachineNetwork(nn.Module):
    """The layers of a factorization machine and its forward pass.

    Built as `EmbeddingNetwork` is.

    Examples
    --------
    >>> import torch
    >>> machine = FactorizationMachine(embedding_dim=4)
    >>> network = FactorizationMachineNetwork([10, 5], 3, machine)
    >>> network(torch.zeros(2, 2, dtype=torch.int64), torch.ones(2, 3)).shape
    torch.Size([2])
    """

    def __init__(self, sizes: Sequence[int], numeric_width: int, scorer: EmbeddingScorer) -> None:
        super().__init__()
        self.forget = IdDropout(scorer.id_dropout)
        self.linear = LinearTerm(sizes, numeric_width)
        self.embedding = StackedEmbedding(sizes, scorer.embedding_dim, scale=scorer.embedding_scale)
        self.number_vectors = NumberVectors(numeric_width, scorer.embedding_dim)

    def forward(self, codes: Tensor, numbers: Tensor) -> Tensor:
        """Return scores of shape (rows,), before the sigmoid."""
        codes = self.forget(codes)
        pairs = factor_products(self.embedding(codes), self.number_vectors(numbers))
        return self.linear(codes, numbers) + pairs


@dataclass(kw_only=True, eq=False, repr=False)
class FactorizationMachine(EmbeddingScorer):
    """Factorization machine of second order, on ids and standardised numbers.

    The score is ``bias + sum_i w_i x_i + sum_{i<j} <v_i, v_j> x_i x_j``, where x is 1 for an id of
    the row and the value for a number. A pair of ids that never met in training is scored all the
    same, from what each showed with others.

    Parameters
    ----------
    categorical, numeric, embedding_dim, id_dropout, min_count, and how to train
        See `EmbeddingScorer`; `embedding_l2` applies to weights and vectors of ids alike. With an
        `embedding_dim` of 0 only the weights are left, which is logistic regression.

    References
    ----------
    S. Rendle, Factorization Machines, ICDM 2010.

    Examples
    --------
    >>> import numpy as np
    >>> X = {"a": np.arange(2000) % 2, "b": np.arange(2000) // 2 % 2}
    >>> model = FactorizationMachine(categorical=("a", "b"), epochs=40, batch_size=100)
    >>> model = model.fit(X, X["a"] ^ X["b"])
    >>> model.predict_proba({"a": [0, 0, 1], "b": [0, 1, 1]})[:, 1].round()
    array([0., 1., 0.])
    """

    network_class: ClassVar = FactorizationMachineNetwork

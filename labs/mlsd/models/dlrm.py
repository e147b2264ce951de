"""DLRM: dot products between the vectors of ids and a vector made of the numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from mlsd.models.embedding_scorer import EmbeddingNetwork, PerceptronScorer
from mlsd.models.interactions import PairwiseDots
from mlsd.models.layers import Perceptron


class DLRMNetwork(EmbeddingNetwork):
    """The layers of DLRM and its forward pass.

    Built as `EmbeddingNetwork` is.

    Examples
    --------
    >>> network = DLRMNetwork([10, 5], 3, DLRM(embedding_dim=4))
    >>> network(torch.zeros(2, 2, dtype=torch.int64), torch.ones(2, 3)).shape
    torch.Size([2])
    """

    def __init__(self, sizes: Sequence[int], numeric_width: int, scorer: DLRM) -> None:
        super().__init__(sizes, numeric_width, scorer)
        dim = scorer.embedding_dim
        self.bottom = Perceptron(max(numeric_width, 1), (*scorer.bottom_hidden, dim))
        self.dots = PairwiseDots(len(sizes) + 1)
        self.top = Perceptron(dim + self.dots.out_width, scorer.hidden, dropout=scorer.dropout)
        self.from_top = nn.Linear(self.top.out_width, 1)

    def forward(self, codes: Tensor, numbers: Tensor) -> Tensor:
        """Return scores of shape (rows,), before the sigmoid."""
        below = numbers if numbers.shape[1] else numbers.new_ones(len(numbers), 1)
        bottom = self.bottom(below)
        fields = torch.cat([bottom[:, None], self.embedding(self.forget(codes))], dim=1)
        top = self.top(torch.cat([bottom, self.dots(fields)], dim=1))
        return self.from_top(top).squeeze(1)


@dataclass(kw_only=True, eq=False, repr=False)
class DLRM(PerceptronScorer):
    """Deep learning recommendation model: numbers and ids meet in dot products.

    A bottom perceptron turns the numbers into a vector as long as an embedding. The dot products of
    all pairs among this vector and the embeddings, and the vector itself, go to a top perceptron,
    which sees nothing else of the ids.

    Parameters
    ----------
    bottom_hidden : tuple of int
        Units of the bottom perceptron's layers before the last, which has `embedding_dim`.
    hidden, dropout, categorical, numeric, embedding_dim, id_dropout, min_count, and how to train
        See `PerceptronScorer`; `hidden` and `dropout` are about the top perceptron.

    Notes
    -----
    Without a numeric column the bottom perceptron reads a constant 1: it gives one learned vector,
    whose dot product with an id's vector is what the id says alone.

    References
    ----------
    M. Naumov et al., Deep Learning Recommendation Model for Personalization and Recommendation
    Systems, arXiv:1906.00091, 2019.

    Examples
    --------
    >>> import numpy as np
    >>> X = {"a": np.arange(2000) % 2, "b": np.arange(2000) // 2 % 2}
    >>> model = DLRM(categorical=("a", "b"), epochs=40, batch_size=100).fit(X, X["a"] ^ X["b"])
    >>> model.predict_proba({"a": [0, 0, 1], "b": [0, 1, 1]})[:, 1].round()
    array([0., 1., 0.])
    """

    network_class: ClassVar = DLRMNetwork
    bottom_hidden: tuple[int, ...] = (64,)

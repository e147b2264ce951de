"""DeepFM: a factorization machine and a perceptron on the same embeddings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from mlsd.models.embedding_scorer import PerceptronScorer
from mlsd.models.fm import FactorizationMachineNetwork
from mlsd.models.interactions import factor_products
from mlsd.models.layers import Perceptron


class DeepFMNetwork(FactorizationMachineNetwork):
    """The layers of DeepFM and its forward pass.

    Built as `EmbeddingNetwork` is.

    Examples
    --------
    >>> network = DeepFMNetwork([10, 5], 3, DeepFM(embedding_dim=4))
    >>> network(torch.zeros(2, 2, dtype=torch.int64), torch.ones(2, 3)).shape
    torch.Size([2])
    """

    def __init__(self, sizes: Sequence[int], numeric_width: int, scorer: PerceptronScorer) -> None:
        super().__init__(sizes, numeric_width, scorer)
        width = len(sizes) * scorer.embedding_dim + numeric_width
        self.deep = Perceptron(width, scorer.hidden, dropout=scorer.dropout)
        self.from_deep = nn.Linear(self.deep.out_width, 1, bias=False)

    def forward(self, codes: Tensor, numbers: Tensor) -> Tensor:
        """Return scores of shape (rows,), before the sigmoid."""
        codes = self.forget(codes)
        embedded = self.embedding(codes)
        deep = self.deep(torch.cat([embedded.flatten(1), numbers], dim=1))
        shallow = self.linear(codes, numbers) + factor_products(
            embedded, self.number_vectors(numbers)
        )
        return shallow + self.from_deep(deep).squeeze(1)


@dataclass(kw_only=True, eq=False, repr=False)
class DeepFM(PerceptronScorer):
    """Factorization machine plus perceptron, on shared embeddings and standardised numbers.

    The score is that of `FactorizationMachine`, for products of two fields, plus that of a
    perceptron on the same id vectors, for all else; both train the vectors. The perceptron reads
    the numbers as they are: its first layer would undo a vector per number.

    Parameters
    ----------
    hidden, dropout, categorical, numeric, embedding_dim, id_dropout, min_count, and how to train
        See `PerceptronScorer`; `embedding_l2` applies to weights and vectors of ids alike.

    References
    ----------
    H. Guo, R. Tang, Y. Ye, Z. Li and X. He, DeepFM: A Factorization-Machine based Neural Network
    for CTR Prediction, IJCAI 2017.

    Examples
    --------
    >>> import numpy as np
    >>> X = {"a": np.arange(2000) % 2, "b": np.arange(2000) // 2 % 2}
    >>> model = DeepFM(categorical=("a", "b"), epochs=40, batch_size=100).fit(X, X["a"] ^ X["b"])
    >>> model.predict_proba({"a": [0, 0, 1], "b": [0, 1, 1]})[:, 1].round()
    array([0., 1., 0.])
    """

    network_class: ClassVar = DeepFMNetwork

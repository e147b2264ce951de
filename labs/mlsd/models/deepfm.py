"""DeepFM: a factorization machine and a perceptron on the same embeddings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from mlsd.models.embedding_scorer import EmbeddingScorer
from mlsd.models.interactions import LinearTerm, NumberVectors, factor_products
from mlsd.models.layers import IdDropout, Perceptron, StackedEmbedding


class DeepFMNetwork(nn.Module):
    """The layers of DeepFM and its forward pass.

    Parameters
    ----------
    sizes : sequence of int
        Number of ids of each categorical field.
    numeric_width : int
        Number of numeric inputs.
    embedding_dim, hidden, dropout, id_dropout
        As in `DeepFM`.

    Examples
    --------
    >>> network = DeepFMNetwork([10, 5], 3, embedding_dim=4)
    >>> network(torch.zeros(2, 2, dtype=torch.int64), torch.ones(2, 3)).shape
    torch.Size([2])
    """

    def __init__(
        self,
        sizes: Sequence[int],
        numeric_width: int,
        *,
        embedding_dim: int = 16,
        hidden: Sequence[int] = (128, 64),
        dropout: float = 0.0,
        id_dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.forget = IdDropout(id_dropout)
        self.linear = LinearTerm(sizes, numeric_width)
        self.embedding = StackedEmbedding(sizes, embedding_dim)
        self.number_vectors = NumberVectors(numeric_width, embedding_dim)
        width = len(sizes) * embedding_dim + numeric_width
        self.deep = Perceptron(width, hidden, dropout=dropout)
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
class DeepFM(EmbeddingScorer):
    """Factorization machine plus perceptron, on shared embeddings and standardised numbers.

    The score is that of `FactorizationMachine`, for products of two fields, plus that of a
    perceptron on the same id vectors, for all else; both train the vectors. The perceptron reads
    the numbers as they are: its first layer would undo a vector per number.

    Parameters
    ----------
    hidden : tuple of int
        Units of the perceptron's layers.
    dropout : float
        Share of the perceptron's units dropped while training.
    categorical, numeric, embedding_dim, id_dropout, min_count, and how to train
        See `EmbeddingScorer`; `embedding_l2` applies to weights and vectors of ids alike.

    Attributes
    ----------
    network_ : DeepFMNetwork
    history_ : TrainingHistory
        Validation losses, and the step whose weights were kept.

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

    hidden: tuple[int, ...] = (128, 64)
    dropout: float = 0.2

    def _network(self, sizes: list[int], numeric_width: int) -> nn.Module:
        return DeepFMNetwork(
            sizes,
            numeric_width,
            embedding_dim=self.embedding_dim,
            hidden=self.hidden,
            dropout=self.dropout,
            id_dropout=self.id_dropout,
        )

"""DCN-v2: explicit feature crosses of bounded degree beside, or below, a perceptron."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from mlsd.models.embedding_scorer import EmbeddingScorer
from mlsd.models.layers import CrossNetwork, IdDropout, Perceptron, StackedEmbedding
from mlsd.runtime import InputError


class DCNv2Network(nn.Module):
    """The layers of DCN-v2 and its forward pass.

    Parameters
    ----------
    sizes : sequence of int
        Number of ids of each categorical field.
    numeric_width : int
        Number of numeric inputs.
    embedding_dim, cross_layers, cross_rank, hidden, dropout, id_dropout, structure
        As in `DCNv2`.

    Examples
    --------
    >>> network = DCNv2Network([10, 5], 3, embedding_dim=4)
    >>> network(torch.zeros(2, 2, dtype=torch.int64), torch.ones(2, 3)).shape
    torch.Size([2])
    """

    def __init__(
        self,
        sizes: Sequence[int],
        numeric_width: int,
        *,
        embedding_dim: int = 16,
        cross_layers: int = 2,
        cross_rank: int | None = None,
        hidden: Sequence[int] = (128, 64),
        dropout: float = 0.0,
        id_dropout: float = 0.0,
        structure: str = "parallel",
    ) -> None:
        super().__init__()
        width = len(sizes) * embedding_dim + numeric_width
        self.forget = IdDropout(id_dropout)
        self.embedding = StackedEmbedding(sizes, embedding_dim)
        self.cross = CrossNetwork(width, layers=cross_layers, rank=cross_rank)
        self.deep = Perceptron(width, hidden, dropout=dropout)
        self.from_deep = nn.Linear(self.deep.out_width, 1)
        self.from_cross = nn.Linear(width, 1, bias=False) if structure == "parallel" else None

    def forward(self, codes: Tensor, numbers: Tensor) -> Tensor:
        """Return scores of shape (rows,), before the sigmoid."""
        x = self.embedding(self.forget(codes)).flatten(1)
        if numbers.shape[1]:
            x = torch.cat([x, numbers], dim=1)
        crossed = self.cross(x)
        if self.from_cross is None:
            return self.from_deep(self.deep(crossed)).squeeze(1)
        return (self.from_cross(crossed) + self.from_deep(self.deep(x))).squeeze(1)


@dataclass(kw_only=True, eq=False, repr=False)
class DCNv2(EmbeddingScorer):
    """Deep & Cross Network, version 2, on embedded ids and standardised numbers.

    Each cross layer computes ``x0 * (W x + b) + x`` on the concatenated embeddings and numbers x0,
    so that L layers hold products of up to L + 1 inputs; a perceptron learns the rest.

    Parameters
    ----------
    cross_layers : int
    cross_rank : int, optional
        Low-rank cross matrices; full ones where absent.
    hidden : tuple of int
        Units of the perceptron's layers.
    structure : str
        ``"parallel"``: cross layers beside the perceptron; ``"stacked"``: below it.
    dropout : float
        Share of the perceptron's units dropped while training.
    categorical, numeric, embedding_dim, id_dropout, min_count, and how to train
        See `EmbeddingScorer`.

    Attributes
    ----------
    network_ : DCNv2Network
    history_ : TrainingHistory
        Validation losses, and the step whose weights were kept.

    References
    ----------
    R. Wang et al., DCN V2: Improved Deep & Cross Network and Practical Lessons for Web-scale
    Learning to Rank Systems, WWW 2021.

    Examples
    --------
    >>> import numpy as np
    >>> X = {"a": np.arange(2000) % 2, "b": np.arange(2000) // 2 % 2}
    >>> model = DCNv2(categorical=("a", "b"), epochs=40, batch_size=100).fit(X, X["a"] ^ X["b"])
    >>> model.predict_proba({"a": [0, 0, 1], "b": [0, 1, 1]})[:, 1].round()
    array([0., 1., 0.])
    """

    cross_layers: int = 2
    cross_rank: int | None = None
    hidden: tuple[int, ...] = (128, 64)
    structure: str = "parallel"
    dropout: float = 0.2

    def _network(self, sizes: list[int], numeric_width: int) -> nn.Module:
        if self.structure not in ("parallel", "stacked"):
            raise InputError(f"structure is {self.structure!r}; choose 'parallel' or 'stacked'")
        return DCNv2Network(
            sizes,
            numeric_width,
            embedding_dim=self.embedding_dim,
            cross_layers=self.cross_layers,
            cross_rank=self.cross_rank,
            hidden=self.hidden,
            dropout=self.dropout,
            id_dropout=self.id_dropout,
            structure=self.structure,
        )

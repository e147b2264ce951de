"""DCN-v2: explicit feature crosses of bounded degree beside, or below, a perceptron."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor, nn

from mlsd.models.embedding_scorer import EmbeddingNetwork, PerceptronScorer
from mlsd.models.layers import CrossNetwork, Perceptron
from mlsd.runtime import InputError


class DCNv2Network(EmbeddingNetwork):
    """The layers of DCN-v2 and its forward pass.

    Built as `EmbeddingNetwork` is.

    Examples
    --------
    >>> import torch
    >>> network = DCNv2Network([10, 5], 3, DCNv2(embedding_dim=4))
    >>> network(torch.zeros(2, 2, dtype=torch.int64), torch.ones(2, 3)).shape
    torch.Size([2])
    """

    def __init__(self, sizes: Sequence[int], numeric_width: int, scorer: DCNv2) -> None:
        if scorer.structure not in ("parallel", "stacked"):
            raise InputError(f"structure is {scorer.structure!r}; choose 'parallel' or 'stacked'")
        super().__init__(sizes, numeric_width, scorer)
        self.cross = CrossNetwork(self.width, layers=scorer.cross_layers, rank=scorer.cross_rank)
        self.deep = Perceptron(self.width, scorer.hidden, dropout=scorer.dropout)
        self.from_deep = nn.Linear(self.deep.out_width, 1)
        parallel = scorer.structure == "parallel"
        self.from_cross = nn.Linear(self.width, 1, bias=False) if parallel else None

    def forward(self, codes: Tensor, numbers: Tensor) -> Tensor:
        """Return scores of shape (rows,), before the sigmoid."""
        x = self.side_by_side(codes, numbers)
        crossed = self.cross(x)
        if self.from_cross is None:
            return self.from_deep(self.deep(crossed)).squeeze(1)
        return (self.from_cross(crossed) + self.from_deep(self.deep(x))).squeeze(1)


@dataclass(kw_only=True, eq=False, repr=False)
class DCNv2(PerceptronScorer):
    """Deep & Cross Network, version 2, on embedded ids and standardised numbers.

    Each cross layer computes ``x0 * (W x + b) + x`` on the concatenated embeddings and numbers x0,
    so that L layers hold products of up to L + 1 inputs; a perceptron learns the rest.

    Parameters
    ----------
    cross_layers : int
    cross_rank : int, optional
        Low-rank cross matrices; full ones where absent.
    structure : str
        ``"parallel"``: cross layers beside the perceptron; ``"stacked"``: below it.
    hidden, dropout, categorical, numeric, embedding_dim, id_dropout, min_count, and how to train
        See `PerceptronScorer`.

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

    network_class: ClassVar = DCNv2Network
    cross_layers: int = 2
    cross_rank: int | None = None
    structure: str = "parallel"

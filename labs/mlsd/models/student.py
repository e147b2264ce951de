"""A small perceptron that learns from another model's probabilities."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
from torch import Tensor, nn

from mlsd.models.base import Columns, Scorer
from mlsd.models.embedding_scorer import EmbeddingNetwork, PerceptronScorer
from mlsd.models.layers import Perceptron
from mlsd.models.scorer import row_count
from mlsd.runtime import InputError


class StudentNetwork(EmbeddingNetwork):
    """Embeddings and numbers side by side, and a perceptron on them.

    Built as `EmbeddingNetwork` is.

    Examples
    --------
    >>> import torch
    >>> network = StudentNetwork([10, 5], 3, StudentPerceptron())
    >>> network(torch.zeros(2, 2, dtype=torch.int64), torch.ones(2, 3)).shape
    torch.Size([2])
    """

    def __init__(self, sizes: Sequence[int], numeric_width: int, scorer: PerceptronScorer) -> None:
        super().__init__(sizes, numeric_width, scorer)
        self.perceptron = Perceptron(self.width, scorer.hidden, dropout=scorer.dropout)
        self.out = nn.Linear(self.perceptron.out_width, 1)

    def forward(self, codes: Tensor, numbers: Tensor) -> Tensor:
        """Return scores of shape (rows,), before the sigmoid."""
        return self.out(self.perceptron(self.side_by_side(codes, numbers))).squeeze(1)


@dataclass(kw_only=True, eq=False, repr=False)
class StudentPerceptron(PerceptronScorer):
    """A perceptron on embedded ids and numbers, cheap enough to answer every request.

    `fit` learns from clicks, like every scorer; `distil` from the probabilities of a fitted
    teacher, for which rows without a label do.

    Parameters
    ----------
    hidden, dropout, categorical, numeric, embedding_dim, id_dropout, min_count, and how to train
        See `PerceptronScorer`.

    References
    ----------
    G. Hinton, O. Vinyals and J. Dean, Distilling the Knowledge in a Neural Network,
    arXiv:1503.02531, 2015.

    Examples
    --------
    >>> import numpy as np
    >>> X = {"a": np.arange(2000) % 2, "b": np.arange(2000) // 2 % 2}
    >>> model = StudentPerceptron(categorical=("a", "b"), epochs=40, batch_size=100)
    >>> model = model.fit(X, X["a"] ^ X["b"])
    >>> model.predict_proba({"a": [0, 0, 1], "b": [0, 1, 1]})[:, 1].round()
    array([0., 1., 0.])
    """

    network_class: ClassVar = StudentNetwork
    embedding_dim: int = 8
    hidden: tuple[int, ...] = (64, 32)
    dropout: float = 0.0

    def distil(self, X: Columns, teacher: Scorer) -> Self:
        """Learn to answer as `teacher` does, forgetting any earlier fit.

        The target of a row is the teacher's probability instead of a click.

        Parameters
        ----------
        X : DataFrame or mapping of arrays, n rows
            With the columns that the teacher reads.
        teacher : Scorer
            Fitted.

        Raises
        ------
        InputError
            For no rows or a missing column.

        Examples
        --------
        >>> import numpy as np
        >>> from mlsd.models import SmoothedRate
        >>> X = {"a": np.arange(2000) % 4}
        >>> teacher = SmoothedRate(levels=(("a",),)).fit(X, X["a"] == 0)
        >>> student = StudentPerceptron(categorical=("a",), epochs=30).distil(X, teacher)
        >>> gap = student.predict_proba(X)[:, 1] - teacher.predict_proba(X)[:, 1]
        >>> bool(np.abs(gap).max() < 0.05)
        True
        """
        if row_count(X) == 0:
            raise InputError("X has no row; the student needs rows on which to ask the teacher")
        self._learn(self._take(X), teacher.predict_proba(X)[:, 1], None, None)
        return self

    def inputs(self, X: Columns) -> tuple[np.ndarray, np.ndarray]:
        """Return what the network reads: codes, int64, and numbers, float32, n rows each.

        Raises
        ------
        InputError
            For a missing column.
        """
        codes, numbers = self._tensors(self._take(X), row_count(X))
        return codes.numpy(), numbers.numpy()

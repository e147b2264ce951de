"""DCN-v2: explicit feature crosses of bounded degree beside, or below, a perceptron."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields

import torch
from torch import Tensor, nn

from mlsd.models.deep import DeepScorer
from mlsd.models.layers import CrossNetwork, IdDropout, Perceptron, StackedEmbedding
from mlsd.models.options import TrainingOptions
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


class DCNv2(DeepScorer):
    """Deep & Cross Network, version 2, on embedded ids and standardised numbers.

    Each cross layer computes ``x0 * (W x + b) + x`` on the concatenated embeddings and numbers x0,
    so that L layers hold products of up to L + 1 inputs; a perceptron learns the rest.

    Parameters
    ----------
    categorical, numeric : tuple of str
        Columns read.
    embedding_dim : int
        Length of an id's vector.
    cross_layers : int
    cross_rank : int, optional
        Low-rank cross matrices; full ones where absent.
    hidden : tuple of int
        Units of the perceptron's layers.
    structure : str
        ``"parallel"``: cross layers beside the perceptron; ``"stacked"``: below it.
    dropout : float
        Share of the perceptron's units dropped while training.
    id_dropout : float
        Share of ids replaced by the unknown id while training, so that the unknown id of a field
        has learned what a row looks like without it (after DropoutNet, Volkovs et al. 2017).
    min_count : int
        Ids with fewer training rows share the unknown id.
    learning_rate, embedding_learning_rate, row_optimizer, weight_decay, embedding_l2, batch_size,
    epochs, validations_per_epoch, patience, decay, progress
        See `TrainingOptions`.
    validation_share : float
        Last rows held out for early stopping where `fit` gets no `valid`; 0 for none.
    random_state : int

    Attributes
    ----------
    network_ : DCNv2Network
    history_ : TrainingHistory
        Validation losses, and the step whose weights were kept.

    Notes
    -----
    An id unseen in training takes the embedding of its field's unknown id. A missing number counts
    as the mean, and its indicator is set.

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

    def __init__(
        self,
        *,
        categorical: tuple[str, ...] = (),
        numeric: tuple[str, ...] = (),
        embedding_dim: int = 16,
        cross_layers: int = 2,
        cross_rank: int | None = None,
        hidden: tuple[int, ...] = (128, 64),
        structure: str = "parallel",
        dropout: float = 0.2,
        id_dropout: float = 0.1,
        min_count: int = 1,
        learning_rate: float = 1e-3,
        embedding_learning_rate: float = 0.05,
        row_optimizer: str = "adagrad",
        weight_decay: float = 0.1,
        embedding_l2: float = 1e-5,
        batch_size: int = 512,
        epochs: float = 4.0,
        validations_per_epoch: int = 4,
        patience: int = 4,
        decay: str = "none",
        validation_share: float = 0.1,
        random_state: int = 0,
        progress: bool = False,
    ) -> None:
        self.categorical = categorical
        self.numeric = numeric
        self.embedding_dim = embedding_dim
        self.cross_layers = cross_layers
        self.cross_rank = cross_rank
        self.hidden = hidden
        self.structure = structure
        self.dropout = dropout
        self.id_dropout = id_dropout
        self.min_count = min_count
        self.learning_rate = learning_rate
        self.embedding_learning_rate = embedding_learning_rate
        self.row_optimizer = row_optimizer
        self.weight_decay = weight_decay
        self.embedding_l2 = embedding_l2
        self.batch_size = batch_size
        self.epochs = epochs
        self.validations_per_epoch = validations_per_epoch
        self.patience = patience
        self.decay = decay
        self.validation_share = validation_share
        self.random_state = random_state
        self.progress = progress

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

    def _options(self) -> TrainingOptions:
        return TrainingOptions(**{f.name: getattr(self, f.name) for f in fields(TrainingOptions)})

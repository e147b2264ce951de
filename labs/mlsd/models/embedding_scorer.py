"""What the deep scorers on embedded ids share: their arguments, and the layers they begin with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from mlsd.models.deep import DeepScorer
from mlsd.models.layers import IdDropout, StackedEmbedding


@dataclass(kw_only=True, eq=False, repr=False)
class EmbeddingScorer(DeepScorer):
    """Base of the deep scorers that embed ids; a subclass adds its own arguments and its network.

    The network is a module that is built from the number of ids of each field, the number of
    numeric inputs and the scorer, and reads the scorer's arguments: each is named here, or in the
    subclass, and nowhere else.

    Being data classes, these scorers have a constructor with every argument by keyword, inherited
    ones included, that stores them and does nothing else: what scikit-learn asks of an estimator.
    A subclass is decorated the same way, without equality or text of its own.

    Parameters
    ----------
    categorical, numeric : tuple of str
        Columns read.
    embedding_dim : int
        Length of an id's vector.
    embedding_scale : float
        Standard deviation of an id's vector before training. A product of several ids starts at
        the product of their scales, so a small one makes products of high degree slow to begin.
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
    network_ : nn.Module
        Of the class that `network_class` names.
    history_ : TrainingHistory
        Validation losses, and the step whose weights were kept.

    Notes
    -----
    An id unseen in training takes the embedding of its field's unknown id. A missing number counts
    as the mean, and its indicator is set.
    """

    network_class: ClassVar[type[nn.Module]]
    categorical: tuple[str, ...] = ()
    numeric: tuple[str, ...] = ()
    embedding_dim: int = 16
    embedding_scale: float = 0.01
    id_dropout: float = 0.1
    min_count: int = 1
    learning_rate: float = 1e-3
    embedding_learning_rate: float = 0.05
    row_optimizer: str = "adagrad"
    weight_decay: float = 0.1
    embedding_l2: float = 1e-5
    batch_size: int = 512
    epochs: float = 4.0
    validations_per_epoch: int = 4
    patience: int = 4
    decay: str = "none"
    validation_share: float = 0.1
    random_state: int = 0
    progress: bool = False

    def _network(self, sizes: list[int], numeric_width: int) -> nn.Module:
        return self.network_class(sizes, numeric_width, self)


@dataclass(kw_only=True, eq=False, repr=False)
class PerceptronScorer(EmbeddingScorer):
    """Base of the deep scorers with a perceptron among their layers.

    Parameters
    ----------
    hidden : tuple of int
        Units of the perceptron's layers.
    dropout : float
        Share of the perceptron's units dropped while training.
    categorical, numeric, embedding_dim, id_dropout, min_count, and how to train
        See `EmbeddingScorer`.
    """

    hidden: tuple[int, ...] = (128, 64)
    dropout: float = 0.2


class EmbeddingNetwork(nn.Module):
    """Vectors of ids beside numbers: what most networks of the deep rungs begin with.

    Parameters
    ----------
    sizes : sequence of int
        Number of ids of each categorical field.
    numeric_width : int
        Number of numeric inputs.
    scorer : EmbeddingScorer
        Its arguments say how large the layers are; it is read and not kept.

    Attributes
    ----------
    width : int
        Length of a row's vectors and numbers side by side.

    Examples
    --------
    >>> network = EmbeddingNetwork([10, 5], 3, EmbeddingScorer(embedding_dim=4))
    >>> network.side_by_side(torch.zeros(2, 2, dtype=torch.int64), torch.ones(2, 3)).shape
    torch.Size([2, 11])
    """

    def __init__(self, sizes: Sequence[int], numeric_width: int, scorer: EmbeddingScorer) -> None:
        super().__init__()
        self.width = len(sizes) * scorer.embedding_dim + numeric_width
        self.forget = IdDropout(scorer.id_dropout)
        self.embedding = StackedEmbedding(sizes, scorer.embedding_dim, scale=scorer.embedding_scale)

    def side_by_side(self, codes: Tensor, numbers: Tensor) -> Tensor:
        """Return shape (rows, width) for codes (rows, fields), numbers (rows, numeric_width)."""
        vectors = self.embedding(self.forget(codes)).flatten(1)
        return torch.cat([vectors, numbers], dim=1) if numbers.shape[1] else vectors

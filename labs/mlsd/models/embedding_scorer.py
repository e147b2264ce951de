"""The arguments that every deep scorer on embedded ids takes, declared once."""

from __future__ import annotations

from dataclasses import dataclass, fields

from mlsd.models.deep import DeepScorer
from mlsd.models.options import TrainingOptions


@dataclass(kw_only=True, eq=False, repr=False)
class EmbeddingScorer(DeepScorer):
    """Base of the deep scorers that embed ids; a subclass adds its own arguments and `_network`.

    Being data classes, these scorers have a constructor with every argument by keyword, inherited
    ones included, that stores them and does nothing else: what scikit-learn asks of an estimator.
    A subclass is decorated the same way, without equality or text of its own.

    Parameters
    ----------
    categorical, numeric : tuple of str
        Columns read.
    embedding_dim : int
        Length of an id's vector.
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

    Notes
    -----
    An id unseen in training takes the embedding of its field's unknown id. A missing number counts
    as the mean, and its indicator is set.
    """

    categorical: tuple[str, ...] = ()
    numeric: tuple[str, ...] = ()
    embedding_dim: int = 16
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

    def _options(self) -> TrainingOptions:
        return TrainingOptions(**{f.name: getattr(self, f.name) for f in fields(TrainingOptions)})

"""How a deep model is trained: one set of choices for every architecture."""

from __future__ import annotations

from dataclasses import dataclass, fields

from mlsd.runtime import InputError


@dataclass(frozen=True)
class TrainingOptions:
    """How a deep model is trained.

    Attributes
    ----------
    batch_size : int
        Rows of one step.
    epochs : float
        At most so many passes over the rows; a fraction is allowed.
    learning_rate : float
        Of Adam on the dense parameters, and of the row optimizer unless it has its own.
    embedding_learning_rate : float, optional
        Of the row optimizer.
    row_optimizer : str
        ``"adagrad"`` or ``"adam"``.
    weight_decay : float
        Decoupled decay of the dense matrices (AdamW); biases have none.
    embedding_l2 : float
        Penalty ``embedding_l2 / 2 * |table|**2`` beside the mean loss of a row; a row pays when a
        batch touches it, for all steps since the last time.
    validations_per_epoch : int
        How often the validation loss is taken.
    patience : int
        Stop after so many validations without a better one.
    decay : str
        ``"none"`` or ``"cosine"``: the learning rates fall to 0 over `epochs`.
    progress : bool
        Whether to show how far the training is: a bar on stderr, and in a notebook a line in the
        cell that is gone at the end.
    """

    batch_size: int = 1024
    epochs: float = 3.0
    learning_rate: float = 1e-3
    embedding_learning_rate: float | None = None
    row_optimizer: str = "adam"
    weight_decay: float = 0.0
    embedding_l2: float = 0.0
    validations_per_epoch: int = 2
    patience: int = 3
    decay: str = "none"
    progress: bool = False

    def __post_init__(self) -> None:
        for name in (
            "batch_size",
            "epochs",
            "learning_rate",
            "validations_per_epoch",
            "patience",
        ):
            if not getattr(self, name) > 0:
                raise InputError(f"{name} is {getattr(self, name)!r}; give a number above 0")
        if self.decay not in ("none", "cosine"):
            raise InputError(f"decay is {self.decay!r}; choose 'none' or 'cosine'")


@dataclass(kw_only=True, eq=False)
class TrainingArguments:
    """Arguments by which deep recommenders say how they are trained, with the seed of its luck.

    Parameters
    ----------
    random_state : int
    learning_rate, embedding_learning_rate, row_optimizer, weight_decay, embedding_l2, batch_size,
    epochs, validations_per_epoch, patience, decay, progress
        See `TrainingOptions`.
    """

    learning_rate: float = 2e-3
    embedding_learning_rate: float | None = None
    row_optimizer: str = "adam"
    weight_decay: float = 0.0
    embedding_l2: float = 0.0
    batch_size: int = 512
    epochs: float = 20.0
    validations_per_epoch: int = 1
    patience: int = 2
    decay: str = "none"
    random_state: int = 0
    progress: bool = False


def options_of(model: object) -> TrainingOptions:
    """Return the options among the arguments of a model.

    Examples
    --------
    >>> options_of(TrainingArguments(epochs=3)).epochs
    3
    """
    return TrainingOptions(
        **{each.name: getattr(model, each.name) for each in fields(TrainingOptions)}
    )

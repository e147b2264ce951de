"""What the networks share that learn several outcomes together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from mlsd.models.base import Columns, LabelledColumns
from mlsd.models.embedding_scorer import PerceptronScorer
from mlsd.models.scorer import Arrays, row_count
from mlsd.models.training import predict_scores
from mlsd.runtime import InputError


def summed_log_loss(scores: Tensor, labels: Tensor, weights: Tensor | None) -> Tensor:
    """Return the log loss summed over tasks, mean over rows.

    Parameters
    ----------
    scores, labels : Tensor, shape (rows, tasks)
        Scores before the sigmoid.
    weights : Tensor, shape (rows,), or None

    Examples
    --------
    >>> summed_log_loss(torch.zeros(1, 2), torch.tensor([[1.0, 0.0]]), None).exp().round()
    tensor(4.)
    """
    loss = functional.binary_cross_entropy_with_logits(scores, labels, reduction="none").sum(dim=1)
    return loss.mean() if weights is None else (weights * loss).mean()


def as_task_labels(y: np.ndarray, rows: int, tasks: int) -> np.ndarray:
    """Return outcomes as float64 of shape (rows, tasks).

    Raises
    ------
    InputError
        If the shape is another, or a value is neither 0 nor 1.

    Examples
    --------
    >>> as_task_labels([[1, 0]], 1, 2)
    array([[1., 0.]])
    """
    array = np.asarray(y)
    if array.shape != (rows, tasks):
        raise InputError(
            f"y has shape {array.shape}; X has {rows} rows and there are {tasks} tasks: "
            "give one label per row and task"
        )
    wrong = np.argwhere((array != 0) & (array != 1))
    if len(wrong):
        row, column = wrong[0]
        raise InputError(f"y: row {row} holds {array[row, column]!r}; labels are 0 and 1")
    return array.astype(np.float64)


@dataclass(kw_only=True, eq=False, repr=False)
class MultiTaskPerceptronScorer(PerceptronScorer):
    """Base of the networks of several tasks: checks, one probability per task.

    A subclass states its `tasks` and its network, whose scores have shape (rows, tasks).

    Parameters
    ----------
    hidden, dropout, categorical, numeric, embedding_dim, id_dropout, min_count, and how to train
        See `PerceptronScorer`.
    """

    def fit(
        self,
        X: Columns,
        y: np.ndarray,
        *,
        valid: LabelledColumns | None = None,
        sample_weight: np.ndarray | None = None,
    ) -> Self:
        """Learn from rows `X` with outcomes `y`, forgetting any earlier fit.

        Parameters
        ----------
        X : DataFrame or mapping of arrays, n rows
        y : array of 0 and 1, shape (n, tasks)
        valid : (X, y) or (X, y, sample_weight), optional
            Decides when to stop. Nothing is fitted to it.
        sample_weight : array, shape (n,), optional
            Non-negative; 1 each where absent.
        """
        return super().fit(X, y, valid=valid, sample_weight=sample_weight)

    def predict_proba(self, X: Columns) -> np.ndarray:
        """Return the probability of 1 in each task, shape (n, tasks)."""
        if not hasattr(self, "network_"):
            raise InputError(f"{type(self).__name__} is not fitted; call fit first")
        rows = row_count(X)
        if rows == 0:
            return np.zeros((0, len(self.tasks)))
        scores = predict_scores(self.network_, self._tensors(self._take(X), rows))
        return torch.sigmoid(scores.double()).numpy()

    def _labels(self, y: np.ndarray, rows: int) -> np.ndarray:
        return as_task_labels(y, rows, len(self.tasks))

    def _checked(self, X: Columns, y: np.ndarray) -> tuple[Arrays, np.ndarray]:
        return self._take(X), self._labels(y, row_count(X))

    def _learn(self, columns, y, weights, valid) -> None:
        for task, labels in zip(self.tasks, y.T):
            if labels.min() == labels.max():
                raise InputError(f"y: {task} is of one class; both 0 and 1 are needed")
        super()._learn(columns, y, weights, valid)

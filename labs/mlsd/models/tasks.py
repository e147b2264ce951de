"""One task of a multi-task scorer where a plain scorer is asked for."""

from __future__ import annotations

from typing import Any, Self

import numpy as np

from mlsd.models.base import Columns, LabelledColumns, MultiTaskScorer
from mlsd.runtime import InputError


class OneTask:
    """A multi-task scorer that answers for one of its tasks, as a policy or a metric wants it.

    Parameters
    ----------
    scorer : MultiTaskScorer
        Fitted or not; fitting this fits it.
    task : str
        One of its `tasks`.

    Examples
    --------
    >>> class Funnel:
    ...     tasks = ("click", "click_and_conversion")
    ...     def predict_proba(self, X): return np.array([[0.2, 0.1]])
    >>> OneTask(scorer=Funnel(), task="click").predict_proba({"ad_id": [3]})
    array([[0.8, 0.2]])
    """

    def __init__(self, *, scorer: MultiTaskScorer, task: str = "click") -> None:
        self.scorer = scorer
        self.task = task

    def fit(
        self,
        X: Columns,
        y: np.ndarray,
        *,
        valid: LabelledColumns | None = None,
        sample_weight: np.ndarray | None = None,
    ) -> Self:
        """Fit the multi-task scorer on outcomes `y` of shape (n, tasks)."""
        self.scorer.fit(X, y, valid=valid, sample_weight=sample_weight)
        return self

    def predict_proba(self, X: Columns) -> np.ndarray:
        """Return the probabilities of 0 and of 1 in the task, shape (n, 2).

        Raises
        ------
        InputError
            If the scorer has no such task.
        """
        if self.task not in self.scorer.tasks:
            raise InputError(f"task is {self.task!r}; choose among {self.scorer.tasks}")
        probability = self.scorer.predict_proba(X)[:, self.scorer.tasks.index(self.task)]
        return np.column_stack([1.0 - probability, probability])

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the constructor's arguments by name."""
        return {"scorer": self.scorer, "task": self.task}

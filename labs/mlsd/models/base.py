"""Contracts that every model keeps, in scikit-learn's manner.

The constructor stores keyword arguments and does nothing else; ``fit`` returns self; learned names
end in ``_``; a refit starts afresh; inputs are never changed. ``X`` maps names to arrays of equal
length, so a DataFrame qualifies; histories are two-dimensional.
"""

from __future__ import annotations

from typing import Protocol, Self, runtime_checkable

import numpy as np
import pandas as pd

from mlsd.features.entities import Columns

# With weights as a third where rows stand for several.
LabelledColumns = tuple[Columns, np.ndarray] | tuple[Columns, np.ndarray, np.ndarray | None]


@runtime_checkable
class Scorer(Protocol):
    """Predicts the probability of an outcome for each row.

    Ids never seen in training fall back by the rule that the class states.
    """

    def fit(
        self,
        X: Columns,
        y: np.ndarray,
        *,
        valid: LabelledColumns | None = None,
        sample_weight: np.ndarray | None = None,
    ) -> Self:
        """Learn from rows `X` with outcomes `y` of shape (n,).

        `valid`, rows and outcomes, with weights where they have any, only stops training.
        """
        ...

    def predict_proba(self, X: Columns) -> np.ndarray:
        """Return shape (n, 2): probability of 0 and of 1."""
        ...


@runtime_checkable
class MultiTaskScorer(Protocol):
    """Predicts the probabilities of several outcomes that are learned together.

    Attributes
    ----------
    tasks : tuple of str
        What each column of the outcomes and of the predictions is about. Where each outcome needs
        the one before it, as in a funnel, the class says so.
    """

    tasks: tuple[str, ...]

    def fit(
        self,
        X: Columns,
        y: np.ndarray,
        *,
        valid: LabelledColumns | None = None,
        sample_weight: np.ndarray | None = None,
    ) -> Self:
        """Learn from rows `X` with outcomes `y` of shape (n, tasks)."""
        ...

    def predict_proba(self, X: Columns) -> np.ndarray:
        """Return the probability of 1 for each task, shape (n, tasks)."""
        ...


@runtime_checkable
class OnlineScorer(Scorer, Protocol):
    """A scorer that can also learn from one batch after the other."""

    def partial_fit(self, X: Columns, y: np.ndarray) -> Self:
        """Update with a batch in time order, keeping what was learned before."""
        ...


@runtime_checkable
class Ranker(Protocol):
    """Orders the rows of a group, such as the candidates of a request."""

    def fit(self, X: Columns, y: np.ndarray, groups: np.ndarray) -> Self:
        """Learn from rows `X` with relevance `y` and the group of each row, shape (n,) each."""
        ...

    def score(self, X: Columns) -> np.ndarray:
        """Return one score per row, shape (n,); only the order within a group counts."""
        ...


@runtime_checkable
class Recommender(Protocol):
    """Ranks the items of a corpus for users."""

    def fit(
        self,
        interactions: pd.DataFrame,
        *,
        users: pd.DataFrame | None = None,
        items: pd.DataFrame | None = None,
        valid: pd.DataFrame | None = None,
    ) -> Self:
        """Learn from rows with at least `user_id`, `item_id` and, where it has one, `ts`.

        `valid`, later interactions in the same form, only stops training.
        """
        ...

    def recommend(
        self,
        user_ids: np.ndarray,
        k: int,
        *,
        exclude_seen: bool = True,
        candidates: np.ndarray | None = None,
        histories: np.ndarray | None = None,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return item ids and scores, both of shape (users, k), best first."""
        ...

    def score(self, user_ids: np.ndarray, item_ids: np.ndarray) -> np.ndarray:
        """Return one score per pair, shape (n,)."""
        ...

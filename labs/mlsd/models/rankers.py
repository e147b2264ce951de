"""Scorers as rankers, by probability or expected time; a column that is fixed at serving."""

from __future__ import annotations

from typing import Any, Self

import numpy as np

from mlsd.models.base import Columns, Ranker, Scorer
from mlsd.models.scorer import row_count
from mlsd.runtime import InputError

_LARGEST = 1 - 1e-12


class PointwiseRanker:
    """Ranks by the probability that a scorer predicts, row by row, whatever the group.

    Parameters
    ----------
    scorer : Scorer
        Fitted or not; fitting this fits it.

    Examples
    --------
    >>> from mlsd.models import SmoothedRate
    >>> X = {"item_id": np.array([1, 2] * 50)}
    >>> ranker = PointwiseRanker(scorer=SmoothedRate(levels=(("item_id",),)))
    >>> scores = ranker.fit(X, np.array([1, 0] * 50), np.repeat(np.arange(50), 2)).score(X)
    >>> bool(scores[0] > scores[1])
    True
    """

    def __init__(self, *, scorer: Scorer | None = None) -> None:
        self.scorer = scorer

    def fit(self, X: Columns, y: np.ndarray, groups: np.ndarray) -> Self:
        """Fit the scorer on the outcomes `y` that it learns from; `groups` changes nothing."""
        require_groups(groups, row_count(X))
        self.scorer.fit(X, y)
        return self

    def score(self, X: Columns) -> np.ndarray:
        """Return the probability of 1, shape (n,)."""
        return self.scorer.predict_proba(X)[:, 1]

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the constructor's arguments by name."""
        return {"scorer": self.scorer}


class WatchTimeRanker:
    """Ranks by expected watch time, learned by weighted logistic regression.

    A row that was watched for T seconds is a positive one of weight ``T / unit``, any other a
    negative one of weight 1. The odds that the scorer then predicts are, times `unit`,

        sum of T / number of negatives = E[T] / (1 - P),

    with P the rate of positives: expected time, over by a factor that is near 1 where few rows are
    positive. The paper ranks by the odds.

    Parameters
    ----------
    scorer : Scorer
        Has to take weights. Fitted or not; fitting this fits it.
    unit : float
        Seconds whose weight is that of a negative row.

    References
    ----------
    P. Covington, J. Adams and E. Sargin, Deep Neural Networks for YouTube Recommendations,
    RecSys 2016, section 4.2.

    Examples
    --------
    >>> from mlsd.models import HashedLogisticRegression
    >>> X = {"item_id": np.array([1, 2] * 500)}
    >>> seconds = np.where(np.arange(1000) < 100, 60.0, 0.0) * X["item_id"]
    >>> scorer = HashedLogisticRegression(categorical=("item_id",), C=10.0)
    >>> ranker = WatchTimeRanker(scorer=scorer).fit(X, seconds, np.arange(1000))
    >>> ranker.score({"item_id": [1, 2]}).round(0).tolist()
    [7.0, 13.0]
    """

    def __init__(self, *, scorer: Scorer | None = None, unit: float = 60.0) -> None:
        self.scorer = scorer
        self.unit = unit

    def fit(self, X: Columns, y: np.ndarray, groups: np.ndarray) -> Self:
        """Fit the scorer to watch seconds `y`, shape (n,); `groups` changes nothing.

        Raises
        ------
        InputError
            If a time is negative or not finite, or `unit` is not above 0.
        """
        rows = row_count(X)
        require_groups(groups, rows)
        if not self.unit > 0:
            raise InputError(f"unit is {self.unit!r}; give seconds above 0")
        seconds = as_relevance(y, rows)
        watched = seconds > 0
        weights = np.where(watched, seconds / self.unit, 1.0)
        self.scorer.fit(X, watched.astype(np.int8), sample_weight=weights)
        return self

    def score(self, X: Columns) -> np.ndarray:
        """Return the odds times `unit`, seconds, shape (n,)."""
        probability = np.minimum(self.scorer.predict_proba(X)[:, 1], _LARGEST)
        return self.unit * probability / (1 - probability)

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the constructor's arguments by name."""
        return {"scorer": self.scorer, "unit": self.unit}


class FixedAtServing:
    """A ranker that learns with a column and scores as if it had one value everywhere.

    For what is known of a logged row and not of a candidate, such as its slot: the model can
    put the slot's share of the clicks there, instead of into the features of what was shown.

    Parameters
    ----------
    ranker : Ranker
        Fitted or not; fitting this fits it.
    column : str
    value : int
        Occurs in training.

    References
    ----------
    Z. Zhao et al., Recommending What Video to Watch Next: A Multitask Ranking System, RecSys
    2019, section 4.2, where a position as input is the baseline of a shallow tower.

    Examples
    --------
    >>> from mlsd.models import HashedLogisticRegression
    >>> X = {"position": np.array([0, 1] * 50)}
    >>> scorer = HashedLogisticRegression(categorical=("position",), C=100.0)
    >>> ranker = FixedAtServing(ranker=PointwiseRanker(scorer=scorer))
    >>> ranker = ranker.fit(X, np.array([1, 1, 1, 0] * 25), np.arange(100))
    >>> bool(np.ptp(ranker.score(X)) == 0)
    True
    """

    def __init__(
        self, *, ranker: Ranker | None = None, column: str = "position", value: int = 0
    ) -> None:
        self.ranker = ranker
        self.column = column
        self.value = value

    def fit(self, X: Columns, y: np.ndarray, groups: np.ndarray) -> Self:
        """Fit the ranker on the column as it was."""
        self.ranker.fit(X, y, groups)
        return self

    def score(self, X: Columns) -> np.ndarray:
        """Return the ranker's scores, shape (n,), given the fixed value."""
        columns = {name: X[name] for name in X}
        return self.ranker.score(columns | {self.column: np.full(row_count(X), self.value)})

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the constructor's arguments by name."""
        return {"ranker": self.ranker, "column": self.column, "value": self.value}


def as_relevance(y: np.ndarray, rows: int) -> np.ndarray:
    """Return relevance as float64 of shape (rows,).

    Raises
    ------
    InputError
        If the shape is another, or a value is negative or not finite.

    Examples
    --------
    >>> as_relevance([2, 0], 2)
    array([2., 0.])
    """
    relevance = np.asarray(y, dtype=np.float64)
    if relevance.shape != (rows,):
        raise InputError(f"y has shape {relevance.shape}, X has {rows} rows; give one per row")
    wrong = np.flatnonzero(~(np.isfinite(relevance) & (relevance >= 0)))
    if wrong.size:
        raise InputError(f"y: row {wrong[0]} is {relevance[wrong[0]]}; relevance is finite, >= 0")
    return relevance


def require_groups(groups: np.ndarray, rows: int) -> None:
    """Stop where there is not one group per row.

    Raises
    ------
    InputError
        If the shape is another.

    Examples
    --------
    >>> require_groups(np.array([7, 7, 8]), 3)
    """
    shape = np.shape(groups)
    if shape != (rows,):
        raise InputError(f"groups have shape {shape}, X has {rows} rows; give one per row")

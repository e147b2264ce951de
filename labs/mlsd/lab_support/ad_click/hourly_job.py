"""An hourly batch job: last night's model, corrected by a fit to the rows of the day so far."""

from __future__ import annotations

from typing import Self

import numpy as np
import pandas as pd
from scipy import sparse
from scipy.optimize import minimize
from scipy.special import expit, logit

from mlsd.features.encoders import hash_buckets
from mlsd.models import HashedLogisticRegression
from mlsd.models.base import Columns
from mlsd.policies.ad_click import OnlineScorerPolicy
from mlsd.runtime.times import HOUR


class CorrectedModel:
    """A batch model with one further weight per hashed id, fitted to the rows of the day so far.

    Minimises the log loss of these rows, where the batch model's log-odds are fixed, plus
    ``|correction|**2 / (2 C)``: a prior with its centre at last night's weights.

    Parameters
    ----------
    nightly : HashedLogisticRegression
        Already fitted.
    C : float
        How far a day may move the weights: the variance of the prior.

    Examples
    --------
    >>> X = {"ad_id": np.array(["a", "b"] * 50)}
    >>> nightly = HashedLogisticRegression(categorical=("ad_id",)).fit(X, np.array([1, 0] * 50))
    >>> model = CorrectedModel(nightly, C=1.0).correct(X, np.array([0, 1] * 50))
    >>> model.predict_proba({"ad_id": ["a", "b"]})[:, 1].round(1)
    array([0.1, 0.9])
    """

    def __init__(self, nightly: HashedLogisticRegression, *, C: float = 0.1) -> None:
        self.nightly = nightly
        self.C = C
        self.correction_: np.ndarray | None = None

    def fit(self, X: Columns, y: np.ndarray) -> Self:
        """Fit the batch model afresh, and forget the correction."""
        self.nightly.fit(X, y)
        self.correction_ = None
        return self

    def correct(self, X: Columns, y: np.ndarray) -> Self:
        """Fit the correction to the rows of the day so far, forgetting the last one."""
        fixed, buckets = logit(self.nightly.predict_proba(X)[:, 1]), self._buckets(X)
        used, place = np.unique(buckets, return_inverse=True)
        starts = np.arange(0, buckets.size + 1, buckets.shape[1])
        shape = (len(buckets), len(used))
        rows = sparse.csr_array((np.ones(buckets.size), place.ravel(), starts), shape=shape)
        columns = rows.T.tocsr()

        def objective(weights: np.ndarray) -> tuple[float, np.ndarray]:
            score = fixed + rows @ weights
            loss = np.sum(np.logaddexp(0.0, score) - y * score)
            gradient = columns @ (expit(score) - y) + weights / self.C
            return loss + weights @ weights / (2 * self.C), gradient

        found = minimize(objective, np.zeros(len(used)), jac=True, method="L-BFGS-B")
        self.correction_ = np.zeros(2**self.nightly.bits)
        self.correction_[used] = found.x
        return self

    def predict_proba(self, X: Columns) -> np.ndarray:
        """Return the probabilities of 0 and of 1, shape (n, 2)."""
        probability = self.nightly.predict_proba(X)
        if self.correction_ is None:
            return probability
        moved = self.correction_[self._buckets(X)].sum(axis=1)
        clicked = expit(logit(probability[:, 1]) + moved)
        return np.column_stack([1 - clicked, clicked])

    def _buckets(self, X: Columns) -> np.ndarray:
        return hash_buckets(X, self.nightly.categorical, self.nightly.bits)


class HourlyPolicy(OnlineScorerPolicy):
    """Refits the batch model at each midnight, and its correction at each full hour.

    Parameters
    ----------
    scorer : CorrectedModel
    history : DataFrame
        Impressions known before the deployment, with `known_at` and `click`.
    window_days : float
        Length of the nightly fit's trailing window.
    """

    def __init__(
        self, scorer: CorrectedModel, *, history: pd.DataFrame, window_days: float = 30.0
    ) -> None:
        super().__init__(scorer, refit="nightly", history=history, window_days=window_days)
        self._hour: float | None = None

    def learn(self, now: float) -> int:
        """Do the nightly fit or the hour's correction, where one is due; return the rows read."""
        rows, before, self._hour = super().learn(now), self._hour, now // HOUR
        if rows or before in (None, self._hour) or not self._waiting:
            return rows
        today = pd.concat(self._waiting, ignore_index=True)
        today = today[today["known_at"] < self._hour * HOUR]
        if today["click"].nunique() == 2:
            self.scorer.correct(today, today["click"].to_numpy())
        return len(today)


def hourly_predictions(model: CorrectedModel, today: pd.DataFrame) -> np.ndarray:
    """Return the prediction of each row of a day, with a correction at each full hour.

    Parameters
    ----------
    model : CorrectedModel
        As of midnight.
    today : DataFrame
        The rows of one day, with `ts`, `known_at` and `click`.
    """
    hour, predicted = (today["ts"] // HOUR).to_numpy(), np.empty(len(today))
    for now in np.unique(hour):
        known = today[today["known_at"] < now * HOUR]
        if known["click"].nunique() == 2:
            model.correct(known, known["click"].to_numpy())
        predicted[hour == now] = model.predict_proba(today[hour == now])[:, 1]
    return predicted

"""Logistic regression on hashed ids and standardised numbers, fitted in one batch."""

from __future__ import annotations

import numpy as np
from scipy import sparse
from scipy.optimize import minimize
from scipy.special import expit

from mlsd.features.crosses import combination_ids
from mlsd.features.encoders import NumericEncoder, hash_buckets
from mlsd.models.scorer import Arrays, ColumnScorer
from mlsd.runtime import InputError

# A block of 64 bits each in the sum of squares; all tables but very large ones are one block.
_BLOCK_CELLS = 1 << 26


class HashedLogisticRegression(ColumnScorer):
    """L2-penalised logistic regression on hashed categories, their crosses, and numbers.

    Minimises ``sum_i weight_i log(1 + exp(-s_i x_i w)) + |w|**2 / (2 C)`` with s = +-1, the
    objective of scikit-learn's `LogisticRegression`; the intercept is not penalised. The variables
    are rescaled by the curvature of each coordinate before L-BFGS (scipy) sees them, since ids
    differ in frequency by orders of magnitude. What that saves depends on the penalty: on 800,000
    impressions of the ad world with their counters it took 107 iterations instead of 397 with
    C = 0.3, and 100 instead of 93 with C = 0.01. There scikit-learn's solvers took 1.4 to 3.4 times
    as long to come within 1e-5 of the same loss per row.

    Parameters
    ----------
    categorical, numeric : tuple of str
        Columns read. Numbers are standardised; a missing one counts as the mean, and an indicator
        is set.
    crosses : tuple of tuples of str
        Combinations of columns that are hashed as one more categorical field each.
    C : float
        Inverse strength of the penalty.
    bits : int
        Logarithm of the number of hash buckets.
    max_iter : int
        Iterations at most.
    tolerance : float
        Stop when an iteration improves the objective by less than this share of it.

    Attributes
    ----------
    coef_ : array of float64, shape (used buckets + numeric outputs,)
    intercept_ : float
    iterations_ : int
        Taken by the optimizer.

    Notes
    -----
    An id unseen in training has weight 0 (unless its bucket is shared), so the row rests on its
    other fields.

    Examples
    --------
    >>> X = {"ad_id": np.array(["a", "b"] * 50)}
    >>> model = HashedLogisticRegression(categorical=("ad_id",)).fit(X, np.array([1, 0] * 50))
    >>> model.predict_proba({"ad_id": ["a", "b", "new"]})[:, 1].round(1)
    array([0.8, 0.2, 0.5])
    """

    def __init__(
        self,
        *,
        categorical: tuple[str, ...] = (),
        numeric: tuple[str, ...] = (),
        crosses: tuple[tuple[str, ...], ...] = (),
        C: float = 0.1,
        bits: int = 20,
        max_iter: int = 100,
        tolerance: float = 1e-7,
    ) -> None:
        self.categorical = categorical
        self.numeric = numeric
        self.crosses = crosses
        self.C = C
        self.bits = bits
        self.max_iter = max_iter
        self.tolerance = tolerance

    def _columns(self) -> tuple[str, ...]:
        return (*super()._columns(), *(name for cross in self.crosses for name in cross))

    def _learn(self, columns, y, weights, valid) -> None:
        if not self.C > 0:
            raise InputError(f"C is {self.C!r}; give a number above 0")
        self.scale_ = NumericEncoder(self.numeric).fit(columns) if self.numeric else None
        buckets = self._buckets(columns, len(y))
        self.used_ = np.flatnonzero(np.bincount(buckets.ravel(), minlength=1))
        hashed = self._one_hot(buckets)
        del buckets
        numbers = self._numbers(columns, len(y))
        objective = _Objective(hashed, numbers, y, weights, 1.0 / self.C)
        found = minimize(
            objective,
            np.zeros(objective.size),
            jac=True,
            method="L-BFGS-B",
            options={"maxiter": self.max_iter, "ftol": self.tolerance, "maxcor": 10},
        )
        self.intercept_, self.coef_ = objective.unscaled(found.x)
        self.iterations_ = int(found.nit)

    def _probability(self, columns: Arrays, rows: int) -> np.ndarray:
        hashed, numbers = self._one_hot(self._buckets(columns, rows)), self._numbers(columns, rows)
        ids = hashed.shape[1]
        score = hashed @ self.coef_[:ids] + numbers @ self.coef_[ids:] + self.intercept_
        return expit(score)

    def _buckets(self, columns: Arrays, rows: int) -> np.ndarray:
        fields = {name: columns[name] for name in self.categorical}
        fields |= {"*".join(cross): combination_ids(columns, cross) for cross in self.crosses}
        if not fields:
            return np.empty((rows, 0), dtype=np.int64)
        return hash_buckets(fields, tuple(fields), self.bits)

    def _one_hot(self, buckets: np.ndarray) -> sparse.csr_array:
        rows, fields = buckets.shape
        indices, known = np.zeros((rows, fields), np.int32), np.zeros((rows, fields), bool)
        for field in range(fields if len(self.used_) else 0):
            position = np.searchsorted(self.used_, buckets[:, field])
            position[position == len(self.used_)] = 0
            known[:, field] = self.used_[position] == buckets[:, field]
            indices[:, field] = np.where(known[:, field], position, 0)
        starts = np.arange(0, rows * fields + 1, max(fields, 1), dtype=np.int32)[: rows + 1]
        starts = starts if fields else np.zeros(rows + 1, dtype=np.int32)
        shape = (rows, len(self.used_))
        entries = (known.ravel().astype(np.float64), indices.ravel(), starts)
        return sparse.csr_array(entries, shape=shape)

    def _numbers(self, columns: Arrays, rows: int) -> np.ndarray:
        if self.scale_ is None:
            return np.empty((rows, 0), dtype=np.float32)
        return self.scale_.transform(columns)


class _Objective:
    """Penalised loss and gradient in rescaled variables: intercept, then ids, then numbers."""

    def __init__(self, hashed, numbers, y, weights, penalty: float) -> None:
        self.hashed, self.numbers, self.y, self.penalty = hashed, numbers, y, penalty
        self.transposed = hashed.T.tocsr()
        self.weights = np.ones(len(y)) if weights is None else weights
        rate = np.average(y, weights=weights)
        curvature = rate * (1 - rate) * self._squares()
        curvature[1:] += penalty
        self.scale = 1 / np.sqrt(np.maximum(curvature, 1e-12))
        self.size = len(self.scale)
        self.start = np.log(rate / (1 - rate))

    def _squares(self) -> np.ndarray:
        ids = self.transposed @ self.weights
        numbers = np.zeros(self.numbers.shape[1])
        step = max(_BLOCK_CELLS // max(len(numbers), 1), 1)
        for start in range(0, len(self.weights), step):
            block = self.numbers[start : start + step].astype(np.float64)
            numbers += self.weights[start : start + step] @ block**2
        return np.concatenate([[self.weights.sum()], ids, numbers])

    def unscaled(self, variables: np.ndarray) -> tuple[float, np.ndarray]:
        """Return the intercept and the coefficients."""
        w = variables * self.scale
        return float(w[0] + self.start), w[1:]

    def __call__(self, variables: np.ndarray) -> tuple[float, np.ndarray]:
        intercept, coef = self.unscaled(variables)
        ids = self.hashed.shape[1]
        score = self.hashed @ coef[:ids] + self.numbers @ coef[ids:].astype(np.float32) + intercept
        loss = self.weights @ (np.logaddexp(0.0, score) - self.y * score)
        error = self.weights * (expit(score) - self.y)
        gradient = np.concatenate(
            [
                [error.sum()],
                self.transposed @ error + self.penalty * coef[:ids],
                error.astype(np.float32) @ self.numbers + self.penalty * coef[ids:],
            ]
        )
        return loss + 0.5 * self.penalty * (coef @ coef), gradient * self.scale

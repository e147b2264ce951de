"""FTRL-Proximal: logistic regression that learns online, one rate a coordinate, sparse by L1."""

from __future__ import annotations

from typing import Self

import numpy as np
from scipy.special import expit

from mlsd.features.encoders import NumericEncoder, hash_buckets
from mlsd.models.base import Columns
from mlsd.models.minibatches import MAX_BATCH, Entries, MiniBatches
from mlsd.models.scorer import Arrays, ColumnScorer, as_weights, take_rows
from mlsd.runtime import InputError

_CHUNK_BATCHES = 512


class FTRLProximal(ColumnScorer):
    """Follow the regularised leader, proximal, per coordinate (McMahan et al. 2013).

    A coordinate i keeps two numbers, z and n. With the gradient g of the log loss of one row,

    ``sigma = (sqrt(n + g**2) - sqrt(n)) / alpha``, ``z += g - sigma * w``, ``n += g**2``, and
    ``w = 0`` where ``|z| <= l1``, else ``-(z - sign(z) l1) / ((beta + sqrt(n)) / alpha + l2)``.

    Categorical values are hashed to ``2**bits`` coordinates; numeric columns are standardised and
    have coordinates of their own, as has the intercept, which is not penalised. The rows of a
    mini-batch see the weights from before it, and every row adds its own ``g**2``, so that
    ``batch_size=1`` is the algorithm as published.

    Parameters
    ----------
    categorical, numeric : tuple of str
        Columns read. A missing numeric value counts as the mean, and its indicator is set.
    alpha, beta : float
        Learning rate of a coordinate: ``alpha / (beta + sqrt(n))``.
    l1, l2 : float
        Penalties. A rare coordinate stays at exactly 0 until its gradients outgrow `l1`.
    bits : int
        Logarithm of the number of hashed coordinates.
    batch_size : int
        Rows that share one update, at most 64.
    epochs : int
        Passes of `fit` over the rows, in their order.

    Attributes
    ----------
    z_, n_ : array of float64, shape (2**bits,)
        State of the hashed coordinates.
    dense_z_, dense_n_ : array of float64
        State of the intercept and of the numeric coordinates.

    Notes
    -----
    An id unseen in training has weight 0 (unless its bucket is shared), so the row rests on its
    other fields. `sample_weight` multiplies the gradient. The numeric scale is learned from the
    first rows given (all of them in `fit`, the first call of `partial_fit` otherwise).

    References
    ----------
    H. B. McMahan et al., Ad Click Prediction: a View from the Trenches, KDD 2013.

    Examples
    --------
    >>> X = {"ad_id": np.array(["a", "b"] * 500)}
    >>> model = FTRLProximal(categorical=("ad_id",), bits=10).fit(X, np.array([1, 0] * 500))
    >>> model.predict_proba({"ad_id": ["a", "b"]})[:, 1].round()
    array([1., 0.])
    """

    def __init__(
        self,
        *,
        categorical: tuple[str, ...] = (),
        numeric: tuple[str, ...] = (),
        alpha: float = 0.1,
        beta: float = 1.0,
        l1: float = 0.0,
        l2: float = 1.0,
        bits: int = 20,
        batch_size: int = MAX_BATCH,
        epochs: int = 1,
    ) -> None:
        self.categorical = categorical
        self.numeric = numeric
        self.alpha = alpha
        self.beta = beta
        self.l1 = l1
        self.l2 = l2
        self.bits = bits
        self.batch_size = batch_size
        self.epochs = epochs

    def partial_fit(
        self, X: Columns, y: np.ndarray, *, sample_weight: np.ndarray | None = None
    ) -> Self:
        """Learn from rows in time order, keeping what was learned before."""
        columns, labels = self._checked(X, y)
        self._pass(columns, labels, as_weights(sample_weight, len(labels)))
        return self

    def progressive_fit(self, X: Columns, y: np.ndarray) -> np.ndarray:
        """Learn like `partial_fit`, and return what was predicted just before, shape (n,).

        Every row is predicted by a state that has seen only earlier mini-batches: progressive
        validation (Blum, Kalai and Langford 1999), an honest error at no extra cost.
        """
        columns, labels = self._checked(X, y)
        return self._pass(columns, labels, None)

    def coefficients(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the weights of the hashed coordinates, and of the intercept and the numbers.

        Raises
        ------
        InputError
            If the model is not fitted.
        """
        if not hasattr(self, "z_"):
            raise InputError("FTRLProximal is not fitted; call fit first")
        hashed = self._weights(self.z_, np.sqrt(self.n_), self.l1, self.l2)
        return hashed, self._dense_weights()

    def _learn(self, columns, y, weights, valid) -> None:
        self._start(columns)
        for _ in range(self.epochs):
            self._pass(columns, y, weights)

    def _start(self, columns: Arrays) -> None:
        if not 1 <= self.batch_size <= MAX_BATCH:
            raise InputError(f"batch_size is {self.batch_size}; give 1 to {MAX_BATCH} rows")
        self.scale_ = NumericEncoder(self.numeric).fit(columns) if self.numeric else None
        self.z_, self.n_ = np.zeros(2**self.bits), np.zeros(2**self.bits)
        dense = 1 + (self.scale_.size_ if self.numeric else 0)
        self.dense_z_, self.dense_n_ = np.zeros(dense), np.zeros(dense)

    def _pass(self, columns: Arrays, y: np.ndarray, weights: np.ndarray | None) -> np.ndarray:
        if not hasattr(self, "z_"):
            self._start(columns)
        predicted = np.empty(len(y))
        step = self.batch_size * _CHUNK_BATCHES
        for start in range(0, len(y), step):
            part = slice(start, start + step)
            given = take_rows(columns, part)
            chunk = MiniBatches(self._hashed(given, len(y[part])), self.batch_size)
            dense = self._dense(given, len(y[part]))
            weight = None if weights is None else weights[part]
            predicted[part] = self._run(chunk, dense, y[part], weight)
        return predicted

    def _run(
        self, batches: MiniBatches, dense: np.ndarray, y: np.ndarray, weights: np.ndarray | None
    ) -> np.ndarray:
        predicted = np.empty(len(y))
        for rows, entries in batches:
            weight = None if weights is None else weights[rows]
            predicted[rows] = self._step(entries, dense[rows], y[rows], weight)
        return predicted

    def _step(
        self, entries: Entries, dense: np.ndarray, y: np.ndarray, weights: np.ndarray | None
    ) -> np.ndarray:
        z, n = self.z_[entries.bucket], self.n_[entries.bucket]
        w = self._weights(z, np.sqrt(n), self.l1, self.l2)
        dense_w = self._dense_weights()
        score = dense @ dense_w
        if len(entries.row):
            score += np.bincount(entries.row, w[entries.group] * entries.value, minlength=len(y))
        probability = expit(score)
        error = probability - y if weights is None else (probability - y) * weights
        if len(entries.row):
            gradient = error[entries.row] * entries.value
            total = np.add.reduceat(gradient, entries.start)
            squares = np.add.reduceat(gradient * gradient, entries.start)
            self.z_[entries.bucket], self.n_[entries.bucket] = self._moved(z, n, w, total, squares)
        self.dense_z_, self.dense_n_ = self._moved(
            self.dense_z_, self.dense_n_, dense_w, error @ dense, (error * error) @ (dense * dense)
        )
        return probability

    def _moved(self, z, n, w, total, squares) -> tuple[np.ndarray, np.ndarray]:
        larger = n + squares
        return z + total - (np.sqrt(larger) - np.sqrt(n)) / self.alpha * w, larger

    def _weights(self, z: np.ndarray, root: np.ndarray, l1: float, l2: float) -> np.ndarray:
        shrunk = z if l1 == 0 else np.sign(z) * np.maximum(np.abs(z) - l1, 0.0)
        return -shrunk / ((self.beta + root) / self.alpha + l2)

    def _dense_weights(self) -> np.ndarray:
        root = np.sqrt(self.dense_n_)
        w = self._weights(self.dense_z_, root, self.l1, self.l2)
        w[0] = self._weights(self.dense_z_[:1], root[:1], 0.0, 0.0)[0]
        return w

    def _hashed(self, columns: Arrays, rows: int) -> np.ndarray:
        if not self.categorical:
            return np.empty((rows, 0), dtype=np.int64)
        return hash_buckets(columns, self.categorical, self.bits)

    def _dense(self, columns: Arrays, rows: int) -> np.ndarray:
        intercept = np.ones((rows, 1))
        if not self.numeric:
            return intercept
        return np.hstack([intercept, self.scale_.transform(columns).astype(np.float64)])

    def _probability(self, columns: Arrays, rows: int) -> np.ndarray:
        score = self._dense(columns, rows) @ self._dense_weights()
        buckets = self._hashed(columns, rows)
        w = self._weights(self.z_[buckets], np.sqrt(self.n_[buckets]), self.l1, self.l2)
        return expit(score + w.sum(axis=1))

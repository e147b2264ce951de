"""What every scorer has in common: parameters, checks of the input, and one shape of output.

A subclass states its columns as `categorical` and `numeric` (or overrides `_columns`), and writes
`_learn` and `_probability`; it never sees unchecked input.
"""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from typing import Any, Self

import numpy as np
import pandas as pd

from mlsd.models.base import Columns, LabelledColumns
from mlsd.runtime import InputError

Arrays = dict[str, np.ndarray]


def row_count(X: Columns) -> int:
    """Return the number of rows of `X`, a DataFrame or a mapping of arrays.

    Raises
    ------
    InputError
        If there is no column, or the columns differ in length.

    Examples
    --------
    >>> row_count({"ad_id": np.array([1, 2, 3])})
    3
    """
    if isinstance(X, pd.DataFrame):
        return len(X)
    lengths = {name: len(values) for name, values in X.items()}
    if not lengths:
        raise InputError("X has no column; give a DataFrame or a mapping of names to arrays")
    if len(set(lengths.values())) > 1:
        raise InputError(f"X: columns differ in length ({lengths}); give arrays of equal length")
    return next(iter(lengths.values()))


def take_columns(X: Columns, names: tuple[str, ...]) -> Arrays:
    """Return the named columns as arrays, without copying where there is no need.

    Raises
    ------
    InputError
        If a column is missing.

    Examples
    --------
    >>> take_columns({"a": np.arange(2), "b": np.ones(2)}, ("a",))
    {'a': array([0, 1])}
    """
    missing = [name for name in names if name not in X]
    if missing:
        raise InputError(f"X: column {missing[0]!r} is missing; it has {sorted(map(str, X))}")
    return {name: np.asarray(X[name]) for name in names}


def take_rows(columns: Arrays, rows: np.ndarray | slice) -> Arrays:
    """Return the same columns with a choice of rows.

    Examples
    --------
    >>> take_rows({"a": np.arange(4)}, slice(2))
    {'a': array([0, 1])}
    """
    return {name: values[rows] for name, values in columns.items()}


def as_labels(y: np.ndarray, rows: int) -> np.ndarray:
    """Return outcomes as float64 of shape (rows,).

    Raises
    ------
    InputError
        If the shape is another, or a value is neither 0 nor 1.

    Examples
    --------
    >>> as_labels([True, False], 2)
    array([1., 0.])
    """
    array = np.asarray(y)
    if array.shape != (rows,):
        raise InputError(f"y has shape {array.shape}, X has {rows} rows; give one label per row")
    wrong = np.flatnonzero((array != 0) & (array != 1))
    if wrong.size:
        raise InputError(f"y: row {wrong[0]} is {array[wrong[0]]!r}; labels are 0 and 1")
    return array.astype(np.float64)


def as_weights(sample_weight: np.ndarray | None, rows: int) -> np.ndarray | None:
    """Return weights as float64 of shape (rows,), or None where none are given.

    Raises
    ------
    InputError
        If the shape is another, or a weight is negative, infinite or missing.

    Examples
    --------
    >>> as_weights([1, 2], 2)
    array([1., 2.])
    """
    if sample_weight is None:
        return None
    weights = np.asarray(sample_weight, dtype=np.float64)
    if weights.shape != (rows,):
        raise InputError(f"sample_weight has shape {weights.shape}; X has {rows} rows")
    if not (np.isfinite(weights).all() and (weights >= 0).all()):
        raise InputError("sample_weight holds a negative or missing value; weights are >= 0")
    return weights


class ColumnScorer(ABC):
    """Base of the scorers: `fit` and `predict_proba` with their checks.

    Categorical columns hold integers or strings, numeric columns numbers, where NaN means missing.

    Raises
    ------
    InputError
        For a missing column, unequal lengths, labels other than 0 and 1, labels of one class only
        (there is nothing to learn from), or prediction before `fit`.
    """

    categorical: tuple[str, ...] = ()
    numeric: tuple[str, ...] = ()

    def fit(
        self,
        X: Columns,
        y: np.ndarray,
        *,
        valid: LabelledColumns | None = None,
        sample_weight: np.ndarray | None = None,
    ) -> Self:
        """Learn from rows `X` with outcomes `y` of shape (n,), forgetting any earlier fit.

        Parameters
        ----------
        X : DataFrame or mapping of arrays, n rows
        y : array of 0 and 1, shape (n,)
        valid : (X, y) or (X, y, sample_weight), optional
            Decides when to stop, where the model can stop early. Nothing is fitted to it.
        sample_weight : array, shape (n,), optional
            Non-negative; 1 each where absent.
        """
        columns, labels = self._checked(X, y)
        if len(labels) == 0 or labels.min() == labels.max():
            raise InputError(f"y has {len(labels)} rows of one class; both 0 and 1 are needed")
        weights = as_weights(sample_weight, len(labels))
        self._learn(columns, labels, weights, None if valid is None else self._held(*valid))
        return self

    def predict_proba(self, X: Columns) -> np.ndarray:
        """Return the probabilities of 0 and of 1, shape (n, 2)."""
        if not any(name.endswith("_") and name[0] != "_" for name in vars(self)):
            raise InputError(f"{type(self).__name__} is not fitted; call fit first")
        rows = row_count(X)
        probability = np.zeros(0) if rows == 0 else self._probability(self._take(X), rows)
        return np.column_stack([1.0 - probability, probability])

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the constructor's arguments by name; `deep` is there for scikit-learn's clone."""
        names = inspect.signature(type(self)).parameters
        return {name: getattr(self, name) for name in names}

    def __repr__(self) -> str:
        arguments = (f"{name}={value!r}" for name, value in self.get_params().items())
        return f"{type(self).__name__}({', '.join(arguments)})"

    def _columns(self) -> tuple[str, ...]:
        return (*self.categorical, *self.numeric)

    def _take(self, X: Columns) -> Arrays:
        columns = take_columns(X, tuple(dict.fromkeys(self._columns())))
        for name in self.numeric:
            if columns[name].dtype.kind not in "biuf":
                raise InputError(
                    f"X: numeric column {name!r} is {columns[name].dtype}, not numbers"
                )
        return columns

    def _checked(self, X: Columns, y: np.ndarray) -> tuple[Arrays, np.ndarray]:
        labels = as_labels(y, row_count(X))
        return self._take(X), labels

    def _held(
        self, X: Columns, y: np.ndarray, sample_weight: np.ndarray | None = None
    ) -> tuple[Arrays, np.ndarray, np.ndarray | None]:
        columns, labels = self._checked(X, y)
        return columns, labels, as_weights(sample_weight, len(labels))

    @abstractmethod
    def _learn(
        self,
        columns: Arrays,
        y: np.ndarray,
        weights: np.ndarray | None,
        valid: tuple[Arrays, np.ndarray, np.ndarray | None] | None,
    ) -> None:
        """Learn from checked columns, outcomes and weights; `valid` only stops the training."""

    @abstractmethod
    def _probability(self, columns: Arrays, rows: int) -> np.ndarray:
        """Return the probability of 1 for each row, shape (rows,)."""

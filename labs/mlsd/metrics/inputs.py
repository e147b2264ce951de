"""What every metric demands of its arrays, and how it complains."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from mlsd.runtime import InputError


def check_labels(y: ArrayLike) -> np.ndarray:
    """Return labels as float64, shape (n,).

    Raises
    ------
    InputError
        If there is no label, or one that is neither 0 nor 1.

    Examples
    --------
    >>> check_labels([True, False])
    array([1., 0.])
    """
    y = _vector(y, "y")
    strange = ~((y == 0) | (y == 1))
    if strange.any():
        row = int(np.argmax(strange))
        raise InputError(f"y[{row}] is {y[row]:g}; labels have to be 0 or 1")
    return y


def check_scores(y: np.ndarray, p: ArrayLike) -> np.ndarray:
    """Return scores as float64, one per label of `y`.

    Raises
    ------
    InputError
        If the lengths differ or a score is not finite.

    Examples
    --------
    >>> check_scores(check_labels([1, 0]), [3, -1])
    array([ 3., -1.])
    """
    p = _vector(p, "p")
    if len(p) != len(y):
        raise InputError(f"y has {len(y)} rows and p has {len(p)}; they have to be of equal length")
    if not np.isfinite(p).all():
        row = int(np.argmin(np.isfinite(p)))
        raise InputError(f"p[{row}] is {p[row]}; predictions have to be finite numbers")
    return p


def check_probabilities(y: np.ndarray, p: ArrayLike) -> np.ndarray:
    """Return probabilities as float64, one per label of `y`.

    Raises
    ------
    InputError
        As `check_scores`, and if one lies outside [0, 1].

    Examples
    --------
    >>> check_probabilities(check_labels([1, 0]), [0.5, 1])
    array([0.5, 1. ])
    """
    p = check_scores(y, p)
    outside = (p < 0) | (p > 1)
    if outside.any():
        row = int(np.argmax(outside))
        raise InputError(f"p[{row}] is {p[row]:g}; a probability lies between 0 and 1")
    return p


def check_groups(y: np.ndarray, groups: ArrayLike) -> np.ndarray:
    """Return the group of each label of `y` as an integer from 0 on, shape (n,).

    Raises
    ------
    InputError
        If the lengths differ or a group is missing.

    Examples
    --------
    >>> check_groups(check_labels([1, 0, 1]), ["ann", "bob", "ann"])
    array([0, 1, 0])
    """
    groups = np.asarray(groups)
    if groups.shape != y.shape:
        raise InputError(
            f"y has {len(y)} rows and groups has shape {groups.shape}; give one per row"
        )
    codes = pd.factorize(groups)[0]
    if codes.min() < 0:
        row = int(np.argmin(codes))
        raise InputError(f"groups[{row}] is missing; leave such rows out or name their group")
    return codes


def check_weights(y: np.ndarray, sample_weight: ArrayLike | None) -> np.ndarray:
    """Return the weight of each label of `y` as float64, shape (n,); ones for None.

    Raises
    ------
    InputError
        If the lengths differ, a weight is negative or not finite, or no row has weight.

    Examples
    --------
    >>> check_weights(check_labels([1, 0]), [3, 0]), check_weights(check_labels([1, 0]), None)
    (array([3., 0.]), array([1., 1.]))
    """
    if sample_weight is None:
        return np.ones(len(y))
    weights = _vector(sample_weight, "sample_weight")
    if len(weights) != len(y):
        raise InputError(
            f"y has {len(y)} rows and sample_weight has {len(weights)}; give one weight per row"
        )
    wrong = ~(np.isfinite(weights) & (weights >= 0))
    if wrong.any():
        row = int(np.argmax(wrong))
        raise InputError(f"sample_weight[{row}] is {weights[row]:g}; a weight is 0 or more")
    if not weights.any():
        raise InputError("sample_weight is 0 everywhere; a metric needs at least one row")
    return weights


def check_threshold(threshold: float) -> float:
    """Return a threshold as float.

    Raises
    ------
    InputError
        If it is not a finite number.

    Examples
    --------
    >>> check_threshold(1)
    1.0
    """
    if not isinstance(threshold, (int, float, np.number)) or not np.isfinite(threshold):
        raise InputError(f"threshold is {threshold!r}; give a finite number")
    return float(threshold)


def _vector(values: ArrayLike, name: str) -> np.ndarray:
    try:
        array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise InputError(f"{name} does not hold numbers; pass a one-dimensional array") from None
    if array.ndim != 1:
        raise InputError(f"{name} has shape {array.shape}; pass a one-dimensional array")
    if not len(array):
        raise InputError(f"{name} is empty; a metric needs at least one row")
    return array

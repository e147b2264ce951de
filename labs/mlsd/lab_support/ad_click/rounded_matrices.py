"""What each matrix of a student loses when it alone is stored in few bits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from mlsd.lab_support.ad_click.packed_student import Market, PackedStudent, weights_of
from mlsd.models import StudentPerceptron


def rounded(student: StudentPerceptron, bits: Mapping[str, int]) -> PackedStudent:
    """Serve a student whose named matrices are rounded, with one scale per row.

    Parameters
    ----------
    student : StudentPerceptron
        Fitted.
    bits : mapping
        From names of `weights_of` to bits per weight; other weights stay as they are.

    Examples
    --------
    >>> X = {"a": np.arange(200) % 2}
    >>> student = StudentPerceptron(categorical=("a",), epochs=1).fit(X, X["a"])
    >>> np.unique(rounded(student, {"out.weight": 2}).weights["out.weight"]).size
    3
    """
    weights = weights_of(student)
    return PackedStudent(student, weights | {n: _rounded(weights[n], b) for n, b in bits.items()})


def rounding_costs(
    found: Market, student: StudentPerceptron, formats: Sequence[int]
) -> pd.DataFrame:
    """Return the mean log loss above float32's when one matrix alone is rounded.

    Every second impression of the day after counts, so that a choice may be judged on the others.

    Returns
    -------
    DataFrame
        One row per matrix, one column per number of bits.
    """
    names = [name for name, value in weights_of(student).items() if value.ndim == 2]
    exact = found.losses(student)
    costs = {
        bits: [(found.losses(rounded(student, {n: bits})) - exact)[::2].mean() for n in names]
        for bits in formats
    }
    return pd.DataFrame(costs, index=names)


def _rounded(values: np.ndarray, bits: int) -> np.ndarray:
    largest = np.abs(values).max(axis=1, keepdims=True)
    scale = np.where(largest == 0, 1, largest) / (2 ** (bits - 1) - 1)
    return (np.round(values / scale) * scale).astype(np.float32)

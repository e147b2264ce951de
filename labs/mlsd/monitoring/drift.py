"""Has a column changed? Population stability index and Kolmogorov-Smirnov test."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd
from scipy import stats

from mlsd.runtime import InputError


def population_stability_index(
    reference: np.ndarray, current: np.ndarray, *, bins: int = 10
) -> float:
    """Return the population stability index of a column against its reference.

    With the share r of the reference and c of the current rows in each bin, the index is the sum
    of ``(c - r) * ln(c / r)``: the Kullback-Leibler divergence, taken both ways. Bins are the
    quantiles of the reference; a column with at most `bins` distinct values has one bin for each
    value. Half a row is added to every bin, so that an empty one costs much, but a finite amount.

    Parameters
    ----------
    reference, current : array of numbers, shapes (n,) and (m,)
    bins : int

    Raises
    ------
    InputError
        For an empty or non-finite column, or fewer than two bins.

    Notes
    -----
    Without any change the index has expectation close to ``(bins - 1) * (1/n + 1/m)`` (Yurdakul and
    Naranjo 2020), so it is small where rows are many; 0.1 and 0.25 are habits, not tests.

    References
    ----------
    B. Yurdakul, J. Naranjo, Statistical properties of the population stability index, Journal of
    Risk Model Validation 14(4), 2020.

    Examples
    --------
    >>> rows = np.arange(1000)
    >>> population_stability_index(rows, rows)
    0.0
    >>> round(population_stability_index(rows, rows + 100), 2)
    0.6
    """
    if bins < 2:
        raise InputError(f"bins is {bins}; give at least 2")
    old, new = _checked(reference, "reference"), _checked(current, "current")
    edges = _edges(old, bins)
    shares = [_shares(rows, edges) for rows in (old, new)]
    return float(np.sum((shares[1] - shares[0]) * np.log(shares[1] / shares[0])))


def drift_table(
    reference: Mapping[str, np.ndarray],
    current: Mapping[str, np.ndarray],
    columns: Iterable[str],
    *,
    bins: int = 10,
) -> pd.DataFrame:
    """Return index, Kolmogorov-Smirnov distance and its p-value for each column.

    Parameters
    ----------
    reference, current : mapping of str to array of numbers
        Tables of the rows before and now.
    columns : iterable of str

    Returns
    -------
    DataFrame
        One row per column: `psi`, `ks` (largest distance of the two distribution functions) and
        `p_value` (asymptotic; for a column with ties it errs towards no alarm).

    Examples
    --------
    >>> rows = {"age": np.arange(1000.0)}
    >>> drift_table(rows, {"age": rows["age"] + 100}, ["age"]).round(2)
         psi   ks  p_value
    age  0.6  0.1      0.0
    """
    found = {}
    for name in columns:
        old, new = _checked(reference[name], name), _checked(current[name], name)
        test = stats.ks_2samp(old, new, method="asymp")
        found[name] = {
            "psi": population_stability_index(old, new, bins=bins),
            "ks": float(test.statistic),
            "p_value": float(test.pvalue),
        }
    return pd.DataFrame(found).T


def _checked(values: np.ndarray, name: str) -> np.ndarray:
    rows = np.asarray(values, dtype=np.float64)
    if rows.ndim != 1 or len(rows) == 0 or not np.isfinite(rows).all():
        raise InputError(f"{name}: give one column of finite numbers, with at least one row")
    return rows


def _edges(reference: np.ndarray, bins: int) -> np.ndarray:
    values = np.unique(reference)
    if len(values) <= bins:
        return (values[1:] + values[:-1]) / 2
    return np.unique(np.quantile(reference, np.arange(1, bins) / bins))


def _shares(rows: np.ndarray, edges: np.ndarray) -> np.ndarray:
    counts = np.bincount(np.searchsorted(edges, rows, side="right"), minlength=len(edges) + 1) + 0.5
    return counts / counts.sum()

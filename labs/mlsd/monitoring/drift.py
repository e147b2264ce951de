"""Has a column changed? Population stability index, and a test that fits the kind of column."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

import numpy as np
import pandas as pd
from scipy import stats

from mlsd.runtime import InputError

# A category with fewer rows of the reference than this shares a bin with all the others of its kind
# and with those that the reference never had: its own share is too uncertain to compare.
RARE_ROWS = 20


def population_stability_index(
    reference: np.ndarray, current: np.ndarray, *, bins: int = 10, nominal: bool = False
) -> float:
    """Return the population stability index of a column against its reference.

    With the share r of the reference and c of the current rows in each bin, the index is the sum
    of ``(c - r) * ln(c / r)``: the Kullback-Leibler divergence, taken both ways. Bins of a numeric
    column are the quantiles of the reference; with at most `bins` distinct values each value has
    one of its own. A nominal column has one bin per category, and one more that rare and new
    categories share. Half a row is added to every bin, so that an empty one costs much, but a
    finite amount.

    Parameters
    ----------
    reference, current : array, shapes (n,) and (m,)
    bins : int
        Of a numeric column.
    nominal : bool
        Whether the values are names, so that their order and distance mean nothing. Codes of
        categories need it, since they look like numbers; text, booleans and pandas categories are
        nominal anyway.

    Raises
    ------
    InputError
        For a column that is empty, or numeric and not finite, or fewer than two bins.

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
    >>> round(population_stability_index(rows, rows + 100), 2)
    0.6
    >>> publisher = np.repeat([3, 7, 9], 100)
    >>> round(population_stability_index(publisher, publisher[:200], nominal=True), 2)
    1.75
    """
    if bins < 2:
        raise InputError(f"bins is {bins}; give at least 2")
    return _index(_counts(reference, current, bins, nominal, ("reference", "current")))


def drift_table(
    reference: Mapping[str, np.ndarray],
    current: Mapping[str, np.ndarray],
    columns: Iterable[str],
    *,
    nominal: Collection[str] = (),
    bins: int = 10,
) -> pd.DataFrame:
    """Return how far each column has moved, and how probable that is by chance.

    Parameters
    ----------
    reference, current : mapping of str to array
        Tables of the rows before and now.
    columns : iterable of str
    nominal : collection of str
        Those of the columns whose numbers are codes of categories.
    bins : int
        Of the index of a numeric column.

    Returns
    -------
    DataFrame
        One row per column: `psi`; `test`, which is Kolmogorov-Smirnov for a numeric column and
        chi-square for a nominal one; `distance`, the largest gap between the two distribution
        functions or the share of rows that would have to change category; and `p_value`
        (asymptotic; for a numeric column with ties it errs towards no alarm).

    Examples
    --------
    >>> rows = {"age": np.arange(1000.0), "region": np.repeat([0, 1], 500)}
    >>> moved = {"age": rows["age"] + 100, "region": np.repeat([0, 1], [600, 400])}
    >>> drift_table(rows, moved, rows, nominal=["region"]).round(2)
             psi                test  distance  p_value
    age     0.60  Kolmogorov-Smirnov       0.1      0.0
    region  0.04          chi-square       0.1      0.0
    """
    found = {}
    for name in columns:
        pair = reference[name], current[name]
        named = name in nominal or any(map(_is_nominal, pair))
        counts = _counts(*pair, bins, named, (name, name))
        test = _chi_square(counts) if named else _kolmogorov_smirnov(*pair)
        found[name] = {"psi": _index(counts), **test}
    return pd.DataFrame(found).T.astype({"psi": float, "distance": float, "p_value": float})


def _is_nominal(values: np.ndarray) -> bool:
    kind = getattr(values, "dtype", np.asarray(values).dtype)
    return not pd.api.types.is_numeric_dtype(kind) or pd.api.types.is_bool_dtype(kind)


def _counts(
    reference: np.ndarray, current: np.ndarray, bins: int, nominal: bool, names: tuple[str, str]
) -> np.ndarray:
    """Return the rows per bin, shape (2, bins), the reference first."""
    if nominal or _is_nominal(reference) or _is_nominal(current):
        return _category_counts(reference, current, names)
    old, new = _checked(reference, names[0]), _checked(current, names[1])
    edges = _edges(old, bins)
    places = [np.searchsorted(edges, rows, side="right") for rows in (old, new)]
    return np.stack([np.bincount(place, minlength=len(edges) + 1) for place in places])


def _category_counts(
    reference: np.ndarray, current: np.ndarray, names: tuple[str, str]
) -> np.ndarray:
    for rows, name in zip((reference, current), names):
        if np.ndim(rows) != 1 or len(rows) == 0:
            raise InputError(f"{name}: give one column with at least one row")
    both = pd.concat([pd.Series(np.asarray(rows)) for rows in (reference, current)])
    codes, categories = pd.factorize(both, use_na_sentinel=False)
    parts = codes[: len(reference)], codes[len(reference) :]
    counts = np.stack([np.bincount(part, minlength=len(categories)) for part in parts])
    rare = counts[0] < RARE_ROWS
    pooled = counts[:, rare].sum(axis=1, keepdims=True)
    return np.hstack([counts[:, ~rare], pooled]) if pooled.any() else counts


def _index(counts: np.ndarray) -> float:
    shares = (counts + 0.5) / (counts + 0.5).sum(axis=1, keepdims=True)
    return float(np.sum((shares[1] - shares[0]) * np.log(shares[1] / shares[0])))


def _chi_square(counts: np.ndarray) -> dict[str, object]:
    shares = counts / counts.sum(axis=1, keepdims=True)
    one_bin = counts.shape[1] == 1
    return {
        "test": "chi-square",
        "distance": float(np.abs(shares[1] - shares[0]).sum() / 2),
        "p_value": 1.0 if one_bin else float(stats.chi2_contingency(counts, correction=False)[1]),
    }


def _kolmogorov_smirnov(reference: np.ndarray, current: np.ndarray) -> dict[str, object]:
    test = stats.ks_2samp(np.asarray(reference), np.asarray(current), method="asymp")
    return {
        "test": "Kolmogorov-Smirnov",
        "distance": float(test.statistic),
        "p_value": float(test.pvalue),
    }


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

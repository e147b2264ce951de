"""Which impressions are known to have converted by a moment."""

from __future__ import annotations

import numpy as np
import pandas as pd

from mlsd.runtime import InputError


def conversion_known_at(
    impressions: pd.DataFrame, conversions: pd.DataFrame, *, key: str = "impression_id"
) -> np.ndarray:
    """Return when the first conversion of each impression became known.

    Parameters
    ----------
    impressions : DataFrame, n rows
        With `key`.
    conversions : DataFrame
        With `key` and `known_at`, seconds since an origin. Conversions of other impressions are
        left out.
    key : str
        Column that identifies an impression.

    Returns
    -------
    ndarray of float64, shape (n,)
        Seconds since the origin; infinity where no conversion is on record.

    Raises
    ------
    InputError
        If a column is missing.

    Examples
    --------
    >>> impressions = pd.DataFrame({"impression_id": [7, 8]})
    >>> conversions = pd.DataFrame({"impression_id": [8, 8], "known_at": [90.0, 60.0]})
    >>> conversion_known_at(impressions, conversions)
    array([inf, 60.])
    """
    _need(impressions, "impressions", key)
    _need(conversions, "conversions", key, "known_at")
    first = conversions.groupby(key)["known_at"].min()
    return first.reindex(impressions[key]).fillna(np.inf).to_numpy(np.float64)


def conversion_labels(
    impressions: pd.DataFrame,
    conversions: pd.DataFrame,
    *,
    as_of: float = np.inf,
    click: str = "click",
    key: str = "impression_id",
) -> np.ndarray:
    """Return click and conversion of each impression, as known at a moment.

    Parameters
    ----------
    impressions : DataFrame, n rows
        Settled ones, with `key` and `click`: those of ``logs.as_of(as_of)``.
    conversions : DataFrame
        With `key` and `known_at`.
    as_of : float
        Seconds since the origin. A conversion known later counts as none, as it would have then.
    click, key : str
        Columns of the clicks, and of what identifies an impression.

    Returns
    -------
    ndarray of int8, shape (n, 2)
        Clicked; clicked and known to have converted.

    Raises
    ------
    InputError
        If a column is missing, or an impression's own `known_at` lies after `as_of`.

    Examples
    --------
    >>> impressions = pd.DataFrame({"impression_id": [7, 8, 9], "click": [0, 1, 1]})
    >>> conversions = pd.DataFrame({"impression_id": [8, 9], "known_at": [60.0, 90.0]})
    >>> conversion_labels(impressions, conversions, as_of=60).tolist()
    [[0, 0], [1, 1], [1, 0]]
    """
    _need(impressions, "impressions", click)
    if "known_at" in impressions and (impressions["known_at"] > as_of).any():
        raise InputError(
            f"impressions: some were not settled at {as_of:g}; give those of logs.as_of"
        )
    clicked = impressions[click].to_numpy() == 1
    known_at = conversion_known_at(impressions, conversions, key=key)
    converted = (known_at <= as_of) & np.isfinite(known_at)
    return np.column_stack([clicked, clicked & converted]).astype(np.int8)


def _need(table: pd.DataFrame, what: str, *names: str) -> None:
    for name in names:
        if name not in table:
            raise InputError(f"{what}: column {name!r} is missing; it has {sorted(table.columns)}")

"""Columns of what happened, and which rows of them are known by a given time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from mlsd.runtime.times import DAY

Columns = dict[str, np.ndarray]


def day_end(day: int) -> float:
    """Return when a day ends, seconds since the origin.

    Examples
    --------
    >>> day_end(0)
    86400.0
    """
    return float((day + 1) * DAY)


def known_rows(columns: Columns, t: float) -> Columns:
    """Return the rows known by `t`: by `known_at`, or by `ts` where there is none.

    Parameters
    ----------
    columns : dict of str to ndarray, shape (n, ...) each
    t : float
        Seconds since the origin; the moment itself counts.

    Examples
    --------
    >>> known_rows({"ts": np.array([1.0, 2.0]), "known_at": np.array([1.0, 9.0])}, 5.0)["ts"]
    array([1.])
    """
    known = columns.get("known_at", columns["ts"]) <= t
    return columns if known.all() else {name: values[known] for name, values in columns.items()}


def joined(parts: Sequence[Mapping[str, np.ndarray]]) -> Columns:
    """Return parts of one table below each other; the names are those of the first part.

    Examples
    --------
    >>> joined([{"ts": np.array([1])}, {"ts": np.array([2, 3])}])
    {'ts': array([1, 2, 3])}
    """
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def long_rows(columns: Columns) -> Columns:
    """Return one row per candidate where some columns have one row per request, shape (n, k).

    Parameters
    ----------
    columns : dict of str to ndarray, shape (n,) or (n, k) each
        All two-dimensional ones with the same k; without any of them nothing changes.

    Examples
    --------
    >>> long_rows({"request_id": np.array([7]), "item_id": np.array([[1, 2]])})
    {'request_id': array([7, 7]), 'item_id': array([1, 2])}
    """
    widths = [values.shape[1] for values in columns.values() if values.ndim == 2]
    if not widths:
        return columns
    return {
        name: values.ravel() if values.ndim == 2 else np.repeat(values, widths[0])
        for name, values in columns.items()
    }

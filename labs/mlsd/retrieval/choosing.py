"""Choose an index by what was measured of it."""

from __future__ import annotations

from typing import Any

import pandas as pd

from mlsd.runtime import InputError


def cheapest_within(
    candidates: pd.DataFrame, recall: float, read: float, memory: float
) -> Any | None:
    """Return the label of the row that keeps all limits and reads least, None where none does.

    Parameters
    ----------
    candidates : DataFrame
        With columns `recall`, `read` and `memory`, in the units of the limits.
    recall : float
        At least.
    read, memory : float
        At most.

    Examples
    --------
    >>> columns = {"recall": [1.0, 0.96], "read": [100.0, 3.0], "memory": [264, 280]}
    >>> table = pd.DataFrame(columns, index=["flat", "lists"])
    >>> cheapest_within(table, 0.95, 5, 300), cheapest_within(table, 0.99, 5, 300)
    ('lists', None)
    """
    missing = [name for name in ("recall", "read", "memory") if name not in candidates]
    if missing:
        raise InputError(f"candidates: column {missing[0]!r} is missing")
    keeps = (candidates["recall"] >= recall) & (candidates["read"] <= read)
    fits = candidates[keeps & (candidates["memory"] <= memory)]
    return fits["read"].idxmin() if len(fits) else None

"""Which features to keep where a store has room for only some of them."""

from __future__ import annotations

from itertools import combinations

import pandas as pd

from mlsd.runtime import InputError

# All sets of so many candidates are tried: a million of them.
MOST_CANDIDATES = 20


def best_within_budget(gain: pd.Series, cost: pd.Series, budget: float) -> list[str]:
    """Return the candidates with the largest total gain whose total cost is within a budget.

    The knapsack problem, solved by trying every set. Of equally good sets the cheapest wins.

    Parameters
    ----------
    gain, cost : Series of float
        By candidate; gains add up. A candidate that does not gain is never kept.
    budget : float
        In the unit of `cost`.

    Returns
    -------
    list of str
        In the order of `gain`; empty where nothing fits.

    Raises
    ------
    InputError
        With more than 20 candidates, whose sets are too many to try.

    Examples
    --------
    >>> gain = pd.Series({"user": 5.0, "user, category": 7.0, "ad": 1.0})
    >>> cost = pd.Series({"user": 10.0, "user, category": 95.0, "ad": 4.0})
    >>> best_within_budget(gain, cost, budget=100)
    ['user, category', 'ad']
    """
    candidates = [name for name in gain.index if gain[name] > 0 and cost[name] <= budget]
    if len(candidates) > MOST_CANDIDATES:
        raise InputError(
            f"best_within_budget: {len(candidates)} candidates; give {MOST_CANDIDATES} at most"
        )
    sets = [
        list(kept)
        for size in range(len(candidates) + 1)
        for kept in combinations(candidates, size)
        if cost[list(kept)].sum() <= budget
    ]
    return max(sets, key=lambda kept: (gain[kept].sum(), -cost[kept].sum()))

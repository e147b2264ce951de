"""A made-up log in which two lists are watched as often as one says, for the loop lab's check."""

from __future__ import annotations

import numpy as np
import pandas as pd

LIST = 10
CATALOGUE, VIEWERS, HELD = 60, 400, 0.3
# Chance that a slot of a served viewer is left to chance.
CHANCE = 0.1
# What is left of the rate of a list that a viewer has been served for days, and of other videos.
REPEATED, OTHER_RATE = 0.4, 0.05


def two_lists() -> tuple[np.ndarray, np.ndarray]:
    """Return the ids of the first and of the second list; the feed serves the first."""
    return np.arange(LIST), np.arange(LIST, 2 * LIST)


def log_of_two_lists(
    seed: int, rates: tuple[float, float], *, taste: float = 0.0, rows: int = 60_000
) -> pd.DataFrame:
    """Return a log of a feed that serves the first list to those who are not held out.

    Parameters
    ----------
    seed : int
    rates : tuple of float
        Share of impressions that a new viewer watches, of the first and of the second list.
    taste : float
        Share of the viewers who watch the first list alone, at a rate of one half, or the second
        alone. The larger it is, the less independent are the rows of a viewer.
    rows : int

    Returns
    -------
    DataFrame
        `user_id`, `item_id`, `explored`, `holdout` and `watched`.

    Examples
    --------
    >>> log = log_of_two_lists(0, (0.1, 0.2))
    >>> bool(log.loc[~log["holdout"], "item_id"].lt(LIST).mean() > 0.85)
    True
    """
    rng = np.random.default_rng(seed)
    user = rng.integers(VIEWERS, size=rows)
    holdout = user < HELD * VIEWERS
    explored = holdout | (rng.random(rows) < CHANCE)
    item = np.where(explored, rng.integers(CATALOGUE, size=rows), rng.integers(LIST, size=rows))
    rate = np.select([item < LIST, item < 2 * LIST], rates, OTHER_RATE)
    fan = np.where(rng.random(VIEWERS) < taste, rng.integers(2, size=VIEWERS), -1)[user]
    in_list = item < 2 * LIST
    rate = np.where(in_list & (fan >= 0), np.where(fan == item // LIST, 0.5, 0.0), rate)
    rate = np.where(~holdout & (item < LIST), REPEATED * rate, rate)
    watched = (rng.random(rows) < rate).astype(np.int8)
    columns = {"user_id": user, "item_id": item, "explored": explored, "holdout": holdout}
    return pd.DataFrame(columns | {"watched": watched})

"""The bidding lab's thin markets and its day of auctions, and what reserves earn there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache

import numpy as np
import pandas as pd

from mlsd.lab_support.deployed import mean_over_markets
from mlsd.models import SmoothedRate
from mlsd.policies.ad_click import ScorerPolicy
from mlsd.policies.ad_click.reserves import FLOOR, RequestReserve, ReservePolicy
from mlsd.worlds import AdClickConfig, AdClickWorld
from mlsd.worlds.base import Policy

HISTORY_DAYS, DEPLOYED_DAYS, WORLDS = 7, 5, 3
# A thin market: two candidates for one slot, second price, budgets that do not bind.
THIN = AdClickConfig(candidates=2, slots=1, price_rule="gsp", budget_per_impression=1.0)
MakeReserve = Callable[[pd.DataFrame], RequestReserve]
Controller = Callable[[float, float, float], float]


def one_reserve(candidates: pd.DataFrame) -> RequestReserve:
    """Return the baseline: the one reserve for every request that a replay of the log likes best.

    Parameters
    ----------
    candidates : DataFrame
        Two rows per request, with `bid` and `predicted_ctr`.
    """
    score = (candidates["bid"] * candidates["predicted_ctr"]).to_numpy().reshape(-1, 2)
    best, second = score.max(axis=1), score.min(axis=1)
    grid = np.arange(0.002, 0.031, 0.001)
    earned = [np.where(best >= r, np.maximum(second, r), 0).sum() for r in grid]
    reserve = grid[int(np.argmax(earned))]
    return lambda predicted: np.full(len(predicted), reserve)


@lru_cache(maxsize=WORLDS)
def _market(seed: int) -> tuple[AdClickWorld, Policy, pd.DataFrame]:
    world = AdClickWorld(seed=seed, config=replace(THIN, score_reserve=FLOOR))
    logs = world.history(days=HISTORY_DAYS)
    levels = (("ad_id",), ("publisher_id", "category"), ("user_id", "category"))
    rates = SmoothedRate(levels=levels, strength=30.0)
    policy = ScorerPolicy(rates.fit(logs.impressions, logs.impressions["click"]))
    return world, policy, logs.candidates


@lru_cache(maxsize=4 * WORLDS)
def _earned(seed: int, make_reserve: MakeReserve) -> float:
    world, rates, candidates = _market(seed)
    policy = ReservePolicy(rates, make_reserve(candidates.copy()))
    report = world.deploy(policy, days=DEPLOYED_DAYS, history_days=HISTORY_DAYS)
    return report.measures["revenue"].estimate


def deployed_revenue(seed: int, make_reserve: MakeReserve) -> float:
    """Return five days' revenue in percent of the best single reserve's, a mean of three markets.

    Examples
    --------
    >>> deployed_revenue(3, one_reserve)
    100.0
    """

    def ratio(market: int) -> float:
        return _earned(market, make_reserve) / _earned(market, one_reserve)

    return 100 * mean_over_markets(seed, WORLDS, ratio)


def simulate_day(auctions: pd.DataFrame, budget: float, controller: Controller) -> pd.DataFrame:
    """Bid a multiple of the value through a day of first-price auctions, hour by hour.

    Parameters
    ----------
    auctions : DataFrame
        Columns `hour`, `value` and `rival`: the best bid of the others.
    budget : float
        Nothing is bought beyond it.
    controller : callable
        From the multiplier, what the last hour spent and what it was planned to, to the next
        multiplier. The plan spreads the rest of the budget over the rest of the day's traffic.

    Returns
    -------
    DataFrame
        One row per hour: `multiplier`, `spent`, `planned` and `kept` (value minus price).

    Examples
    --------
    >>> day = pd.DataFrame({"hour": [0, 1], "value": [2.0, 2.0], "rival": [1.0, 1.0]})
    >>> simulate_day(day, 2.0, lambda multiplier, spent, planned: 0.6)["spent"].tolist()
    [2.0, 0.0]
    """
    multiplier, left, remaining, rows = 1.0, budget, len(auctions), []
    for hour, part in auctions.groupby("hour"):
        planned = left * len(part) / remaining
        value, rival = part["value"].to_numpy(), part["rival"].to_numpy()
        price = np.where(multiplier * value > rival, multiplier * value, 0)
        price = np.where(price.cumsum() <= left, price, 0)
        spent = float(price.sum())
        kept = float((value - price)[price > 0].sum())
        rows.append((hour, multiplier, spent, planned, kept))
        left, remaining = left - spent, remaining - len(part)
        multiplier = float(controller(multiplier, spent, planned))
    return pd.DataFrame(rows, columns=["hour", "multiplier", "spent", "planned", "kept"])

"""The bidding lab's thin markets and its day of auctions, and what reserves earn there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache

import numpy as np
import pandas as pd

from mlsd.lab_support.deployed import market_seeds, percent_of_baseline
from mlsd.metrics import Interval
from mlsd.models import SmoothedRate
from mlsd.policies.ad_click import FLOOR, ReservePolicy, ScorerPolicy, per_impression
from mlsd.policies.ad_click.reserves import RequestReserve
from mlsd.worlds import AdClickConfig, AdClickWorld
from mlsd.worlds.base import Policy

HISTORY_DAYS, DEPLOYED_DAYS = 7, 5
# A thin market: two candidates for one slot, second price, budgets that do not bind.
THIN = AdClickConfig(
    users=8_000,
    requests_per_day=12_000,
    candidates=2,
    slots=1,
    price_rule="gsp",
    budget_per_impression=1.0,
    score_reserve=FLOOR,
)
# What one unit of money of the lab's own market is called in the markets of the last exercise.
CURRENCIES = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0)
MakeReserve = Callable[[pd.DataFrame], RequestReserve]
Controller = Callable[[float, float, float], float]


def in_currency(config: AdClickConfig, unit: float) -> AdClickConfig:
    """Return the same market with all amounts of money multiplied by `unit`.

    Examples
    --------
    >>> in_currency(THIN, 4.0).conversion_value
    48.0
    """
    amounts = ("conversion_value", "reserve_price", "budget_per_impression")
    return replace(config, **{name: unit * getattr(config, name) for name in amounts})


def one_reserve(candidates: pd.DataFrame) -> RequestReserve:
    """Return the baseline: the one reserve for every request that a replay of the log likes best.

    Parameters
    ----------
    candidates : DataFrame
        Two rows per request, with `bid` and `predicted_ctr`.
    """
    score = (candidates["bid"] * candidates["predicted_ctr"]).to_numpy().reshape(-1, 2)
    best, second = score.max(axis=1), score.min(axis=1)
    grid = np.quantile(best, np.linspace(0.01, 0.95, 48))
    earned = [np.where(best >= r, np.maximum(second, r), 0).sum() for r in grid]
    return per_impression(grid[int(np.argmax(earned))])


def drawn_candidates(
    seed: int, *, median: float, spread: float, idle: float, requests: int = 6_000
) -> pd.DataFrame:
    """Return a log whose bids and rates are drawn, two rows per request.

    Parameters
    ----------
    median, spread : float
        Of the bids: money per click, and the standard deviation of its logarithm.
    idle : float
        Share of the bids that are a fiftieth of what they would be.

    Examples
    --------
    >>> log = drawn_candidates(0, median=2.0, spread=0.2, idle=0.6)
    >>> len(log), round(float((log["bid"] < 0.2).mean()), 1)
    (12000, 0.6)
    """
    rng, rows = np.random.default_rng(seed), 2 * requests
    bid = median * rng.lognormal(0, spread, rows)
    bid[rng.random(rows) < idle] /= 50
    rate = rng.lognormal(-4, 0.6, rows)
    return pd.DataFrame({"request_id": np.arange(rows) // 2, "bid": bid, "predicted_ctr": rate})


def replayed_revenue(candidates: pd.DataFrame, reserve: RequestReserve) -> float:
    """Return what a log's requests earn under second price with given reserves.

    Examples
    --------
    >>> one = pd.DataFrame({"bid": [2.0, 1.0], "predicted_ctr": [0.5, 0.5]})
    >>> replayed_revenue(one, per_impression(0.8))
    0.8
    """
    predicted = candidates["predicted_ctr"].to_numpy().reshape(-1, 2)
    score = predicted * candidates["bid"].to_numpy().reshape(-1, 2)
    asked = np.asarray(reserve(predicted.copy()))
    paid = np.maximum(score.min(axis=1), asked)
    return float(np.where(score.max(axis=1) >= asked, paid, 0).sum())


@lru_cache(maxsize=len(CURRENCIES))
def _market(seed: int, unit: float) -> tuple[AdClickWorld, Policy, pd.DataFrame]:
    world = AdClickWorld(seed=seed, config=in_currency(THIN, unit))
    logs = world.history(days=HISTORY_DAYS)
    levels = (("ad_id",), ("publisher_id", "category"), ("user_id", "category"))
    rates = SmoothedRate(levels=levels, strength=30.0)
    policy = ScorerPolicy(rates.fit(logs.impressions, logs.impressions["click"]))
    return world, policy, logs.candidates


@lru_cache(maxsize=16 * len(CURRENCIES))
def _percent(seed: int, unit: float, make_reserve: MakeReserve) -> Interval:
    world, rates, candidates = _market(seed, unit)
    policies = [
        ReservePolicy(rates, make(candidates.copy())) for make in (one_reserve, make_reserve)
    ]
    days = {"days": DEPLOYED_DAYS, "history_days": HISTORY_DAYS}
    return percent_of_baseline(world, *policies, **days)


def deployed_revenue(seed: int, make_reserve: MakeReserve) -> Interval:
    """Return five days' revenue in percent of the best single reserve's, a mean of six markets.

    The markets differ in their seeds and in their currencies; what the reserves are computed from
    is each market's own log.

    Examples
    --------
    >>> print(deployed_revenue(3, one_reserve))
    100.0000 [100.0000, 100.0000]
    """
    markets = zip(market_seeds(seed, len(CURRENCIES)), CURRENCIES)
    found = [_percent(own, unit, make_reserve) for own, unit in markets]
    mean = float(np.mean([each.estimate for each in found]))
    # The markets are independent, so the squares of their errors add up.
    below = np.sqrt(sum((each.estimate - each.low) ** 2 for each in found)) / len(found)
    above = np.sqrt(sum((each.high - each.estimate) ** 2 for each in found)) / len(found)
    return Interval(mean, mean - float(below), mean + float(above))


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

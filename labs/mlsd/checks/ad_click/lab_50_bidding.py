"""Checks of the bidding lab: win curves, shading, pacing, and reserves that have to earn."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from mlsd.checks import CheckResult, WrongAnswer, attempted, beats, check, gives, holds
from mlsd.lab_support.ad_click.thin_market import (
    Controller,
    MakeReserve,
    deployed_revenue,
    one_reserve,
    simulate_day,
)
from mlsd.policies.ad_click import per_click
from mlsd.policies.ad_click.reserves import RequestReserve

# Percentage points of the baseline's revenue; tests/benchmarks/lab_verdicts.py measures the tails.
MARGIN = 11.0
_FRESH_SEED = 50_011


def check_win_curve(answer: Callable[..., np.ndarray]) -> CheckResult:
    """Check the first exercise."""
    bid, won = np.array([0.5, 1.5, 1.0, 2.5, 2.0]), np.array([0, 1, 0, 1, 1])
    return check(
        "win_curve",
        answer,
        gives(bid, won, np.array([0.0, 1.0, 2.0, 3.0]), expected=[0.0, 0.5, 1.0]),
        gives(
            bid,
            won,
            np.array([0.0, 0.2, 1.2, 3.0]),
            expected=[np.nan, 0.0, 1.0],
            hint="a bin without a bid has no rate: NaN",
        ),
        gives(
            bid,
            won,
            np.array([1.0, 2.0]),
            expected=[0.5],
            hint="bids outside the edges belong to no bin, and the upper edge to the next",
        ),
        points=2,
    )


def check_shaded_bid(answer: Callable[..., np.ndarray]) -> CheckResult:
    """Check the second exercise."""
    curve = np.array([1.0, 2.0, 3.0]), np.array([0.2, 0.5, 0.6])
    return check(
        "shaded_bid",
        answer,
        gives(np.array([4.0]), *curve, expected=[2.0]),
        gives(np.array([1.5, 4.0, 20.0]), *curve, expected=[1.0, 2.0, 3.0]),
        gives(
            np.array([0.5, 1.5]),
            *curve,
            expected=[0.0, 1.0],
            hint="where every bid of the grid loses money, do not bid: 0",
        ),
        points=2,
    )


def check_next_multiplier(answer: Controller) -> CheckResult:
    """Check the third exercise by what a controller does on three days, not by its law."""
    return check(
        "next_multiplier",
        answer,
        holds(_bears_nothing_spent, "nothing spent: do not divide by it, and step up"),
        holds(lambda step: step(1.0, 5.0, 10.0) <= 1.0, "never bid above the value"),
        holds(
            lambda step: step(0.5, 12.0, 10.0) < 0.5 < step(0.5, 8.0, 10.0),
            "after too much was spent the multiplier has to fall, after too little to rise",
        ),
        holds(
            lambda step: all(_spent(day, step)[0] >= 0.95 for day in _days()),
            "on one of the three days less than 95 % of the budget was spent",
        ),
        holds(
            lambda step: all(_spent(day, step)[1] <= 0.2 for day in _days()),
            "on one of the three days the spend is over 20 points of the budget off the traffic;"
            " let a step be larger the further spent and planned are apart",
        ),
        points=2,
    )


def check_best_reserves(answer: Callable[..., np.ndarray]) -> CheckResult:
    """Check the fourth exercise."""
    best = np.array([10.0, 8.0, 9.0, 3.0, 2.0, 4.0])
    second = np.array([1.0, 2.0, 8.5, 2.5, 0.5, 0.5])
    segment = np.array([0, 0, 0, 1, 1, 1])
    grid = np.array([0.0, 2.0, 3.0, 8.0, 9.0])
    alone = np.array([5.0]), np.array([4.0]), np.array([0]), np.array([0.0, 3.0, 6.0])
    return check(
        "best_reserves",
        answer,
        gives(
            np.array([10.0, 10.0, 3.0]),
            np.array([8.0, 8.0, 1.0]),
            np.zeros(3, int),
            np.array([0.0, 3.0, 7.0]),
            expected=[3.0],
            hint="a sold slot pays the larger of the reserve and the second score",
        ),
        gives(best, second, segment, grid, expected=[8.0, 2.0]),
        gives(best, second, np.zeros(6, int), grid, expected=[8.0]),
        gives(
            *alone,
            expected=[0.0],
            hint="reserves of 0 and 3 both sell at the second score, 4; take the lowest",
        ),
        points=2,
    )


def check_make_reserve(answer: MakeReserve) -> CheckResult:
    """Check the last exercise by what the reserves earn in six worlds that nobody has seen."""
    return check(
        "make_reserve",
        answer,
        holds(
            lambda make: np.shape(attempted(make(_tiny_log()))(np.full((3, 2), 0.02))) == (3,),
            "give one reserve for each request: shape (n,) for predictions of shape (n, k)",
        ),
        holds(
            lambda make: np.max(make(_tiny_log())(np.full((3, 2), 0.02))) < 0.1,
            "these reserves are above every score: give money an impression, not per thousand",
        ),
        beats(
            deployed_revenue,
            one_reserve,
            margin=MARGIN,
            seed=_FRESH_SEED,
            unit="percent of the best single reserve's revenue:",
            authors="114 to 120",
            hint="the table after exercise 4 says that a good reserve follows the larger rate:"
            " which price per click does it amount to?",
        ),
        points=4,
    )


def _bears_nothing_spent(step: Controller) -> bool:
    try:
        return step(0.5, 0.0, 10.0) > 0.5
    except ZeroDivisionError:
        return False


def _days() -> tuple[pd.DataFrame, ...]:
    """Return a plain day, one with users in the evening, and one with rivals from noon on."""
    even, noon = np.full(24, 300), np.where(np.arange(24) < 12, 0.7, 1.4)
    return (
        _day(even, np.ones(24)),
        _day(100 + 25 * np.arange(24), np.ones(24)),
        _day(even, noon),
    )


def _day(traffic: np.ndarray, competition: np.ndarray) -> pd.DataFrame:
    rng, hour = np.random.default_rng(0), np.repeat(np.arange(24), traffic)
    value, rival = rng.lognormal(0, 0.7, (2, len(hour)))
    return pd.DataFrame({"hour": hour, "value": value, "rival": rival * competition[hour]})


def _spent(day: pd.DataFrame, step: Controller) -> tuple[float, float]:
    """Return the share of a budget that is spent, and how far it is off the traffic at most."""
    budget = 0.4 * simulate_day(day, np.inf, lambda *_: 1.0)["spent"].sum()
    spent = simulate_day(day, budget, step)["spent"].cumsum().to_numpy() / budget
    come = day["hour"].value_counts(sort=False).sort_index().cumsum().to_numpy() / len(day)
    return float(spent[-1]), float(np.abs(spent - come).max())


def _tiny_log() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    bid, rate = rng.uniform(0.1, 2, 200), rng.uniform(0.005, 0.05, 200)
    return pd.DataFrame({"request_id": np.arange(200) // 2, "bid": bid, "predicted_ctr": rate})


def _rate_below_the_edge(bid, won, edges):
    return np.array([won[bid < edge].mean() if (bid < edge).any() else np.nan for edge in edges])


def _zero_for_an_empty_bin(bid, won, edges):
    return np.histogram(bid, edges, weights=won)[0] / np.maximum(np.histogram(bid, edges)[0], 1)


def _most_likely_to_win(value, bids, win):
    return np.full(len(value), bids[np.argmax(win)])


def _never_abstains(value, bids, win):
    return bids[np.argmax((value[:, None] - bids) * win, axis=1)]


def _upside_down(multiplier, spent, planned):
    return min(multiplier * float(np.clip(spent / max(planned, 1e-9), 0.8, 1.25)), 1.0)


def _half_of_the_value(multiplier, spent, planned):
    return 0.5


def _small_steps(multiplier, spent, planned):
    return min(multiplier * (0.9 if spent > planned else 1.1), 1.0)


def _above_the_value(multiplier, spent, planned):
    return multiplier * (planned / spent if spent > 0 else 1.25)


def _divides_by_nothing(multiplier, spent, planned):
    return min(multiplier * min(max(planned / spent, 0.8), 1.25), 1.0)


def _first_price_revenue(best, second, segment, reserves):
    sold = [reserves * (best[segment == g, None] >= reserves) for g in range(segment.max() + 1)]
    return np.array([reserves[np.argmax(each.sum(axis=0))] for each in sold])


def _scaled_reserve(factor: float) -> MakeReserve:
    def make(candidates: pd.DataFrame) -> RequestReserve:
        reserve = one_reserve(candidates)
        return lambda predicted: factor * reserve(predicted)

    return make


def _bid_reserve(quantile: float) -> MakeReserve:
    return lambda candidates: per_click(float(candidates["bid"].quantile(quantile)))


def _reserve_by_group(candidates: pd.DataFrame) -> RequestReserve:
    """Return the lab's own first step: four groups of rates, each with its best reserve."""
    rate = candidates["predicted_ctr"].to_numpy().reshape(-1, 2)
    score, top = rate * candidates["bid"].to_numpy().reshape(-1, 2), rate.max(axis=1)
    edges = np.quantile(top, (0.25, 0.5, 0.75))
    group, best, second = np.digitize(top, edges), score.max(axis=1), score.min(axis=1)
    reserves = np.empty(4)
    for g in range(4):
        grid = np.quantile(best[group == g], np.linspace(0.01, 0.95, 48))
        paid = np.where(best[:, None] >= grid, np.maximum(second[:, None], grid), 0)
        reserves[g] = grid[np.argmax(paid[group == g].sum(axis=0))]
    return lambda predicted: reserves[np.digitize(predicted.max(axis=1), edges)]


WRONG_ANSWERS = (
    WrongAnswer("win_curve", "share won below each edge", _rate_below_the_edge),
    WrongAnswer("win_curve", "zero where nobody bid", _zero_for_an_empty_bin),
    WrongAnswer("shaded_bid", "the bid likeliest to win", _most_likely_to_win),
    WrongAnswer("shaded_bid", "bids where every bid loses money", _never_abstains),
    WrongAnswer("next_multiplier", "speeds up after overspending", _upside_down),
    WrongAnswer("next_multiplier", "half of the value all day", _half_of_the_value),
    WrongAnswer("next_multiplier", "steps of a tenth", _small_steps),
    WrongAnswer("next_multiplier", "bids above the value", _above_the_value),
    WrongAnswer("next_multiplier", "divides by nothing spent", _divides_by_nothing),
    WrongAnswer("best_reserves", "everybody pays the reserve", _first_price_revenue),
    WrongAnswer("make_reserve", "no reserve", _scaled_reserve(0.001)),
    WrongAnswer("make_reserve", "one reserve, lower", _scaled_reserve(0.75)),
    WrongAnswer("make_reserve", "one reserve, higher", _scaled_reserve(1.25)),
    WrongAnswer("make_reserve", "money per thousand", _scaled_reserve(1_000)),
    WrongAnswer("make_reserve", "asks for the highest bid", _bid_reserve(1.0)),
    WrongAnswer("make_reserve", "half a unit of money per click", lambda _: per_click(0.5)),
    WrongAnswer("make_reserve", "the price of the lab's own market", lambda _: per_click(0.35)),
    WrongAnswer("make_reserve", "four groups of rates", _reserve_by_group),
)

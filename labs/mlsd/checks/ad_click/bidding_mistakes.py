"""Mistakes in the bidding lab, written out, that its checks are known to reject."""

from __future__ import annotations

import numpy as np
import pandas as pd

from mlsd.checks import WrongAnswer
from mlsd.lab_support.ad_click.reserve_cuts import replay, segment_reserves
from mlsd.lab_support.ad_click.thin_market import MakeReserve, one_reserve
from mlsd.policies.ad_click import per_click
from mlsd.policies.ad_click.reserves import RequestReserve


def _first_where_price_is_the_bid(log):
    return "first" if np.isclose(log["price"], log["bid"], rtol=0.05).mean() > 0.3 else "second"


def _first_where_price_is_close(log):
    return "first" if (log["price"] / log["bid"]).mean() > 0.9 else "second"


def _never_soft(log):
    ratio = (log["price"] / log["bid"]).dropna()
    return "first" if ratio.std() < 0.05 else "second"


def _the_value(value, log):
    return value


def _a_share_of_the_value(share):
    return lambda value, log: share * value


def _pays_its_bid(value, log):
    """Shade by the win curve, as if the price were the own bid everywhere."""
    part = log.groupby(pd.qcut(log["bid"], 20), observed=True)[["bid", "won"]].mean()
    kept = (value - part["bid"]) * part["won"]
    return part["bid"][kept.idxmax()]


def _best_single_auction(value, log):
    return log["bid"][(value - log["price"]).idxmax()]


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


def _best_in_its_own_replay(best, second, cuts):
    earned = {}
    for name, segment in cuts.items():
        reserves = segment_reserves(best, second, segment, segment.max() + 1)
        earned[name] = replay(best, second, segment, reserves).sum()
    return max(earned, key=earned.get)


def _coarsest(best, second, cuts):
    return min((n for n in cuts if n != "none"), key=lambda name: cuts[name].max())


def _most_different_scores(best, second, cuts):
    means = {n: pd.Series(best).groupby(segment).mean() for n, segment in cuts.items()}
    return max(means, key=lambda name: np.ptp(means[name]))


def _scaled_reserve(factor: float) -> MakeReserve:
    def make(candidates: pd.DataFrame) -> RequestReserve:
        reserve = one_reserve(candidates)
        return lambda predicted: factor * reserve(predicted)

    return make


def _bid_reserve(quantile: float) -> MakeReserve:
    return lambda candidates: per_click(float(candidates["bid"].quantile(quantile)))


def _bid_share(share: float) -> MakeReserve:
    return lambda candidates: per_click(share * float(candidates["bid"].mean()))


def _one_reserve_by_rate(candidates: pd.DataFrame) -> RequestReserve:
    """Return the baseline's reserve, in proportion to the larger rate."""
    top = candidates["predicted_ctr"].to_numpy().reshape(-1, 2).max(axis=1)
    (reserve,) = one_reserve(candidates)(np.ones((1, 2)))
    return per_click(float(reserve / top.mean()))


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
    WrongAnswer("price_rule", "expects no fee", _first_where_price_is_the_bid),
    WrongAnswer("price_rule", "prices close to the bids", _first_where_price_is_close),
    WrongAnswer("price_rule", "knows two rules only", _never_soft),
    WrongAnswer("price_rule", "always first", lambda _: "first"),
    WrongAnswer("bid_for", "the value", _the_value),
    WrongAnswer("bid_for", "four fifths of the value", _a_share_of_the_value(0.8)),
    WrongAnswer("bid_for", "seven tenths of the value", _a_share_of_the_value(0.7)),
    WrongAnswer("bid_for", "half of the value", _a_share_of_the_value(0.5)),
    WrongAnswer("bid_for", "shades everywhere", _pays_its_bid),
    WrongAnswer("bid_for", "the best single auction", _best_single_auction),
    WrongAnswer("next_multiplier", "speeds up after overspending", _upside_down),
    WrongAnswer("next_multiplier", "half of the value all day", _half_of_the_value),
    WrongAnswer("next_multiplier", "steps of a tenth", _small_steps),
    WrongAnswer("next_multiplier", "bids above the value", _above_the_value),
    WrongAnswer("next_multiplier", "divides by nothing spent", _divides_by_nothing),
    WrongAnswer("cut_to_deploy", "best in its own replay", _best_in_its_own_replay),
    WrongAnswer("cut_to_deploy", "never cuts", lambda best, second, cuts: "none"),
    WrongAnswer("cut_to_deploy", "fewest segments", _coarsest),
    WrongAnswer("cut_to_deploy", "most different scores", _most_different_scores),
    WrongAnswer("make_reserve", "no reserve", _scaled_reserve(0.001)),
    WrongAnswer("make_reserve", "one reserve, lower", _scaled_reserve(0.75)),
    WrongAnswer("make_reserve", "one reserve, higher", _scaled_reserve(1.25)),
    WrongAnswer("make_reserve", "money per thousand", _scaled_reserve(1_000)),
    WrongAnswer("make_reserve", "asks for the highest bid", _bid_reserve(1.0)),
    WrongAnswer("make_reserve", "half a unit of money per click", lambda _: per_click(0.5)),
    WrongAnswer("make_reserve", "the price of the lab's own market", lambda _: per_click(0.35)),
    WrongAnswer("make_reserve", "a remembered quantile of the bids", _bid_reserve(0.4)),
    WrongAnswer("make_reserve", "a remembered share of the mean bid", _bid_share(0.7)),
    WrongAnswer("make_reserve", "the best single reserve, by rate", _one_reserve_by_rate),
    WrongAnswer("make_reserve", "four groups of rates", _reserve_by_group),
)

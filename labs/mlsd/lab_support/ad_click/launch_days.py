"""The bandit lab's launch days: new ads share a day's impressions, and a rule picks the next ad.

They are drawn, not deployed: a rule for new ads is judged by hundreds of launches, and in a market
of many ads the few new ones of a fortnight say little about it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd

from mlsd.metrics import Interval

ADS, IMPRESSIONS = 20, 1_500
STRENGTH = 30.0
# No single prior suits them all: of the six markets of a seed, three are clicked rarely.
_MEAN_RATES = (0.006, 0.01, 0.018, 0.12, 0.2, 0.35)
_LAUNCHES, _PAST_ADS = 200, 400
_STRENGTHS = 15.0, 40.0
_BID_SD = 0.4

Rule = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]
MakeRule = Callable[[pd.DataFrame], Rule]


def greedy_rule(past: pd.DataFrame) -> Rule:
    """Return the baseline: bid times the posterior mean, around the rate of all earlier ads.

    Examples
    --------
    >>> rule = greedy_rule(pd.DataFrame({"views": [80, 20], "clicks": [5, 0]}))
    >>> rule(np.array([[1.0, 0.0]]), np.array([[10.0, 0.0]]), np.array([[2.0, 1.0]]))
    array([[0.125, 0.05 ]])
    """
    rate = past["clicks"].sum() / past["views"].sum()

    def rule(clicks: np.ndarray, views: np.ndarray, bid: np.ndarray) -> np.ndarray:
        return bid * (STRENGTH * rate + clicks) / (STRENGTH + views)

    return rule


def launch_value(seed: int, make_rule: MakeRule) -> Interval:
    """Return what a rule earns on launch days of six markets.

    Parameters
    ----------
    seed : int
        Of the markets.
    make_rule : callable
        From a table of earlier ads with `views` and `clicks` to a rule. A rule gets the clicks and
        views that each ad has had today and its bid, all of shape (launches, ads), and returns
        scores of that shape; the ad with the highest is shown next.

    Returns
    -------
    Interval
        Mean of the markets with its 95 % interval over launches; 0 is a random choice, and 100
        belongs to somebody who knows every rate.

    Raises
    ------
    ValueError
        If scores have another shape, or are not numbers.

    Examples
    --------
    >>> 65 < launch_value(1, greedy_rule).estimate < 85
    True
    """
    shares, variances = [], []
    for past, rate, bid, rng in _markets(seed):
        value = rate * bid
        gained = _earned(make_rule(past), rate, bid, rng) - value.mean(axis=1)
        possible = value.max(axis=1) - value.mean(axis=1)
        share = gained.mean() / possible.mean()
        shares.append(share)
        variances.append((gained - share * possible).var() / possible.mean() ** 2 / len(gained))
    mean, half = 100 * np.mean(shares), 196 * np.sqrt(np.sum(variances)) / len(_MEAN_RATES)
    return Interval(float(mean), float(mean - half), float(mean + half))


def _markets(
    seed: int,
) -> Iterator[tuple[pd.DataFrame, np.ndarray, np.ndarray, np.random.Generator]]:
    """Yield earlier ads, and rates and bids of the new ones, shape (launches, ads)."""
    for market, typical in enumerate(_MEAN_RATES):
        rng = np.random.default_rng([51, seed, market])
        mean = typical * rng.uniform(0.8, 1.25)
        strength = max(np.exp(rng.uniform(*np.log(_STRENGTHS))), 0.5 / mean)
        prior = mean * strength, (1 - mean) * strength
        views = rng.integers(20, 400, _PAST_ADS)
        clicks = rng.binomial(views, rng.beta(*prior, _PAST_ADS))
        bid = rng.lognormal(0.0, _BID_SD, (_LAUNCHES, ADS))
        past = pd.DataFrame({"views": views, "clicks": clicks})
        yield past, rng.beta(*prior, bid.shape), bid, rng


def _earned(rule: Rule, rate: np.ndarray, bid: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return the expected value per impression of each launch, shape (launches,)."""
    clicks, views, earned = np.zeros(bid.shape), np.zeros(bid.shape), np.zeros(len(bid))
    each = np.arange(len(bid))
    for _ in range(IMPRESSIONS):
        score = np.asarray(rule(clicks.copy(), views.copy(), bid.copy()), dtype=float)
        if score.shape != bid.shape:
            raise ValueError(f"a rule returns scores of shape {bid.shape}, not {score.shape}")
        if np.isnan(score).any():
            raise ValueError("a rule returned NaN; an ad without views needs a score as well")
        shown = each, score.argmax(axis=1)
        clicks[shown] += rng.random(len(bid)) < rate[shown]
        views[shown] += 1
        earned += rate[shown] * bid[shown]
    return earned / IMPRESSIONS

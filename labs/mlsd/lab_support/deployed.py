"""What a policy earned: beside a baseline in one world, and over the markets of one seed."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from mlsd.metrics import Interval
from mlsd.worlds.base import Policy, World


def revenue_lift(
    world: World, baseline: Policy, policy: Policy, *, days: int, history_days: int
) -> float:
    """Return by which share a policy earns more than the baseline in the same world.

    Parameters
    ----------
    world : World
    baseline, policy : Policy
        Both are deployed, on the same draws.
    days, history_days : int
        Of the deployment, and of the history before it.

    Examples
    --------
    >>> from mlsd.policies.ad_click import ScorerPolicy
    >>> from mlsd.worlds import AdClickWorld
    >>> world = AdClickWorld(seed=3, size="small")
    >>> log = world.history(days=2).labelled_log().frame
    >>> from mlsd.models import GlobalRate
    >>> by_bid = ScorerPolicy(GlobalRate().fit(log, log["click"]))
    >>> revenue_lift(world, by_bid, by_bid, days=1, history_days=2)
    0.0
    """
    lifts = world.compare(baseline, policy, days=days, history_days=history_days).lifts
    return lifts["revenue"].relative.estimate


def percent_of_baseline(
    world: World, baseline: Policy, policy: Policy, *, days: int, history_days: int
) -> Interval:
    """Return what a policy earns in percent of the baseline in the same world, with its interval.

    Parameters are those of `revenue_lift`.

    Examples
    --------
    >>> from mlsd.models import GlobalRate
    >>> from mlsd.policies.ad_click import ScorerPolicy
    >>> from mlsd.worlds import AdClickWorld
    >>> world = AdClickWorld(seed=3, size="small")
    >>> log = world.history(days=2).labelled_log().frame
    >>> by_bid = ScorerPolicy(GlobalRate().fit(log, log["click"]))
    >>> print(percent_of_baseline(world, by_bid, by_bid, days=1, history_days=2))
    100.0000 [100.0000, 100.0000]
    """
    lifts = world.compare(baseline, policy, days=days, history_days=history_days).lifts
    share = lifts["revenue"].relative
    return Interval(*(100 * (1 + end) for end in (share.estimate, share.low, share.high)))


def market_seeds(seed: int, markets: int) -> tuple[int, ...]:
    """Return the seeds of the markets in which an answer is graded on `seed`.

    In a single market a bad answer may be lucky. No two seeds share a market.

    Examples
    --------
    >>> market_seeds(7, markets=3)
    (7000, 7001, 7002)
    """
    return tuple(range(1_000 * seed, 1_000 * seed + markets))


def mean_over_markets(seed: int, markets: int, measure: Callable[[int], float]) -> float:
    """Return the mean of ``measure(market)`` over the markets of a seed.

    Examples
    --------
    >>> mean_over_markets(7, 3, measure=lambda market: market % 10)
    1.0
    """
    return float(np.mean([measure(own) for own in market_seeds(seed, markets)]))

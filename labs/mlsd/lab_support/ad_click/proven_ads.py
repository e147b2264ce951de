"""The bandit lab's markets of short-lived ads, and the house rule that shows proven ones."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
from scipy import stats

from mlsd.lab_support.deployed import market_seeds, revenue_lift
from mlsd.metrics import Interval
from mlsd.policies.ad_click import BetaPosteriors, ExploringRatePolicy
from mlsd.worlds import AdClickConfig, AdClickWorld
from mlsd.worlds.ad_click import Actions
from mlsd.worlds.base import CandidateRequests, Policy

HISTORY_DAYS, DEPLOYED_DAYS, WORLDS = 5, 10, 5
PROVEN_VIEWS, STRENGTH = 200, 30.0
_MARKET = AdClickConfig(
    users=6_000,
    requests_per_day=2_500,
    slots=2,
    live_ads=300,
    campaigns=300,
    advertisers=60,
    churn=0.15,
    ad_quality_sd=0.8,
    budget_per_impression=1e6,
)
MakePolicy = Callable[[pd.DataFrame], Policy]


class ProvenAdsPolicy(ExploringRatePolicy):
    """Greedy with a house rule: ads with fewer than 200 views go behind all the others.

    Examples
    --------
    >>> ProvenAdsPolicy("greedy").rule
    'greedy'
    """

    def act(self, requests: CandidateRequests) -> Actions:
        """Return posterior means, and scores by which proven ads come first, shape (n, k)."""
        candidates = requests.candidates
        alpha, beta = self.posteriors.parameters(candidates["ad_id"], candidates["campaign_id"])
        mean = alpha / (alpha + beta)
        proven = alpha + beta - self.posteriors.strength >= PROVEN_VIEWS
        score = candidates["bid"] * np.where(proven, mean, 1e-3 * mean)
        return Actions(predicted_ctr=mean, rank_score=score)


def proven_ads_policy(log: pd.DataFrame) -> Policy:
    """Return the baseline: it learns, and shows new ads only where nothing proven is at hand.

    Parameters
    ----------
    log : DataFrame
        Impressions with `ad_id`, `campaign_id`, `position` and `click`.
    """
    return ProvenAdsPolicy("greedy", posteriors=BetaPosteriors(strength=STRENGTH).update(log))


def deployed_revenue(seed: int, make_policy: MakePolicy) -> Interval:
    """Return what a policy earns in five markets, in percent of what the house rule earns there.

    Parameters
    ----------
    seed : int
        Of the five markets together.
    make_policy : callable
        From the impressions of five days to a policy, which is deployed for ten.

    Returns
    -------
    Interval
        Mean of the five markets with its 95 % interval; the market is the unit.
    """
    # The same policy in the same worlds earns the same; no need to simulate it twice.
    if make_policy is proven_ads_policy:
        return Interval(100.0, 100.0, 100.0)
    shares = []
    for market in market_seeds(seed, WORLDS):
        world = AdClickWorld(seed=market, config=_MARKET)
        log = world.history(days=HISTORY_DAYS).labelled_log().frame
        policies = proven_ads_policy(log), make_policy(log)
        lift = revenue_lift(world, *policies, days=DEPLOYED_DAYS, history_days=HISTORY_DAYS)
        shares.append(100 * (1 + lift))
    half = float(stats.t.ppf(0.975, WORLDS - 1) * stats.sem(shares))
    mean = float(np.mean(shares))
    return Interval(mean, mean - half, mean + half)

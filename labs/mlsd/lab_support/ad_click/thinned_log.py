"""The calibration lab's worlds, whose logs keep few of the impressions without a click."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from mlsd.lab_support.deployed import market_seeds, revenue_lift
from mlsd.metrics import Interval
from mlsd.models import GlobalRate, HashedLogisticRegression
from mlsd.policies.ad_click import ScorerPolicy
from mlsd.worlds import AdClickConfig, AdClickWorld
from mlsd.worlds.base import Policy

HISTORY_DAYS, DEPLOYED_DAYS, MARKETS = 7, 3, 4
# Ads differ three times as much as in the chapters, so that what a model knows about each of them
# stands out from the noise of four markets.
CONFIG = AdClickConfig(ad_quality_sd=1.2)
# Share of the clickless impressions that each ad format's pipeline keeps; the pipeline that keeps
# more has four ads in ten.
KEPT_SHARES = (0.02, 0.4, 0.02, 0.4)
COLUMNS = ("ad_id", "campaign_id", "category", "format", "publisher_id", "user_id", "position")
MakePolicy = Callable[[pd.DataFrame], Policy]


def lab_world(seed: int) -> AdClickWorld:
    """Return a world of half the default size, for the model that is frozen.

    Examples
    --------
    >>> lab_world(3).config.users
    8000
    """
    return AdClickWorld(seed=seed, config=AdClickConfig(users=8_000, requests_per_day=12_000))


def thinned_log(seed: int, days: int = HISTORY_DAYS, size: str = "default") -> pd.DataFrame:
    """Return impressions of which every click is kept, and of the rest a share by ad format.

    Parameters
    ----------
    seed, days, size
        Of the world and its history.

    Returns
    -------
    DataFrame
        Impressions with their `click`, and `kept_share`: with which probability an impression of
        this row's pipeline stays in the log if it got no click.

    Examples
    --------
    >>> log = thinned_log(3, days=1, size="small")
    >>> sorted(log["kept_share"].unique().tolist())
    [0.02, 0.4]
    """
    frame = (
        AdClickWorld(seed=seed, size=size, config=CONFIG).history(days=days).labelled_log().frame
    )
    frame = frame.assign(kept_share=np.array(KEPT_SHARES)[frame["format"]])
    draw = np.random.default_rng(seed).random(len(frame))
    return frame[(frame["click"] == 1) | (draw < frame["kept_share"])].reset_index(drop=True)


def bid_alone_policy(log: pd.DataFrame) -> Policy:
    """Return the policy of one rate for all, which ranks by the bid and needs no log at all.

    Parameters
    ----------
    log : DataFrame
        As `thinned_log` gives it.
    """
    return ScorerPolicy(GlobalRate().fit(log, log["click"]))


def uncorrected_policy(log: pd.DataFrame) -> Policy:
    """Return the policy that takes the thinned log as it is.

    Parameters
    ----------
    log : DataFrame
        As `thinned_log` gives it.
    """
    return ScorerPolicy(HashedLogisticRegression(categorical=COLUMNS).fit(log, log["click"]))


def well_kept_policy(log: pd.DataFrame) -> Policy:
    """Return the policy that learns from the pipeline with the larger kept share alone.

    Within one pipeline all rows are thinned alike, so that no order is spoilt; but it knows
    nothing of the other pipeline's ads.

    Parameters
    ----------
    log : DataFrame
        As `thinned_log` gives it.
    """
    rows = log[log["kept_share"] == log["kept_share"].max()]
    return uncorrected_policy(rows.reset_index(drop=True))


def deployed_revenue(seed: int, make_policy: MakePolicy) -> Interval:
    """Return what a policy earns, in percent of what ranking by the bid alone earns.

    It is made from a week of thinned log and deployed for three days, in each of four markets. The
    ends are those of the worst and the best market.

    Examples
    --------
    >>> print(deployed_revenue(3, bid_alone_policy))
    100.0000 [100.0000, 100.0000]
    """
    options = {"days": DEPLOYED_DAYS, "history_days": HISTORY_DAYS}
    earned = []
    for market in market_seeds(seed, MARKETS):
        world, log = AdClickWorld(seed=market, config=CONFIG), thinned_log(market)
        policies = bid_alone_policy(log), make_policy(log.copy())
        earned.append(100 * (1 + revenue_lift(world, *policies, **options)))
    return Interval(float(np.mean(earned)), min(earned), max(earned))

"""The calibration lab's world, whose log keeps few of the impressions without a click."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from mlsd.lab_support.deployed import percent_of_baseline
from mlsd.metrics import Interval
from mlsd.models import HashedLogisticRegression
from mlsd.policies.ad_click import ScorerPolicy
from mlsd.worlds import AdClickConfig, AdClickWorld
from mlsd.worlds.base import Policy

HISTORY_DAYS, DEPLOYED_DAYS = 5, 3
# Share of the clickless impressions that each ad format's pipeline keeps.
KEPT_SHARES = (0.4, 0.4, 0.02, 0.02)
COLUMNS = ("ad_id", "campaign_id", "category", "format", "publisher_id", "user_id", "position")
MakePolicy = Callable[[pd.DataFrame], Policy]


def lab_world(seed: int, size: str = "default") -> AdClickWorld:
    """Return a world of half the default size, so that a deployment takes about a second.

    Examples
    --------
    >>> lab_world(3).config.users
    8000
    """
    config = AdClickConfig(users=8_000, requests_per_day=12_000)
    return AdClickWorld(seed=seed, size=size, config=config)


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
    frame = lab_world(seed, size).history(days=days).labelled_log().frame
    frame = frame.assign(kept_share=np.array(KEPT_SHARES)[frame["format"]])
    draw = np.random.default_rng(seed).random(len(frame))
    return frame[(frame["click"] == 1) | (draw < frame["kept_share"])].reset_index(drop=True)


def baseline_policy(log: pd.DataFrame) -> Policy:
    """Return the policy that takes the thinned log as it is.

    Parameters
    ----------
    log : DataFrame
        As `thinned_log` gives it.
    """
    return ScorerPolicy(HashedLogisticRegression(categorical=COLUMNS).fit(log, log["click"]))


def deployed_revenue(seed: int, make_policy: MakePolicy) -> Interval:
    """Return what a policy earns, in percent of what the baseline earns in the same world.

    The policy is made from five days of the world's log, thinned, and deployed for three days.

    Examples
    --------
    >>> deployed_revenue(3, baseline_policy).estimate
    100.0
    """
    world, log = lab_world(seed), thinned_log(seed)
    policies = baseline_policy(log), make_policy(log.copy())
    options = {"days": DEPLOYED_DAYS, "history_days": HISTORY_DAYS}
    return percent_of_baseline(world, *policies, **options)

"""What the baseline lab deploys: the chapter's policy, and what another one earns beside it."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
import pandas as pd

from mlsd.lab_support.deployed import percent_of_baseline
from mlsd.metrics import Interval, log_loss
from mlsd.models import SmoothedRate
from mlsd.policies.ad_click import ScorerPolicy
from mlsd.runtime.times import DAY
from mlsd.worlds import AdClickWorld
from mlsd.worlds.base import Policy

HISTORY_DAYS, DEPLOYED_DAYS = 7, 3
LOG_DAYS, FIRST_SCORED_DAY, STRENGTH = 14, 5, 100.0
MakePolicy = Callable[[pd.DataFrame], Policy]


def baseline_policy(log: pd.DataFrame, strength: float = STRENGTH) -> Policy:
    """Return the chapter's policy: click rate by ad, smoothed with 100 impressions.

    Parameters
    ----------
    log : DataFrame
        Impressions with their `click`.
    strength : float
        In impressions.
    """
    model = SmoothedRate(levels=(("ad_id",),), strength=strength)
    return ScorerPolicy(model.fit(log, log["click"]))


def deployed_revenue(seed: int, make_policy: MakePolicy) -> Interval:
    """Return what a policy earns, in percent of what the baseline earns in the same world.

    The policy is made from a week of the world's log and deployed for three days.

    Examples
    --------
    >>> deployed_revenue(3, baseline_policy).estimate
    100.0
    """
    world = AdClickWorld(seed=seed)
    log = world.history(days=HISTORY_DAYS).labelled_log().frame
    policies = baseline_policy(log), make_policy(log)
    options = {"days": DEPLOYED_DAYS, "history_days": HISTORY_DAYS}
    return percent_of_baseline(world, *policies, **options)


def daily_losses(seed: int, half_lives: Iterable[float]) -> pd.DataFrame:
    """Return the log loss of rates that forget, for each of the last nine days of a log.

    A day is predicted by each ad's smoothed rate as of the day's start, from impressions that lose
    half of their weight every half-life.

    Parameters
    ----------
    seed : int
        Of the world.
    half_lives : iterable of float
        In days; infinite for counts that never forget.

    Returns
    -------
    DataFrame
        One row per day, one column per half-life.

    Examples
    --------
    >>> losses = daily_losses(3, (1.0, np.inf))
    >>> losses.shape, bool((losses > 0).all(axis=None))
    ((9, 2), True)
    """
    log = AdClickWorld(seed=seed).history(days=LOG_DAYS).labelled_log().frame
    ts, clicked = log["ts"].to_numpy(), log["click"].to_numpy()
    ad = pd.factorize(log["ad_id"])[0]
    rows: dict[int, dict[float, float]] = {}
    for day in range(FIRST_SCORED_DAY, LOG_DAYS):
        start, end = np.searchsorted(ts, [day * DAY, (day + 1) * DAY])
        age = (day * DAY - ts[:start]) / DAY
        rows[day] = {}
        for half_life in half_lives:
            weight = 0.5 ** (age / half_life)
            views = np.bincount(ad[:start], weight, minlength=ad.max() + 1)
            clicks = np.bincount(ad[:start], weight * clicked[:start], minlength=ad.max() + 1)
            prior = STRENGTH * clicked[:start].mean()
            rate = (clicks + prior) / (views + STRENGTH)
            rows[day][half_life] = log_loss(clicked[start:end], rate[ad[start:end]])
    return pd.DataFrame(rows).T.rename_axis(index="day", columns="half-life, days")

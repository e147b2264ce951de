"""The counters lab's world, and what a policy with counters earns there beside ids alone."""

from __future__ import annotations

import math
from collections.abc import Callable
from statistics import fmean

import numpy as np

from mlsd.data.log import LabelledLog
from mlsd.lab_support.deployed import market_seeds, percent_of_baseline
from mlsd.metrics import Interval
from mlsd.models import HashedLogisticRegression
from mlsd.policies.ad_click import ScorerPolicy
from mlsd.worlds import AdClickConfig, AdClickWorld
from mlsd.worlds.base import Policy

# In one market a right policy's gain differs by 1.5 percent from seed to seed.
HISTORY_DAYS, DEPLOYED_DAYS, MARKETS = 6, 3, 2
MakePolicy = Callable[[LabelledLog], Policy]


def known_counts(
    clicks: np.ndarray, shown_at: np.ndarray, known_at: np.ndarray, now: float
) -> tuple[int, int]:
    """Return the views and the clicks of one key that a server holds just before `now`.

    Parameters
    ----------
    clicks, shown_at, known_at : ndarray, shape (n,)
        Whether each impression was clicked, when it was shown, and when its label became known. An
        impression counts with its label or not at all, so `shown_at` decides nothing.
    now : float
        A label that becomes known at this moment exactly comes too late.

    Examples
    --------
    >>> clicks, shown_at, known_at = np.array([[1, 0, 1], [1, 2, 6], [5, 7, 9]])
    >>> known_counts(clicks, shown_at, known_at, now=8), known_counts(clicks, shown_at, known_at, 9)
    ((2, 1), (2, 1))
    """
    known = known_at < now
    return int(known.sum()), int(clicks[known].sum())


def lab_world(seed: int) -> AdClickWorld:
    """Return the lab's world: a quarter of the default users, who come twice as often.

    Examples
    --------
    >>> lab_world(3).config.users
    4000
    """
    config = AdClickConfig(users=4_000, requests_per_day=12_000)
    return AdClickWorld(seed=seed, config=config)


def baseline_policy(log: LabelledLog) -> Policy:
    """Return the chapter's control: hashed logistic regression on ids, without counters.

    Parameters
    ----------
    log : LabelledLog
        Its training rows are learned from.
    """
    model = HashedLogisticRegression(categorical=log.roles.identifiers)
    train = log.frame.iloc[log.split.train]
    return ScorerPolicy(model.fit(train, train["click"]))


def deployed_revenue(seed: int, make_policy: MakePolicy) -> Interval:
    """Return what a policy earns in percent of the baseline, a mean over two markets.

    In each the policy is made from six days of the log, all of them training rows, and deployed for
    three days. The interval is that of the mean, users drawn anew.

    Examples
    --------
    >>> print(deployed_revenue(3, baseline_policy))
    100.0000 [100.0000, 100.0000]
    """
    if make_policy is baseline_policy:
        return Interval(100.0, 100.0, 100.0)
    earned = [_earned(market, make_policy) for market in market_seeds(seed, MARKETS)]
    mean = fmean(one.estimate for one in earned)
    below, above = (
        math.hypot(*(one.estimate - end for one, end in zip(earned, ends))) / len(earned)
        for ends in ([one.low for one in earned], [one.high for one in earned])
    )
    return Interval(mean, mean - below, mean + above)


def _earned(seed: int, make_policy: MakePolicy) -> Interval:
    world = lab_world(seed)
    log = world.history(days=HISTORY_DAYS).labelled_log(split=(1.0, 0.0, 0.0))
    policies = baseline_policy(log), make_policy(log)
    return percent_of_baseline(world, *policies, days=DEPLOYED_DAYS, history_days=HISTORY_DAYS)

"""What the baseline lab deploys: the chapter's policy, and what another one earns beside it."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd

from mlsd.lab_support.deployed import revenue_lift
from mlsd.models import SmoothedRate
from mlsd.policies.ad_click import ScorerPolicy
from mlsd.worlds import AdClickWorld
from mlsd.worlds.base import Policy

HISTORY_DAYS, DEPLOYED_DAYS = 7, 3
MakePolicy = Callable[[pd.DataFrame], Policy]


def baseline_policy(log: pd.DataFrame) -> Policy:
    """Return the chapter's policy: click rate by ad, smoothed with 100 impressions.

    Parameters
    ----------
    log : DataFrame
        Impressions with their `click`.
    """
    model = SmoothedRate(levels=(("ad_id",),), strength=100.0)
    return ScorerPolicy(model.fit(log, log["click"]))


def deployed_revenue(seed: int, make_policy: MakePolicy) -> float:
    """Return what a policy earns, in percent of what the baseline earns in the same world.

    The policy is made from a week of the world's log and deployed for three days.

    Examples
    --------
    >>> deployed_revenue(3, baseline_policy)
    100.0
    """
    world = AdClickWorld(seed=seed)
    log = world.history(days=HISTORY_DAYS).labelled_log().frame
    policies = baseline_policy(log), make_policy(log)
    return 100 * (1 + revenue_lift(world, *policies, days=DEPLOYED_DAYS, history_days=HISTORY_DAYS))

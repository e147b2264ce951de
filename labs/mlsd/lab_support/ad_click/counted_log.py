"""The counters lab's world, and what a policy with counters earns there beside ids alone."""

from __future__ import annotations

from collections.abc import Callable

from mlsd.data.log import LabelledLog
from mlsd.lab_support.deployed import revenue_lift
from mlsd.models import HashedLogisticRegression
from mlsd.policies.ad_click import ScorerPolicy
from mlsd.worlds import AdClickConfig, AdClickWorld
from mlsd.worlds.base import Policy

HISTORY_DAYS, DEPLOYED_DAYS = 6, 3
MakePolicy = Callable[[LabelledLog], Policy]


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


def deployed_revenue(seed: int, make_policy: MakePolicy) -> float:
    """Return what a policy earns, in percent of what the baseline earns in the same world.

    The policy is made from six days of the world's log, all of them training rows, and deployed for
    three days.

    Examples
    --------
    >>> deployed_revenue(3, baseline_policy)
    100.0
    """
    world = lab_world(seed)
    log = world.history(days=HISTORY_DAYS).labelled_log(split=(1.0, 0.0, 0.0))
    policies = baseline_policy(log), make_policy(log)
    return 100 * (1 + revenue_lift(world, *policies, days=DEPLOYED_DAYS, history_days=HISTORY_DAYS))

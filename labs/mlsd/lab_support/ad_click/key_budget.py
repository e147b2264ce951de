"""The leaves lab's markets: a baseline of trees, and policies on a budget of keys."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache

import pandas as pd

from mlsd.data.log import LabelledLog
from mlsd.features import CounterFeatures
from mlsd.lab_support.deployed import market_seeds
from mlsd.metrics import Interval
from mlsd.models import LightGBMScorer
from mlsd.models.base import Scorer
from mlsd.policies.ad_click import ScorerPolicy
from mlsd.worlds import AdClickWorld

HISTORY_DAYS, DEPLOYED_DAYS, WORLDS = 7, 3, 3
# Below what the chapter's four counters need (about 21,700 keys), above the users' alone (15,200).
KEY_BUDGET = 18_000
CONTEXT = ("category", "format", "device", "hour", "position", "age_band", "region")
MakePolicy = Callable[[LabelledLog], ScorerPolicy]


def log_keys(log: LabelledLog, entities: Iterable[tuple[str, ...]]) -> int:
    """Return how many distinct keys some entities have on a log.

    Examples
    --------
    >>> log = AdClickWorld(seed=1, size="small").history(days=1).labelled_log()
    >>> log_keys(log, [("device",), ("region",)])
    8
    """
    return sum(log.frame.groupby(list(entity), sort=False).ngroups for entity in entities)


def context_policy(log: LabelledLog) -> ScorerPolicy:
    """Return the baseline: trees on what comes with the request and the ad, no key looked up."""
    model = LightGBMScorer(categorical=CONTEXT, num_leaves=15, n_estimators=40)
    return fitted_policy(log, model)


@lru_cache(maxsize=WORLDS)
def _market(seed: int) -> tuple[AdClickWorld, LabelledLog]:
    world = AdClickWorld(seed=seed)
    return world, world.history(days=HISTORY_DAYS).labelled_log()


@lru_cache(maxsize=4 * WORLDS)
def _earned(seed: int, make_policy: MakePolicy) -> float:
    world, log = _market(seed)
    made = make_policy(log)
    if _keys_of(made, log) > KEY_BUDGET:
        return 0.0
    report = world.deploy(made, days=DEPLOYED_DAYS, history_days=HISTORY_DAYS)
    return report.measures["revenue"].estimate


def deployed_revenue(seed: int, make_policy: MakePolicy) -> Interval:
    """Return three days' revenue in percent of the baseline's: mean, lowest, highest market.

    In each of three markets the policy is made from a week of the log. Where its counters and its
    crosses need more keys than the budget allows, it is not deployed and earns nothing.
    """
    percent = [
        100 * _earned(market, make_policy) / _earned(market, context_policy)
        for market in market_seeds(seed, WORLDS)
    ]
    return Interval(sum(percent) / len(percent), min(percent), max(percent))


def fitted_policy(
    log: LabelledLog, model: Scorer, counters: CounterFeatures | None = None
) -> ScorerPolicy:
    """Return the policy of a model that is fitted to a log's training rows.

    Parameters
    ----------
    log : LabelledLog
    model : Scorer
        Not fitted yet.
    counters : CounterFeatures or None
        Joined to the rows, and looked up by the policy.
    """
    table, rows = log.frame, log.split.train
    if counters is not None:
        table = pd.concat([table, counters.compute(log)], axis=1)
    model.fit(table.iloc[rows], log.label[rows])
    return ScorerPolicy(model, counters=None if counters is None else counters.serving(log))


def _keys_of(policy: ScorerPolicy, log: LabelledLog) -> int:
    """Return the keys of all that a policy holds a number for: counters, crosses and levels."""
    entities: tuple[tuple[str, ...], ...] = ()
    counters, scorer = getattr(policy, "counters", None), getattr(policy, "scorer", None)
    if counters is not None:
        entities += counters.features.entities + counters.features.views
    # A hashed cross is a weight for each combination, and a level of a smoothed rate a rate.
    entities += tuple(getattr(scorer, "crosses", ())) + tuple(getattr(scorer, "levels", ()))
    return log_keys(log, dict.fromkeys(entities))

"""Deploy fitted rungs into their world, and test one against another."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from mlsd.experiments.ladder import (
    FittedRung,
    PreparedLog,
    prepare_log,
    select_rungs,
    tune_rung,
)
from mlsd.experiments.sources import WorldSource
from mlsd.policies import ScorerPolicy
from mlsd.runtime import InputError
from mlsd.worlds.base import Comparison, Report


def policy_of(fitted: FittedRung, prepared: PreparedLog) -> ScorerPolicy:
    """Return the policy that serves a fitted rung, its counters warm with the whole history."""
    if not fitted.rung.uses_counters:
        return ScorerPolicy(fitted.scorer)
    return ScorerPolicy(
        fitted.scorer, counters=prepared.counters.serving(prepared.replicate.log)
    )


def online_value(report: Report) -> dict[str, float]:
    """Return what the ledger keeps of a deployment."""
    return {name: estimate.estimate for name, estimate in report.measures.items()}


def deployer(days: int) -> Callable[[FittedRung, PreparedLog], dict[str, float]]:
    """Return a function that deploys a fitted rung for `days` after the end of its history."""

    def deploy(fitted: FittedRung, prepared: PreparedLog) -> dict[str, float]:
        policy = policy_of(fitted, prepared)
        return online_value(prepared.replicate.world.deploy(policy, days=days))

    return deploy

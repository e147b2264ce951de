"""The ladder of ad click prediction: its worlds, its rungs, and how a rung is deployed."""

from __future__ import annotations

from mlsd.cases.ad_click.rungs import AD_CLICK_RUNGS
from mlsd.cases.worlds import CaseWorlds
from mlsd.experiments.ladder import Ladder
from mlsd.experiments.prepared import PreparedLog
from mlsd.experiments.protocols import ScoringProtocol
from mlsd.experiments.runs import FittedRung
from mlsd.experiments.sources import Replicate
from mlsd.policies.ad_click import ScorerPolicy
from mlsd.worlds.ad_click import AdClickConfig, AdClickWorld


def _replicate(world: AdClickWorld, history_days: int) -> Replicate:
    logs = world.history(days=history_days)
    return Replicate(
        world.seed,
        logs.labelled_log(),
        truth=world.reveal(logs)["knowable_probability"].to_numpy(),
        world=world,
        tables={"conversions": logs.conversions},
        history_days=history_days,
    )


def policy_of(fitted: FittedRung, prepared: PreparedLog) -> ScorerPolicy:
    """Return the policy that serves a fitted rung, its features warm with the whole history."""
    rung, log = fitted.rung, prepared.replicate.log
    counters = prepared.counters.serving(log) if rung.uses_counters else None
    histories = prepared.histories.serving(log) if rung.uses_histories else None
    return ScorerPolicy(fitted.model, counters=counters, histories=histories)


WORLDS = CaseWorlds("ad_click_world", AdClickWorld, AdClickConfig, _replicate)
LADDER = Ladder(AD_CLICK_RUNGS, ScoringProtocol(), policy_of, AdClickWorld.designs)

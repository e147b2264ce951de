"""The ladder of ad click prediction: its worlds, its rungs, and how a rung is deployed."""

from __future__ import annotations

from functools import partial

from mlsd.cases.ad_click.rungs import AD_CLICK_RUNGS
from mlsd.experiments.ladder import Ladder
from mlsd.experiments.prepared import PreparedLog
from mlsd.experiments.protocols import ScoringProtocol
from mlsd.experiments.runs import FittedRung
from mlsd.experiments.sources import Replicate, WorldSource, source_name
from mlsd.policies.ad_click import ScorerPolicy
from mlsd.worlds.ad_click import AdClickConfig, AdClickWorld

HISTORY_DAYS = 14


def make_world(seed: int, *, size: str = "default", variant: str | None = None) -> AdClickWorld:
    """Return the world of a seed, at a size and in a variant.

    Raises
    ------
    InputError
        For an unknown size or variant.
    """
    config = AdClickConfig.variant(variant) if variant else None
    return AdClickWorld(seed=seed, size=size, config=config)


def world_source(
    *, size: str = "default", variant: str | None = None, history_days: int = HISTORY_DAYS
) -> WorldSource:
    """Return worlds as a source of the ladder: a fresh one and its history for each seed."""
    make = partial(make_world, size=size, variant=variant)
    return WorldSource(
        source_name("ad_click_world", size=size, variant=variant),
        lambda seed: _replicate(make(seed), history_days),
    )


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


LADDER = Ladder(AD_CLICK_RUNGS, ScoringProtocol(), policy_of, AdClickWorld.designs)

"""The case of ad click prediction."""

from __future__ import annotations

from functools import partial

from mlsd.cases.ad_click.rungs import AD_CLICK_RUNGS
from mlsd.cases.base import Case, OnlineMeasure
from mlsd.experiments.display import LadderFigure, TableColumn
from mlsd.experiments.ladder import Ladder
from mlsd.experiments.prepared import PreparedLog
from mlsd.experiments.protocols import ScoringProtocol
from mlsd.experiments.runs import FittedRung
from mlsd.experiments.sources import Replicate, WorldSource, source_name
from mlsd.policies.ad_click import ScorerPolicy
from mlsd.runtime import case_name
from mlsd.worlds.ad_click import AdClickConfig, AdClickWorld
from mlsd.worlds.ad_click.card import render_card
from mlsd.worlds.ad_click.config import SIZES, VARIANTS

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
        truth=world.reveal(logs)["click_probability"].to_numpy(),
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


CASE = Case(
    name=case_name("ad_click"),
    title="ad click prediction",
    world=make_world,
    source=world_source,
    sizes=tuple(SIZES),
    variants=tuple(VARIANTS),
    ladder=Ladder(AD_CLICK_RUNGS, ScoringProtocol(), policy_of, AdClickWorld.designs),
    headline=OnlineMeasure("revenue", "per thousand requests"),
    printed=(
        TableColumn("log loss", "log_loss", ".5f"),
        TableColumn(
            "normalized entropy [95 %]", "normalized_entropy", show="interval", essential=True
        ),
        TableColumn(
            "vs previous [95 %]",
            "normalized_entropy_vs_previous",
            show="difference",
            essential=True,
        ),
        TableColumn("AUC", "auc"),
        TableColumn("calibration", "calibration_ratio", ".3f"),
        TableColumn("fit CPU s", "fit_cpu_seconds", ".1f"),
        TableColumn("one p50 ms", "predict_one_p50_ms", ".2f"),
        TableColumn("revenue / 1000", "online_revenue", ".2f", essential=True),
    ),
    listed=(
        TableColumn("normalized entropy [95 %]", "normalized_entropy", show="interval"),
        TableColumn("vs best [95 %]", "normalized_entropy_vs_best", show="distance"),
        TableColumn("AUC", "auc"),
        TableColumn("AUC within users", "grouped_auc"),
        TableColumn("revenue", "online_revenue", ".2f"),
        TableColumn("fit, CPU s", "fit_cpu_seconds", ".1f"),
    ),
    figure=LadderFigure(
        "normalized_entropy",
        "normalized entropy on the test part (lower is better; bar: 95 % interval)",
        {
            "none": "no features",
            "ids": "ids only",
            "counters": "ids and as-of counters",
            "histories": "ids, counters and click histories",
            "truth": "the world's own probability",
        },
    ),
    rows_are="impressions",
    card=render_card,
)

"""The case of ad click prediction."""

from __future__ import annotations

from mlsd.cases.ad_click.ladder import LADDER, WORLDS
from mlsd.cases.ad_click.service import SERVICE
from mlsd.cases.base import Case, OnlineMeasure
from mlsd.experiments.display import Highlights, LadderFigure, TableColumn
from mlsd.runtime import case_name
from mlsd.worlds.ad_click.card import render_card
from mlsd.worlds.ad_click.config import SIZES, VARIANTS

CASE = Case(
    name=case_name("ad_click"),
    title="ad click prediction",
    world=WORLDS.make,
    source=WORLDS.source,
    sizes=tuple(SIZES),
    variants=tuple(VARIANTS),
    ladder=LADDER,
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
        TableColumn(
            "revenue, % against the logging policy [95 %]",
            "online_revenue_change",
            ".1f",
            show="difference",
        ),
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
            "truth": "all that could be known",
        },
    ),
    rows_are="impressions",
    card=render_card,
    service=SERVICE,
    highlights=Highlights(
        {
            "smoothed_ad": "rule: click rate of each ad",
            "hashed_lr": "linear model",
            "lightgbm": "boosted trees",
            "dcn_v2": "deep model",
            "hashed_lr_counters": "linear model + counters",
            "dcn_v2_counters": "deep model + counters",
        },
        "Models that are close offline earn different amounts; better features earn most",
    ),
)

"""The case of video recommendation."""

from __future__ import annotations

from mlsd.cases.base import Case, OnlineMeasure
from mlsd.cases.video.ladder import LADDER, LIST_LENGTH
from mlsd.cases.video.service import SERVICE
from mlsd.cases.video.worlds import WORLDS
from mlsd.experiments.display import Highlights, LadderFigure, TableColumn, at_rank
from mlsd.runtime import case_name
from mlsd.worlds.video.card import render_card
from mlsd.worlds.video.config import SIZES, VARIANTS

PRINTED = (
    TableColumn("Recall@k [95 %]", "recall@k", show="interval", essential=True),
    TableColumn("NDCG@k [95 %]", "ndcg@k", show="interval", essential=True),
    TableColumn("vs best [95 %]", "ndcg@k_vs_best", show="distance", essential=True),
    TableColumn("validation NDCG@k", "validation_ndcg@k"),
    TableColumn("coverage", "coverage@k", ".3f"),
    TableColumn("novelty, bits", "novelty@k", ".2f"),
    TableColumn("cold users", "ndcg@k_cold_users"),
    TableColumn("new users", "ndcg@k_new_users"),
    TableColumn("new items", "recall@k_new_items"),
    TableColumn("watch hours / 1000", "online_watch_hours", ".1f", essential=True),
    TableColumn("fit CPU s", "fit_cpu_seconds", ".1f"),
    TableColumn("one p50 ms", "predict_one_p50_ms", ".2f"),
)
LISTED = (
    TableColumn("NDCG@k [95 %]", "ndcg@k", show="interval"),
    TableColumn("vs best [95 %]", "ndcg@k_vs_best", show="distance"),
    TableColumn("Recall@k", "recall@k"),
    TableColumn("coverage", "coverage@k", ".3f"),
    TableColumn("novelty, bits", "novelty@k", ".2f"),
    TableColumn(
        "watch hours, % against the logging policy [95 %]",
        "online_watch_hours_change",
        ".1f",
        show="difference",
    ),
    TableColumn("fit, CPU s", "fit_cpu_seconds", ".1f"),
)

CASE = Case(
    name=case_name("video"),
    title="video recommendation",
    ladder=LADDER,
    printed=PRINTED,
    listed=at_rank(LISTED, [f"ndcg@{LIST_LENGTH}"]),
    figure=LadderFigure(
        f"ndcg@{LIST_LENGTH}",
        f"NDCG@{LIST_LENGTH} on the test part (higher is better; bar: 95 % interval)",
        {
            "none": "the same for everyone",
            "ids": "who chose what",
            "histories": "in which order",
            "truth": "all that could be known",
        },
    ),
    rows_are="interactions",
    world=WORLDS.make,
    source=WORLDS.source,
    sizes=tuple(SIZES),
    variants=tuple(VARIANTS),
    headline=OnlineMeasure("watch_hours", "per thousand sessions"),
    card=render_card,
    service=SERVICE,
    highlights=Highlights(
        {
            "popularity": "popular of all time",
            "decayed_popularity": "popular today",
            "ease": "item-to-item weights",
            "ials": "matrix factors",
            "content_two_tower": "two towers with content",
            "sasrec": "sequence model",
        },
        "The best NDCG does not win the most watch hours",
        higher_is_better=True,
    ),
    about_oracle=(
        "The oracle knows every viewer's taste and shows how many watch hours there are to be won. "
        "Offline this does not show, because only what the logging policy showed could be watched."
    ),
)

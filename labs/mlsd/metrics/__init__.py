"""Metrics as pure functions on arrays, each with its interval."""

from mlsd.metrics.calibration import (
    calibration_ratio,
    expected_calibration_error,
    reliability_table,
)
from mlsd.metrics.classification import (
    auc,
    average_precision,
    best_f1_threshold,
    f1_score,
    log_loss,
    normalized_entropy,
)
from mlsd.metrics.discovery import catalogue_coverage, gini, novelty_by_user
from mlsd.metrics.draws import bootstrap_draws, mean_draws, present_mean
from mlsd.metrics.grouped import (
    auc_of_group,
    grouped_auc,
    ndcg_of_group,
    rows_in_mixed_groups,
)
from mlsd.metrics.intervals import (
    Interval,
    bootstrap_interval,
    mean_interval,
    paired_interval,
)
from mlsd.metrics.orders import rank_correlation
from mlsd.metrics.ranking import (
    average_precision_at_k,
    ndcg_at_k,
    ranking_by_user,
    recall_at_k,
)

__all__ = [
    "Interval",
    "auc",
    "auc_of_group",
    "average_precision",
    "average_precision_at_k",
    "best_f1_threshold",
    "bootstrap_draws",
    "bootstrap_interval",
    "calibration_ratio",
    "catalogue_coverage",
    "expected_calibration_error",
    "f1_score",
    "gini",
    "grouped_auc",
    "log_loss",
    "mean_draws",
    "mean_interval",
    "ndcg_at_k",
    "ndcg_of_group",
    "normalized_entropy",
    "novelty_by_user",
    "paired_interval",
    "present_mean",
    "rank_correlation",
    "ranking_by_user",
    "recall_at_k",
    "reliability_table",
    "rows_in_mixed_groups",
]

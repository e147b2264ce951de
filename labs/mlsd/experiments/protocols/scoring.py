"""Ladders of scorers: a probability for each row, judged by losses, order and calibration."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import numpy as np

from mlsd import metrics
from mlsd.experiments.costs import Stopwatch, cost_of_rows
from mlsd.experiments.prepared import PreparedLog, prepare_log, rung_inputs, select_columns
from mlsd.experiments.protocols.base import LadderProtocol, users_of_test
from mlsd.experiments.rungs import Rung, Settings
from mlsd.experiments.runs import FittedRung, ReplicateRuns, RungRun
from mlsd.experiments.sources import Replicate

METRICS: Mapping[str, Callable[..., float]] = {
    "log_loss": metrics.log_loss,
    "normalized_entropy": metrics.normalized_entropy,
    "auc": metrics.auc,
    "grouped_auc": metrics.grouped_auc,
    "f1": metrics.f1_score,
    "calibration_ratio": metrics.calibration_ratio,
    "expected_calibration_error": metrics.expected_calibration_error,
}


class ScoringProtocol(LadderProtocol):
    """Scorers on a labelled log, tuned by log loss.

    `grouped_auc` is by user, and absent where no user has both outcomes; `f1` is at the threshold
    that was best on the validation part (column ``f1_threshold``). Intervals are clustered by user
    where the log has users. A run predicts ``probability``, shape (test rows,).

    Examples
    --------
    >>> ScoringProtocol().validation_column
    'validation_log_loss'
    """

    tune_by = "log_loss"
    lower_is_better = True
    differences = ("log_loss", "normalized_entropy", "auc")

    def prepare(self, replicate: Replicate) -> PreparedLog:
        """Return the replicate's log; counters and histories are made when a rung reads them."""
        return prepare_log(replicate)

    def fit(self, rung: Rung, prepared: PreparedLog, settings: Settings) -> FittedRung:
        """Fit a scorer; its log loss and best F1 threshold are those of the validation part."""
        scorer = rung.build(rung_inputs(rung, prepared), settings)
        train, validation = (select_columns(rung, prepared, p) for p in ("train", "validation"))
        outcomes = [prepared.outcomes(rung, part) for part in ("train", "validation")]
        watch = Stopwatch()
        with watch:
            scorer.fit(train, outcomes[0], valid=(validation, outcomes[1]))
        probability = scorer.predict_proba(validation)[:, 1]
        measured = _on_validation(prepared.label("validation"), probability)
        return FittedRung(rung, settings, scorer, measured, watch)

    def predict(self, fitted: FittedRung, prepared: PreparedLog) -> RungRun:
        """Predict the probability of each test row."""
        test = select_columns(fitted.rung, prepared, "test")
        train_rows = len(prepared.replicate.log.split.train)
        costs = cost_of_rows(fitted, fitted.model.predict_proba, test, train_rows)
        probability = fitted.model.predict_proba(test)[:, 1].astype(np.float64)
        return RungRun(
            {"probability": probability}, fitted.validation, dict(fitted.settings), costs.as_row()
        )

    def oracle(self, prepared: PreparedLog) -> RungRun:
        """Return the true probability of each test row."""
        truth, parts = prepared.replicate.truth, prepared.replicate.log.parts()
        measured = _on_validation(prepared.label("validation"), truth[parts["validation"]])
        return RungRun(
            {"probability": truth[parts["test"]]},
            measured | {self.validation_column: float("nan")},
        )

    def judged(self, prepared: PreparedLog, runs: dict[str, RungRun]) -> ReplicateRuns:
        """Put the runs beside the labels and users of the test rows."""
        replicate = prepared.replicate
        users = users_of_test(replicate.log)
        return ReplicateRuns(replicate.seed, prepared.label("test"), users, runs)

    def metrics(self, replicates: Sequence[ReplicateRuns]) -> tuple[str, ...]:
        """Return the metrics that the test rows allow: some need users, or a threshold."""
        left_out = set()
        for replicate in replicates:
            users = replicate.clusters
            if users is None or not metrics.rows_in_mixed_groups(replicate.outcome, users).any():
                left_out.add("grouped_auc")
            thresholds = [run.validation["f1_threshold"] for run in replicate.runs.values()]
            if not np.isfinite(thresholds).all():
                left_out.add("f1")
        return tuple(name for name in METRICS if name not in left_out)

    def draws(
        self, replicate: ReplicateRuns, rung: str, metric: str, **resampling: int
    ) -> tuple[float, np.ndarray]:
        """Return a metric and its draws, users resampled with all their rows."""
        run, label, clusters = replicate.runs[rung], replicate.outcome, replicate.clusters
        probability = run.predictions["probability"]
        if metric == "grouped_auc":
            by_row = metrics.auc_of_group(label, probability, clusters)
            draws = metrics.mean_draws(by_row, clusters=clusters, **resampling)
            return float(np.nanmean(by_row)), draws
        function = METRICS[metric]
        if metric == "f1":
            function = partial(function, threshold=run.validation["f1_threshold"])
        draws = metrics.bootstrap_draws(
            function, label, probability, clusters=clusters, **resampling
        )
        return function(label, probability), draws


def _on_validation(label: np.ndarray, probability: np.ndarray) -> dict[str, float]:
    threshold = metrics.best_f1_threshold(label, probability) if label.any() else float("nan")
    loss = metrics.log_loss(label, probability)
    return {"f1_threshold": threshold, "validation_log_loss": loss}

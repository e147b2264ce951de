"""Ladders of scorers: a probability for each row, judged by losses, order and calibration."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import numpy as np

from mlsd import metrics
from mlsd.experiments.costs import Stopwatch, cost_of_rows
from mlsd.experiments.prepared import PreparedLog, prepare_log, rung_inputs, select_columns
from mlsd.experiments.protocols.base import LadderProtocol, users_of_test, weights_of
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
    where the log has users. Where rows have weights, rungs learn with them, scaled to a mean of 1
    so that a penalty keeps its force; every metric and interval counts each row for those that it
    stands for. A run predicts ``probability``, shape (test rows,).

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
        held, options = (validation, outcomes[1]), {}
        if (weights := weights_of(prepared.replicate.log, "train")) is not None:
            # A factor that all rows share is not evidence, and must not outvote a penalty.
            options = {"sample_weight": weights / weights.mean()}
            held = (*held, weights_of(prepared.replicate.log, "validation"))
        watch = Stopwatch()
        with watch:
            scorer.fit(train, outcomes[0], valid=held, **options)
        measured = _on_validation(prepared, scorer.predict_proba(validation)[:, 1])
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
        measured = _on_validation(prepared, truth[parts["validation"]])
        return RungRun(
            {"probability": truth[parts["test"]]},
            measured | {self.validation_column: float("nan")},
        )

    def judged(self, prepared: PreparedLog, runs: dict[str, RungRun]) -> ReplicateRuns:
        """Put the runs beside the labels, users and weights of the test rows."""
        replicate = prepared.replicate
        users, weights = users_of_test(replicate.log), weights_of(replicate.log, "test")
        return ReplicateRuns(replicate.seed, prepared.label("test"), users, runs, weights)

    def holds(self, replicates: Sequence[ReplicateRuns]) -> str:
        """Return how many test rows have label 1, of the test part with the fewest."""
        clicks, rows = min((int(each.outcome.sum()), len(each.outcome)) for each in replicates)
        return f"{clicks:,} of {rows:,} test rows {'has' if clicks == 1 else 'have'} label 1"

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
        probability, weights = run.predictions["probability"], replicate.weights
        resampling |= {"clusters": clusters, "sample_weight": weights}
        if metric == "grouped_auc":
            by_row = metrics.auc_of_group(label, probability, clusters, sample_weight=weights)
            draws = metrics.mean_draws(by_row, **resampling)
            return metrics.present_mean(by_row, weights), draws
        function = METRICS[metric]
        if metric == "f1":
            function = partial(function, threshold=run.validation["f1_threshold"])
        draws = metrics.bootstrap_draws(function, label, probability, **resampling)
        return function(label, probability, sample_weight=weights), draws


def _on_validation(prepared: PreparedLog, probability: np.ndarray) -> dict[str, float]:
    rows = prepared.label("validation"), probability
    options = {"sample_weight": weights_of(prepared.replicate.log, "validation")}
    threshold = metrics.best_f1_threshold(*rows, **options) if rows[0].any() else float("nan")
    loss = metrics.log_loss(*rows, **options)
    return {"f1_threshold": threshold, "validation_log_loss": loss}

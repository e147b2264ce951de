"""From the runs of a ladder to metrics with intervals and paired differences."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from mlsd import metrics
from mlsd.experiments.ladder import LadderRuns, ReplicateRuns
from mlsd.experiments.rungs import Rung, Settings

METRICS: Mapping[str, Callable[..., float]] = {
    "log_loss": metrics.log_loss,
    "normalized_entropy": metrics.normalized_entropy,
    "auc": metrics.auc,
    "grouped_auc": metrics.grouped_auc,
    "f1": metrics.f1_score,
    "calibration_ratio": metrics.calibration_ratio,
    "expected_calibration_error": metrics.expected_calibration_error,
}
DIFFERENCES = ("log_loss", "normalized_entropy", "auc")
REPETITIONS = 200
Triple = tuple[float, float, float]


@dataclass(frozen=True)
class RungSummary:
    """One row of the ledger.

    Attributes
    ----------
    rung : Rung
    settings : dict
        Chosen on the validation part.
    settings_tried : int
        Among how many.
    metrics : dict of str to float
        Mean over the replicates. `grouped_auc` is by user, and absent where no user has both a
        click and none; `f1` is at the threshold that was best on the validation part.
    intervals : dict of str to (low, high)
        95 % bootstrap, clustered by user where the log has users.
    vs_previous, vs_ids, vs_best : dict of str to (difference, low, high)
        Paired differences to the rung before, (with counters) to the same model on ids, and to the
        rung with the lowest log loss, the oracle apart.
    f1_threshold, validation_log_loss : float
        Mean over the replicates.
    costs : dict of str to float
        Median over the replicates.
    online : dict of str to float
        Mean over the replicates of the true value in the world.
    """

    rung: Rung
    settings: Settings
    metrics: dict[str, float]
    intervals: dict[str, tuple[float, float]]
    vs_previous: dict[str, Triple] = field(default_factory=dict)
    vs_ids: dict[str, Triple] = field(default_factory=dict)
    vs_best: dict[str, Triple] = field(default_factory=dict)
    f1_threshold: float = float("nan")
    validation_log_loss: float = float("nan")
    settings_tried: int = 0
    costs: dict[str, float] = field(default_factory=dict)
    online: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class LadderSummary:
    """A ladder as it is printed and written."""

    source: str
    seeds: tuple[int, ...]
    rows: dict[str, int]
    split: str
    rungs: list[RungSummary]
    skipped: dict[str, str]


def _metric_of(replicate: ReplicateRuns, name: str, metric: Callable) -> Callable:
    """Return the metric as a function of labels and predictions, with a rung's threshold in it."""
    if metric is not metrics.f1_score:
        return metric
    return partial(metric, threshold=replicate.runs[name].f1_threshold)


def _estimate_and_draws(
    replicate: ReplicateRuns, name: str, metric: Callable, seed: int
) -> tuple[float, np.ndarray]:
    probability = replicate.runs[name].probability
    resampling = {"clusters": replicate.clusters, "repetitions": REPETITIONS, "seed": seed}
    if metric is metrics.grouped_auc:
        by_row = metrics.auc_of_group(replicate.label, probability, replicate.clusters)
        return float(np.nanmean(by_row)), metrics.mean_draws(by_row, **resampling)
    metric = _metric_of(replicate, name, metric)
    draws = metrics.bootstrap_draws(metric, replicate.label, probability, **resampling)
    return metric(replicate.label, probability), draws


def metric_draws(ladder: LadderRuns, name: str, metric: Callable) -> tuple[float, np.ndarray]:
    """Return a rung's mean metric over the replicates and its bootstrap draws.

    Worlds are independent, so each is resampled on its own; replicates of one log share their test
    rows, so they share the resampled rows too and only the models' luck is averaged out.

    Returns
    -------
    estimate : float
    draws : ndarray, shape (REPETITIONS,)
        The draws of two rungs are paired: the same resampled users.
    """
    pairs = [
        _estimate_and_draws(replicate, name, metric, position if ladder.independent else 0)
        for position, replicate in enumerate(ladder.replicates)
    ]
    estimates, draws = zip(*pairs)
    return float(np.mean(estimates)), np.mean(draws, axis=0)


def _metrics_for(ladder: LadderRuns) -> dict[str, Callable]:
    """Return the metrics that the test rows allow: some need users, or a threshold."""
    left_out = set()
    for replicate in ladder.replicates:
        users = replicate.clusters
        if users is None or not metrics.rows_in_mixed_groups(replicate.label, users).any():
            left_out.add(metrics.grouped_auc)
        if not all(np.isfinite(run.f1_threshold) for run in replicate.runs.values()):
            left_out.add(metrics.f1_score)
    return {m: f for m, f in METRICS.items() if f not in left_out}


def _interval(draws: np.ndarray) -> tuple[float, float]:
    low, high = np.quantile(draws, [0.025, 0.975])
    return float(low), float(high)


def _difference(a: tuple[float, np.ndarray], b: tuple[float, np.ndarray]) -> Triple:
    return (a[0] - b[0], *_interval(a[1] - b[1]))


def _median_costs(ladder: LadderRuns, name: str) -> dict[str, float]:
    rows = [r.runs[name].costs for r in ladder.replicates if r.runs[name].costs]
    return {key: float(np.median([row[key] for row in rows])) for key in (rows[0] if rows else ())}


def _mean_online(ladder: LadderRuns, name: str) -> dict[str, float]:
    rows = [r.runs[name].online for r in ladder.replicates if r.runs[name].online]
    return {key: float(np.mean([row[key] for row in rows])) for key in (rows[0] if rows else ())}


def _differences(drawn: Mapping[str, tuple], base: Mapping[str, tuple] | None) -> dict[str, Triple]:
    if base is None:
        return {}
    return {name: _difference(drawn[name], base[name]) for name in DIFFERENCES}


def _best_rung(drawn: Mapping[str, Mapping[str, tuple]]) -> str | None:
    """Return the rung with the lowest log loss; the oracle is no rung that one can have."""
    losses = {name: mine["log_loss"][0] for name, mine in drawn.items() if name != "oracle"}
    return min(losses, key=losses.get) if losses else None


def summarise_ladder(ladder: LadderRuns) -> LadderSummary:
    """Take every metric of every rung, with intervals and paired differences."""
    rungs = [rung for rung in ladder.rungs if rung.name not in ladder.skipped]
    taken = _metrics_for(ladder)
    drawn = {
        rung.name: {m: metric_draws(ladder, rung.name, f) for m, f in taken.items()}
        for rung in rungs
    }
    best, names = drawn.get(_best_rung(drawn)), [rung.name for rung in rungs]
    summaries = [
        _summarise_rung(ladder, rung, drawn, drawn.get(previous), best)
        for rung, previous in zip(rungs, [None, *names])
    ]
    seeds = tuple(replicate.seed for replicate in ladder.replicates)
    return LadderSummary(
        ladder.source, seeds, ladder.rows, ladder.split, summaries, dict(ladder.skipped)
    )


def _summarise_rung(
    ladder: LadderRuns,
    rung: Rung,
    drawn: Mapping[str, dict[str, tuple]],
    previous: dict[str, tuple] | None,
    best: dict[str, tuple] | None,
) -> RungSummary:
    mine, name = drawn[rung.name], rung.name
    on_ids = name.removesuffix("_counters")
    runs = [replicate.runs[name] for replicate in ladder.replicates]
    return RungSummary(
        rung=rung,
        settings=ladder.settings.get(name, {}),
        settings_tried=ladder.settings_tried.get(name, 0),
        metrics={m: value for m, (value, _) in mine.items()},
        intervals={m: _interval(draws) for m, (_, draws) in mine.items()},
        vs_previous=_differences(mine, previous),
        vs_ids=_differences(mine, drawn.get(on_ids) if on_ids != name else None),
        vs_best=_differences(mine, best),
        f1_threshold=float(np.mean([run.f1_threshold for run in runs])),
        validation_log_loss=float(np.mean([run.validation_log_loss for run in runs])),
        costs=_median_costs(ladder, name),
        online=_mean_online(ladder, name),
    )

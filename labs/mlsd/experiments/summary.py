"""From the runs of a ladder to metrics with intervals and paired differences."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from mlsd import metrics
from mlsd.experiments.ladder import LadderRuns, ReplicateRuns
from mlsd.experiments.rungs import Rung, Settings

METRICS: Mapping[str, Callable[..., float]] = {
    "log_loss": metrics.log_loss,
    "normalized_entropy": metrics.normalized_entropy,
    "auc": metrics.auc,
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
    metrics : dict of str to float
        Mean over the replicates.
    intervals : dict of str to (low, high)
        95 % bootstrap, clustered by user where the log has users.
    vs_previous, vs_ids : dict of str to (difference, low, high)
        Paired differences to the rung before, and (with counters) to the same model on ids.
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


def _draws(replicate: ReplicateRuns, name: str, metric: Callable, seed: int) -> np.ndarray:
    return metrics.bootstrap_draws(
        metric,
        replicate.label,
        replicate.runs[name].probability,
        clusters=replicate.clusters,
        repetitions=REPETITIONS,
        seed=seed,
    )


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
    estimates, draws = [], []
    for position, replicate in enumerate(ladder.replicates):
        estimates.append(metric(replicate.label, replicate.runs[name].probability))
        draws.append(_draws(replicate, name, metric, position if ladder.independent else 0))
    return float(np.mean(estimates)), np.mean(draws, axis=0)


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


def summarise_ladder(ladder: LadderRuns) -> LadderSummary:
    """Take every metric of every rung, with intervals and paired differences."""
    drawn: dict[str, dict[str, tuple]] = {}
    summaries, previous = [], None
    for rung in (r for r in ladder.rungs if r.name not in ladder.skipped):
        drawn[rung.name] = {m: metric_draws(ladder, rung.name, f) for m, f in METRICS.items()}
        mine = drawn[rung.name]
        ids = drawn.get(rung.name.removesuffix("_counters")) if rung.uses_counters else None
        summary = RungSummary(
            rung=rung,
            settings=ladder.settings.get(rung.name, {}),
            metrics={m: value for m, (value, _) in mine.items()},
            intervals={m: _interval(draws) for m, (_, draws) in mine.items()},
            vs_previous=_differences(mine, drawn.get(previous) if previous else None),
            vs_ids=_differences(mine, ids),
            costs=_median_costs(ladder, rung.name),
            online=_mean_online(ladder, rung.name),
        )
        summaries.append(summary)
        previous = rung.name
    seeds = tuple(replicate.seed for replicate in ladder.replicates)
    return LadderSummary(
        ladder.source, seeds, ladder.rows, ladder.split, summaries, dict(ladder.skipped)
    )

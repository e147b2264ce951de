"""From the runs of a ladder to metrics with intervals and paired differences."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from mlsd.experiments.evidence import interval_notes, percentile_interval
from mlsd.experiments.ladder import LadderRuns
from mlsd.experiments.rungs import Rung, Settings
from mlsd.metrics.weighted import effective_sizes

REPETITIONS = 200
Triple = tuple[float, float, float]
Drawn = Mapping[str, tuple[float, np.ndarray]]


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
    selected : bool
        Whether validation chooses this rung, the oracle apart.
    metrics : dict of str to float
        Mean over the replicates; those of the protocol that the test rows allow.
    intervals : dict of str to (low, high)
        95 % bootstrap, clustered by user where the log has users; NaN where there is none, see
        `mlsd.experiments.evidence`.
    vs_previous, vs_ids, vs_best : dict of str to (difference, low, high)
        Paired differences to the rung before, (with counters) to the same model on ids, and to the
        best rung by the metric that tunes, the oracle apart.
    validation : dict of str to float
        Mean over the replicates of what was measured on the validation part, by column.
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
    validation: dict[str, float] = field(default_factory=dict)
    settings_tried: int = 0
    selected: bool = False
    costs: dict[str, float] = field(default_factory=dict)
    online: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class RowWeights:
    """What the rows of a log weigh.

    Attributes
    ----------
    column : str
    effective_test_rows : float
        Rows that would say as much as the test rows do if their weight depended on the label alone,
        ``sum(w)**2 / sum(w**2)`` (Kish 1965) of each label, added; mean over the replicates.
    """

    column: str
    effective_test_rows: float


@dataclass(frozen=True)
class LadderSummary:
    """A ladder as it is printed and written.

    `weights` is None where all rows weigh the same; `notes` are sentences on what is absent.
    """

    source: str
    seeds: tuple[int, ...]
    rows: dict[str, int]
    split: str
    rungs: list[RungSummary]
    skipped: dict[str, str]
    weights: RowWeights | None = None
    notes: tuple[str, ...] = ()


def metric_draws(ladder: LadderRuns, name: str, metric: str) -> tuple[float, np.ndarray]:
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
        ladder.protocol.draws(
            replicate,
            name,
            metric,
            repetitions=REPETITIONS,
            seed=position if ladder.independent else 0,
        )
        for position, replicate in enumerate(ladder.replicates)
    ]
    estimates, draws = zip(*pairs)
    return float(np.mean(estimates)), np.mean(draws, axis=0)


def _row_weights(ladder: LadderRuns) -> RowWeights | None:
    weighted = [r for r in ladder.replicates if r.weights is not None]
    if not weighted:
        return None
    effective = [sum(effective_sizes(each.weights, each.outcome)) for each in weighted]
    return RowWeights(ladder.weight, float(np.mean(effective)))


def _notes(
    ladder: LadderRuns, drawn: Mapping[str, dict[str, tuple]], units: int
) -> tuple[str, ...]:
    clustered = ladder.replicates[0].clusters is not None
    unit = "user" if clustered else ladder.protocol.unit
    held = ladder.protocol.holds(ladder.replicates)
    absent = ladder.protocol.without_interval
    told = [{m: each for m, each in rung.items() if m not in absent} for rung in drawn.values()]
    notes = interval_notes(told, units, unit=unit, held=held)
    if ladder.weight and ladder.replicates[0].weights is None:
        notes += (
            f"weights of {ladder.weight} do not enter the metrics: every {unit} counts alike",
        )
    return notes


def _median_costs(ladder: LadderRuns, name: str) -> dict[str, float]:
    rows = [r.runs[name].costs for r in ladder.replicates if r.runs[name].costs]
    return {key: float(np.median([row[key] for row in rows])) for key in (rows[0] if rows else ())}


def _mean_online(ladder: LadderRuns, name: str) -> dict[str, float]:
    rows = [r.runs[name].online for r in ladder.replicates if r.runs[name].online]
    online = {key: float(np.mean([row[key] for row in rows])) for key in (rows[0] if rows else ())}
    for end in [key for key in online if key.endswith(("_low", "_high"))]:
        middle = online[end.rpartition("_")[0]]
        # The interval of a mean over worlds that were drawn independently.
        online[end] = middle + (online[end] - middle) / np.sqrt(len(rows))
    return online


def _mean_validation(ladder: LadderRuns, name: str) -> dict[str, float]:
    rows = [replicate.runs[name].validation for replicate in ladder.replicates]
    return {key: float(np.mean([row[key] for row in rows])) for key in rows[0]}


def _differences(
    names: Iterable[str], drawn: Drawn, base: Drawn | None, units: int
) -> dict[str, Triple]:
    if base is None:
        return {}
    differences = {}
    for name in names:
        (mine, draws), (other, other_draws) = drawn[name], base[name]
        differences[name] = (mine - other, *percentile_interval(draws - other_draws, units))
    return differences


def _best_rung(ladder: LadderRuns, values: Mapping[str, float]) -> str | None:
    """Return the rung with the best value of the metric that tunes, the oracle apart.

    None where there is no rung, or one of them lacks the value.
    """
    models = [name for name in values if name not in _oracles(ladder)]
    if not models or np.isnan([values[name] for name in models]).any():
        return None
    return min(models, key=lambda name: ladder.protocol.loss(values[name]))


def _oracles(ladder: LadderRuns) -> set[str]:
    return {rung.name for rung in ladder.rungs if rung.is_oracle}


def _selected_rung(ladder: LadderRuns, names: Iterable[str]) -> str | None:
    column = ladder.protocol.validation_column
    validation = {name: _mean_validation(ladder, name) for name in names}
    return _best_rung(ladder, {n: v.get(column, float("nan")) for n, v in validation.items()})


def summarise_ladder(ladder: LadderRuns) -> LadderSummary:
    """Take every metric of every rung, with intervals and paired differences."""
    rungs = [rung for rung in ladder.rungs if rung.name not in ladder.skipped]
    taken = ladder.protocol.metrics(ladder.replicates)
    drawn = {r.name: {m: metric_draws(ladder, r.name, m) for m in taken} for r in rungs}
    tuned = {name: mine[ladder.protocol.tune_by][0] for name, mine in drawn.items()}
    best, selected = drawn.get(_best_rung(ladder, tuned)), _selected_rung(ladder, drawn)
    units = min(replicate.units for replicate in ladder.replicates)
    summaries = [
        _summarise_rung(
            ladder,
            rung,
            drawn[rung.name],
            {
                "vs_previous": drawn.get(previous),
                "vs_ids": _on_ids(rung.name, drawn),
                "vs_best": best,
            },
            units,
        )
        for rung, previous in zip(rungs, [None, *drawn])
    ]
    seeds = tuple(replicate.seed for replicate in ladder.replicates)
    return LadderSummary(
        source=ladder.source,
        seeds=seeds,
        rows=ladder.rows,
        split=ladder.split,
        rungs=[replace(row, selected=row.rung.name == selected) for row in summaries],
        skipped=dict(ladder.skipped),
        weights=_row_weights(ladder),
        notes=_notes(ladder, drawn, units),
    )


def _on_ids(name: str, drawn: Mapping[str, Drawn]) -> Drawn | None:
    """Return the draws of the same model without counters, where the rung has them."""
    on_ids = name.removesuffix("_counters")
    return drawn.get(on_ids) if on_ids != name else None


def _summarise_rung(
    ladder: LadderRuns, rung: Rung, mine: Drawn, bases: Mapping[str, Drawn | None], units: int
) -> RungSummary:
    name, compared = rung.name, ladder.protocol.differences
    return RungSummary(
        rung=rung,
        settings=ladder.settings.get(name, {}),
        settings_tried=ladder.settings_tried.get(name, 0),
        metrics={metric: value for metric, (value, _) in mine.items()},
        intervals={m: percentile_interval(draws, units) for m, (_, draws) in mine.items()},
        validation=_mean_validation(ladder, name),
        costs=_median_costs(ladder, name),
        online=_mean_online(ladder, name),
        **{key: _differences(compared, mine, base, units) for key, base in bases.items()},
    )

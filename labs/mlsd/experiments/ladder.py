"""Fit every rung under one protocol and keep its predictions on the test part.

The protocol: settings are chosen on the validation part of the first replicate and kept for the
others; validation rows enter no fit and no counter (deep models and trees only stop on them); no
test row's feature uses a test label.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from mlsd import metrics
from mlsd.experiments.costs import Costs, Stopwatch, measure_costs
from mlsd.experiments.rungs import AD_CLICK_RUNGS, Rung, RungInputs, Settings
from mlsd.experiments.sources import LadderSource, Replicate
from mlsd.features import CounterFeatures
from mlsd.models.base import Scorer
from mlsd.runtime import InputError

Progress = Callable[[str], None]


@dataclass(frozen=True)
class PreparedLog:
    """A log with its counters, ready for every rung.

    Attributes
    ----------
    replicate : Replicate
    counters : CounterFeatures
    frame : DataFrame, shape (n, columns)
        The log's columns and, beside them, the counter columns.
    counter_names : tuple of str
    """

    replicate: Replicate
    counters: CounterFeatures
    frame: pd.DataFrame
    counter_names: tuple[str, ...]

    def rows(self, part: str) -> pd.DataFrame:
        """Return the rows of ``"train"``, ``"validation"`` or ``"test"``."""
        return self.frame.iloc[self.replicate.log.parts()[part]]

    def label(self, part: str) -> np.ndarray:
        """Return the outcomes of a part, shape (rows,)."""
        return self.replicate.log.label[self.replicate.log.parts()[part]]


@dataclass(frozen=True)
class FittedRung:
    """A rung fitted on one replicate."""

    rung: Rung
    settings: Settings
    scorer: Scorer
    validation_log_loss: float
    watch: Stopwatch


@dataclass(frozen=True)
class RungRun:
    """What a rung predicted for the test part of one replicate, and what that cost."""

    probability: np.ndarray
    costs: Costs | None
    online: dict[str, float] | None = None


@dataclass(frozen=True)
class ReplicateRuns:
    """Every rung's run on one replicate: labels, users and predictions of the same test rows."""

    seed: int
    label: np.ndarray
    clusters: np.ndarray | None
    runs: dict[str, RungRun]


@dataclass
class LadderRuns:
    """All runs of a ladder, before any metric is taken."""

    source: str
    independent: bool
    rungs: list[Rung]
    settings: dict[str, Settings] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)
    replicates: list[ReplicateRuns] = field(default_factory=list)
    rows: dict[str, int] = field(default_factory=dict)
    split: str = ""


def prepare_log(replicate: Replicate) -> PreparedLog:
    """Compute the as-of counters of a replicate's log beside its own columns."""
    log = replicate.log
    counters = CounterFeatures.for_log(log)
    table = counters.compute(log)
    frame = pd.concat([log.frame, table], axis=1)
    return PreparedLog(replicate, counters, frame, tuple(table.columns))


def select_columns(rung: Rung, prepared: PreparedLog, part: str) -> pd.DataFrame:
    """Return what the rung may see of a part: never the label, counters only where it uses them."""
    roles = prepared.replicate.log.roles
    names = roles.identifiers + roles.numeric
    if rung.uses_counters:
        names += prepared.counter_names
    return prepared.rows(part)[list(names)]


def fit_rung(rung: Rung, prepared: PreparedLog, settings: Settings) -> FittedRung:
    """Fit one rung with one setting on the training part.

    Returns
    -------
    FittedRung
        With its log loss on the validation part, which enters no fit.
    """
    counters = prepared.counter_names if rung.uses_counters else ()
    inputs = RungInputs(prepared.replicate.log.roles, counters, prepared.replicate.seed)
    scorer = rung.build(inputs, settings)
    train, validation = (select_columns(rung, prepared, p) for p in ("train", "validation"))
    watch = Stopwatch()
    with watch:
        valid = (validation, prepared.label("validation"))
        scorer.fit(train, prepared.label("train"), valid=valid)
    probability = scorer.predict_proba(validation)[:, 1]
    loss = metrics.log_loss(prepared.label("validation"), probability)
    return FittedRung(rung, settings, scorer, loss, watch)


def tune_rung(rung: Rung, prepared: PreparedLog, choices: Iterable[Settings]) -> FittedRung:
    """Fit every setting and keep the one with the lowest log loss on the validation part."""
    fits = (fit_rung(rung, prepared, settings) for settings in choices)
    return min(fits, key=lambda fitted: fitted.validation_log_loss)


def predict_rung(fitted: FittedRung, prepared: PreparedLog) -> RungRun:
    """Predict the test part and measure what the fitted rung costs."""
    test = select_columns(fitted.rung, prepared, "test")
    train_rows = len(prepared.replicate.log.split.train)
    costs = measure_costs(fitted.scorer, test, fitted.watch, train_rows)
    return RungRun(fitted.scorer.predict_proba(test)[:, 1].astype(np.float64), costs)


def _oracle_run(replicate: Replicate) -> RungRun:
    return RungRun(replicate.truth[replicate.log.split.test], None)


def _usable(rungs: Iterable[Rung], replicate: Replicate) -> tuple[list[Rung], dict[str, str]]:
    usable, skipped = [], {}
    for rung in rungs:
        if rung.features == "truth":
            works = replicate.truth is not None
        else:
            works = bool(rung.settings(replicate.log.roles))
        if works:
            usable.append(rung)
        else:
            skipped[rung.name] = f"the log lacks {rung.needs}"
    return usable, skipped


def select_rungs(names: Iterable[str] | None) -> list[Rung]:
    """Return the named rungs in the ladder's order; all of them for None.

    Raises
    ------
    InputError
        For a name that is not a rung.
    """
    known = {rung.name: rung for rung in AD_CLICK_RUNGS}
    wanted = list(known) if names is None else list(names)
    for name in wanted:
        if name not in known:
            raise InputError(f"unknown rung {name!r}; choose among {', '.join(known)}")
    return [rung for name, rung in known.items() if name in wanted]


def _run_rung(
    rung: Rung, prepared: PreparedLog, ladder: LadderRuns, deploy: Callable | None
) -> RungRun:
    if rung.features == "truth":
        return _oracle_run(prepared.replicate)
    if rung.name in ladder.settings:
        fitted = fit_rung(rung, prepared, ladder.settings[rung.name])
    else:
        fitted = tune_rung(rung, prepared, rung.settings(prepared.replicate.log.roles))
        ladder.settings[rung.name] = fitted.settings
    run = predict_rung(fitted, prepared)
    online = deploy(fitted, prepared) if deploy and prepared.replicate.world else None
    return RungRun(run.probability, run.costs, online)


def run_ladder(
    source: LadderSource,
    *,
    seeds: tuple[int, ...],
    rungs: Iterable[str] | None = None,
    deploy: Callable[[FittedRung, PreparedLog], dict[str, float]] | None = None,
    progress: Progress = lambda message: None,
) -> LadderRuns:
    """Climb the ladder once a seed.

    Parameters
    ----------
    source : LadderSource
        A world, or a log.
    seeds : tuple of int
        One replicate each.
    rungs : iterable of str or None
        Names of rungs; None for all.
    deploy : callable or None
        From a fitted rung and its log to its true online value, where there is a world.
    progress : callable
        Told in a few words what is being done.

    Returns
    -------
    LadderRuns
        Predictions, costs and chosen settings; `summarise_ladder` takes the metrics.
    """
    ladder = LadderRuns(source.name, source.independent, select_rungs(rungs))
    for replicate in source.replicates(seeds):
        progress(f"seed {replicate.seed}: counters")
        prepared = prepare_log(replicate)
        usable, ladder.skipped = _usable(ladder.rungs, replicate)
        runs = {}
        for rung in usable:
            progress(f"seed {replicate.seed}: {rung.name}")
            runs[rung.name] = _run_rung(rung, prepared, ladder, deploy)
        log = replicate.log
        clusters = log.users[log.split.test] if log.users is not None else None
        ladder.replicates.append(
            ReplicateRuns(replicate.seed, prepared.label("test"), clusters, runs)
        )
        ladder.rows = {name: len(rows) for name, rows in log.parts().items()}
        ladder.split = log.split.description
    return ladder

"""Fit every rung under one protocol and keep its predictions on the test part.

The protocol: settings are chosen on the validation part of the first replicate and kept for the
others; validation rows enter no fit and no counter (deep models and trees only stop on them); no
test row's feature uses a test label.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

import numpy as np

from mlsd import metrics
from mlsd.experiments.ad_click_rungs import AD_CLICK_RUNGS
from mlsd.experiments.costs import Costs, Stopwatch, measure_costs
from mlsd.experiments.prepared import PreparedLog, prepare_log, rung_inputs, select_columns
from mlsd.experiments.run_store import RungRun, RunStore
from mlsd.experiments.rungs import Rung, Settings
from mlsd.experiments.sources import LadderSource, Replicate
from mlsd.models.base import Scorer
from mlsd.runtime import InputError

Progress = Callable[[str], None]


@dataclass(frozen=True)
class FittedRung:
    """A rung fitted on one replicate."""

    rung: Rung
    settings: Settings
    scorer: Scorer
    validation_log_loss: float
    f1_threshold: float
    watch: Stopwatch


@dataclass
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
    settings_tried: dict[str, int] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)
    replicates: list[ReplicateRuns] = field(default_factory=list)
    rows: dict[str, int] = field(default_factory=dict)
    split: str = ""


def fit_rung(rung: Rung, prepared: PreparedLog, settings: Settings) -> FittedRung:
    """Fit one rung with one setting on the training part.

    Returns
    -------
    FittedRung
        With its log loss on the validation part, which enters no fit.
    """
    scorer = rung.build(rung_inputs(rung, prepared), settings)
    train, validation = (select_columns(rung, prepared, p) for p in ("train", "validation"))
    labels_of = prepared.funnel if rung.labels == "funnel" else prepared.label
    watch = Stopwatch()
    with watch:
        scorer.fit(train, labels_of("train"), valid=(validation, labels_of("validation")))
    probability, label = scorer.predict_proba(validation)[:, 1], prepared.label("validation")
    loss, threshold = metrics.log_loss(label, probability), _f1_threshold(label, probability)
    return FittedRung(rung, settings, scorer, loss, threshold, watch)


def _f1_threshold(label: np.ndarray, probability: np.ndarray) -> float:
    return metrics.best_f1_threshold(label, probability) if label.any() else float("nan")


def tune_rung(rung: Rung, prepared: PreparedLog, choices: Iterable[Settings]) -> FittedRung:
    """Fit every setting and keep the one with the lowest log loss on the validation part."""
    fits = (fit_rung(rung, prepared, settings) for settings in choices)
    return min(fits, key=lambda fitted: fitted.validation_log_loss)


def predict_rung(fitted: FittedRung, prepared: PreparedLog) -> RungRun:
    """Predict the test part and measure what the fitted rung costs."""
    test = select_columns(fitted.rung, prepared, "test")
    train_rows = len(prepared.replicate.log.split.train)
    costs: Costs = measure_costs(fitted.scorer, test, fitted.watch, train_rows)
    probability = fitted.scorer.predict_proba(test)[:, 1].astype(np.float64)
    return RungRun(
        probability,
        fitted.f1_threshold,
        dict(fitted.settings),
        costs.as_row(),
        validation_log_loss=fitted.validation_log_loss,
    )


def _oracle_run(prepared: PreparedLog) -> RungRun:
    truth, parts = prepared.replicate.truth, prepared.replicate.log.parts()
    threshold = _f1_threshold(prepared.label("validation"), truth[parts["validation"]])
    return RungRun(truth[parts["test"]], threshold, {})


def _usable(rungs: Iterable[Rung], replicate: Replicate) -> tuple[list[Rung], dict[str, str]]:
    usable, skipped = [], {}
    for rung in rungs:
        if rung.features == "truth":
            works = replicate.truth is not None
        elif rung.labels == "funnel":
            works = replicate.conversions is not None
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
        return _oracle_run(prepared)
    if rung.name in ladder.settings:
        fitted = fit_rung(rung, prepared, ladder.settings[rung.name])
    else:
        fitted = tune_rung(rung, prepared, rung.settings(prepared.replicate.log.roles))
    run = predict_rung(fitted, prepared)
    online = deploy(fitted, prepared) if deploy and prepared.replicate.world else {}
    return replace(run, online=online)


def run_ladder(
    source: LadderSource,
    *,
    seeds: tuple[int, ...],
    rungs: Iterable[str] | None = None,
    deploy: Callable[[FittedRung, PreparedLog], dict[str, float]] | None = None,
    store: RunStore | None = None,
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
    store : RunStore or None
        Where finished runs are kept and looked for first, so that an interrupted ladder goes on.
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
            ladder.settings_tried[rung.name] = len(rung.settings(replicate.log.roles))
            progress(f"seed {replicate.seed}: {rung.name}")
            kept = store.load(source.name, rung, prepared) if store else None
            runs[rung.name] = run = kept or _run_rung(rung, prepared, ladder, deploy)
            if rung.features != "truth":
                ladder.settings.setdefault(rung.name, run.settings)
            if store and not kept:
                store.save(source.name, rung, prepared, run)
        log = replicate.log
        clusters = log.users[log.split.test] if log.users is not None else None
        ladder.replicates.append(
            ReplicateRuns(replicate.seed, prepared.label("test"), clusters, runs)
        )
        ladder.rows = {name: len(rows) for name, rows in log.parts().items()}
        ladder.split = log.split.description
    return ladder

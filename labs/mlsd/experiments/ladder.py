"""Fit every rung under one protocol and keep its predictions on the test part.

Whatever the protocol: settings are chosen on the validation part of the first replicate and kept
for the others; validation rows enter no fit and no counter (deep models and trees only stop on
them); no test row's feature uses a test label.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

from mlsd.experiments.progress import LadderStep, Pace, Progress
from mlsd.experiments.protocols.base import LadderProtocol, Prepared
from mlsd.experiments.run_store import RunKey, RunStore
from mlsd.experiments.rungs import Rung, Settings, select_rungs
from mlsd.experiments.runs import FittedRung, ReplicateRuns, RungRun
from mlsd.experiments.sources import LadderSource, Replicate
from mlsd.runtime import InputError
from mlsd.worlds.base import Policy

# The oracle is not fitted: None stands for it.
Deploy = Callable[[FittedRung | None, Prepared], dict[str, float]]


@dataclass(frozen=True)
class Ladder:
    """The rungs of a case and how they are climbed.

    Attributes
    ----------
    rungs : tuple of Rung
        In the order in which they are shown.
    protocol : LadderProtocol
    policy : callable or None
        From a fitted rung and what was prepared for it to the policy that serves it.
    designs : tuple of str
        Of an A/B test in the case's world.
    oracle_policy : callable
        From what was prepared to the policy that knows the world's truth, whose online value shows
        how far any rung could get; None where there is no such policy.
    """

    rungs: tuple[Rung, ...]
    protocol: LadderProtocol
    policy: Callable[[FittedRung, Prepared], Policy] | None = None
    designs: tuple[str, ...] = ()
    oracle_policy: Callable[[Prepared], Policy | None] = lambda prepared: None


@dataclass
class LadderRuns:
    """All runs of a ladder, before any metric is taken.

    `weight` is the column of the log with the weights of its rows, where it has one.
    """

    source: str
    independent: bool
    rungs: list[Rung]
    protocol: LadderProtocol
    settings: dict[str, Settings] = field(default_factory=dict)
    settings_tried: dict[str, int] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)
    replicates: list[ReplicateRuns] = field(default_factory=list)
    rows: dict[str, int] = field(default_factory=dict)
    split: str = ""
    weight: str | None = None


def tune_rung(rung: Rung, prepared: Prepared, protocol: LadderProtocol) -> FittedRung:
    """Fit every setting and keep the one that is best on the validation part."""
    choices = rung.settings(prepared.replicate.log.roles)
    fits = (protocol.fit(rung, prepared, settings) for settings in choices)
    column = protocol.validation_column
    return min(fits, key=lambda fitted: protocol.loss(fitted.validation[column]))


def _usable(ladder: LadderRuns, replicate: Replicate) -> tuple[list[Rung], dict[str, str]]:
    reasons = {r.name: ladder.protocol.reason_to_skip(r, replicate) for r in ladder.rungs}
    usable = [rung for rung in ladder.rungs if reasons[rung.name] is None]
    return usable, {name: reason for name, reason in reasons.items() if reason is not None}


def _reasons(skipped: dict[str, str]) -> str:
    return ", ".join(f"{rung}: {reason}" for rung, reason in skipped.items())


def _run_rung(rung: Rung, prepared: Prepared, ladder: LadderRuns, deploy: Deploy | None) -> RungRun:
    protocol, chosen = ladder.protocol, ladder.settings.get(rung.name)
    if rung.is_oracle:
        fitted, run = None, protocol.oracle(prepared)
    else:
        if chosen is None:
            fitted = tune_rung(rung, prepared, protocol)
        else:
            fitted = protocol.fit(rung, prepared, chosen)
        run = protocol.predict(fitted, prepared)
    online = deploy(fitted, prepared) if deploy and prepared.replicate.world else {}
    return replace(run, online=online)


def run_ladder(
    source: LadderSource,
    ladder: Ladder,
    *,
    seeds: tuple[int, ...],
    rungs: Iterable[str] | None = None,
    deploy: Deploy | None = None,
    store: RunStore | None = None,
    progress: Progress = lambda step: None,
) -> LadderRuns:
    """Climb a ladder once per seed.

    Parameters
    ----------
    source : LadderSource
        A world, or a log.
    ladder : Ladder
        Rungs and protocol.
    seeds : tuple of int
        One replicate each.
    rungs : iterable of str or None
        Names of rungs; None for all.
    deploy : callable or None
        From a fitted rung, or None for the oracle, and its log to its true online value, where
        there is a world.
    store : RunStore or None
        Where finished runs are kept and looked for first, so that an interrupted ladder goes on.
    progress : callable
        Told what is begun and what is finished, see `LadderStep`.

    Returns
    -------
    LadderRuns
        Predictions, costs and chosen settings; `summarise_ladder` takes the metrics.

    Raises
    ------
    InputError
        For an unknown rung, or where the source lacks what every chosen rung needs.
    """
    chosen = select_rungs(ladder.rungs, rungs)
    protocol = ladder.protocol if source.log is None else ladder.protocol.for_log(source.log)
    climb = _Climb(
        LadderRuns(source.name, source.independent, chosen, protocol),
        deploy=deploy,
        store=store,
        progress=progress,
        pace=Pace(len(seeds)),
    )
    for replicate in source.replicates(seeds):
        climb.replicate(replicate)
    return climb.runs


@dataclass(frozen=True)
class _Climb:
    """A ladder under way."""

    runs: LadderRuns
    deploy: Deploy | None
    store: RunStore | None
    progress: Progress
    pace: Pace

    def replicate(self, replicate: Replicate) -> None:
        """Run every rung on one replicate."""
        runs, protocol = self.runs, self.runs.protocol
        self._tell(LadderStep(replicate.seed))
        prepared = protocol.prepare(replicate)
        usable, runs.skipped = _usable(runs, replicate)
        if not usable:
            raise InputError(f"{runs.source}: no rung can be climbed; {_reasons(runs.skipped)}")
        runs.settings_tried = {r.name: len(r.settings(replicate.log.roles)) for r in usable}
        self.pace.plan(runs.settings_tried)
        done = {rung.name: self._rung(rung, prepared) for rung in usable}
        runs.replicates.append(protocol.judged(prepared, done))
        runs.rows = protocol.rows(prepared)
        runs.split = replicate.log.split.description
        runs.weight = replicate.log.roles.weight

    def _rung(self, rung: Rung, prepared: Prepared) -> RungRun:
        """Return a rung's run, kept or made."""
        runs, replicate = self.runs, prepared.replicate
        given = runs.settings.get(rung.name)
        fits = runs.settings_tried[rung.name] if given is None else 1
        step = LadderStep(replicate.seed, rung.name, fits=fits)
        self._tell(step)
        started = time.monotonic()
        key = RunKey(runs.source, replicate, rung, runs.protocol, given)
        kept = self.store.load(key) if self.store else None
        run = kept or _run_rung(rung, prepared, runs, self.deploy)
        if not rung.is_oracle:
            runs.settings.setdefault(rung.name, run.settings)
        if self.store and not kept:
            self.store.save(key, run)
        self._finish(step, run, time.monotonic() - started, kept=kept is not None)
        return run

    def _finish(self, step: LadderStep, run: RungRun, seconds: float, *, kept: bool) -> None:
        fit_seconds = run.costs.get("fit_seconds", 0.0)
        self.pace.finish(step.rung, seconds=seconds, fit_seconds=fit_seconds, kept=kept)
        column = self.runs.protocol.validation_column
        measured = {column: run.validation[column]} if column in run.validation else {}
        self._tell(replace(step, finished=True, seconds=seconds, measured=measured, kept=kept))

    def _tell(self, step: LadderStep) -> None:
        pace = self.pace
        left = pace.left() if any(pace.todo.values()) else None
        self.progress(replace(step, seconds_left=left, unseen=pace.unseen))

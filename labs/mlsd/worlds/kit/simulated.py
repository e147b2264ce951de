"""History, deployment, test and truth of any world, on top of its simulator."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

import numpy as np
import pandas as pd

from mlsd.runtime import InputError
from mlsd.runtime.times import DAY
from mlsd.worlds.base import HISTORY_DAYS, Comparison, Policy, Report
from mlsd.worlds.kit.arms import add_part
from mlsd.worlds.kit.assignment import DESIGNS, Assignment
from mlsd.worlds.kit.records import day_end
from mlsd.worlds.kit.simulator import Simulator, Step, Truth
from mlsd.worlds.kit.sinks import MemorySink, ParquetSink
from mlsd.worlds.kit.tally import Measures, Tally, compare_tallies
from mlsd.worlds.logs import Logs, Tables

LogsType = TypeVar("LogsType", bound=Logs)


class SimulatedWorld(ABC, Generic[LogsType]):
    """A world as `mlsd.worlds.base.World` promises it; a subclass brings what is simulated.

    A subclass states `measures`, `tables` and, where it has others, `designs`, and says how a run
    starts (`_start`) and goes on (`_resume`), which policy made the history (`_first_policy`), how
    many users there are (`_count_users`), what was true (`_new_truth`) and what its logs are
    (`_make_logs`).

    Parameters
    ----------
    seed : int
        Non-negative; the world, its luck and its history depend on it alone.
    horizon_days : int
        Last day that the world can be run to.

    Attributes
    ----------
    measures : Measures
        What a deployment is judged by.
    tables : tuple of str
        Event tables of a history.
    designs : tuple of str
        Designs of an A/B test.
    history_days : int
        How long a history is where no other length is asked for.

    Raises
    ------
    InputError
        For a negative seed.

    Notes
    -----
    Every method is pure, whatever the order of calls; what is deployed is a deep copy of a policy.
    """

    measures: ClassVar[Measures]
    tables: ClassVar[tuple[str, ...]]
    designs: ClassVar[tuple[str, ...]] = DESIGNS
    history_days: ClassVar[int] = HISTORY_DAYS

    def __init__(self, seed: int, *, horizon_days: int) -> None:
        if seed < 0:
            raise InputError(f"{type(self).__name__}: seed={seed} is negative; give 0 or more")
        self.seed = seed
        self._horizon_days = horizon_days
        # Results of pure computations, kept because many calls start from the same history.
        self._ends: dict[int, tuple[Any, Policy]] = {}
        self._truths: dict[int, Truth] = {}
        self._controls: dict[tuple[int, int], Tally] = {}

    def history(self, days: int | None = None, *, to: Path | str | None = None) -> LogsType:
        """Return what the logging policy recorded and knew at the end of the last day.

        Parameters
        ----------
        days : int or None, for `history_days`
        to : path or None
            A new folder to stream Parquet files to, in bounded memory; None keeps it in memory.

        Returns
        -------
        Logs
            The same tables either way. Those with one row per candidate are kept as compact arrays
            and made long when they are read.

        Raises
        ------
        InputError
            For days beyond the horizon, or a folder that is not empty.
        """
        days = self.history_days if days is None else days
        until, streamed = self._until(days), to is not None
        sink = ParquetSink(to, until, self.tables) if streamed else MemorySink(until, self.tables)
        simulator, policy, truth = self._start(), self._first_policy(), self._new_truth()
        for day in range(days):
            for step in simulator.run([policy], range(day, day + 1)):
                sink.add(step.tables)
                if not streamed:
                    truth.add(step)
            sink.add(simulator.close_day(day))
        if not streamed:
            self._ends[days] = (simulator.state, policy)
            self._truths[days] = truth
        return self._make_logs(sink.tables(), until)

    def logging_policy(self, days: int | None = None) -> Policy:
        """Return the logging policy as it stood at the end of the history."""
        return copy.deepcopy(self._end_of_history(self.history_days if days is None else days)[1])

    def deploy(self, policy: Policy, days: int = 7, *, history_days: int | None = None) -> Report:
        """Return what would really happen under a policy, from the end of the history on.

        Parameters
        ----------
        policy : Policy
            Comes trained on the history; a copy is deployed. It is handed every event that becomes
            known after the end of the history, those of the history's last hours among them.
        days : int
        history_days : int or None
            Where the history ends; None for the world's own length.

        Returns
        -------
        Report
            What comes of a request counts whenever it becomes known.
        """
        (tally,) = self._online([policy], days, history_days)
        return tally.report(tally.draws(self.seed))

    def compare(
        self, a: Policy, b: Policy, days: int = 7, *, history_days: int | None = None
    ) -> Comparison:
        """Return the truth about two policies: each alone in a twin world, with common luck."""
        tallies = [self._online([policy], days, history_days)[0] for policy in (a, b)]
        return compare_tallies(*tallies, design="twin", seed=self.seed, paired=True)

    def compare_with_logging(
        self, policy: Policy, days: int = 7, *, history_days: int | None = None
    ) -> Comparison:
        """Return the truth about a policy, its control being the one that made the history.

        It is what `compare` says of the two, but the control is run once for all policies.
        """
        span = (days, self.history_days if history_days is None else history_days)
        if span not in self._controls:
            logging = self.logging_policy(span[1])
            (self._controls[span],) = self._online([logging], *span)
        tallies = [self._controls[span], *self._online([policy], *span)]
        return compare_tallies(*tallies, design="twin", seed=self.seed, paired=True)

    def ab_test(
        self,
        a: Policy,
        b: Policy,
        days: int = 7,
        *,
        design: str = "user",
        history_days: int | None = None,
    ) -> Comparison:
        """Return what a company could observe: both policies in one shared world.

        Parameters
        ----------
        a, b : Policy
            Control and treatment; both observe every event.
        days : int
        design : str
            ``"user"``: users are split; ``"switchback"``: all users see one policy at a time, by
            random windows of four hours. A world may have further ones: see its `designs`.
        history_days : int or None
            Where the history ends; None for the world's own length.

        Returns
        -------
        Comparison
            Only what is known by the end of the test counts. Its luck is its own.

        Raises
        ------
        InputError
            For an unknown design.
        """
        if design not in self.designs:
            raise InputError(f"ab_test: unknown design {design!r}; choose among {self.designs}")
        tallies = self._online([a, b], days, history_days, design=design)
        return compare_tallies(*tallies, design=design, seed=self.seed, paired=False)

    def reveal(self, logs: LogsType) -> pd.DataFrame:
        """Return the hidden truth of each logged row: the only door to it.

        Parameters
        ----------
        logs : Logs
            Of this world's history, whole or as of some time.

        Raises
        ------
        InputError
            For logs of another world.
        """
        days = int(np.ceil(logs.until / DAY))
        if days not in self._truths:
            self._truths[days] = self._new_truth()
            for step in self._start().run([self._first_policy()], range(days)):
                self._truths[days].add(step)
        return self._truths[days].reveal(logs)

    @abstractmethod
    def _start(self) -> Simulator:
        """Return a run that begins with the first day and makes the history."""

    @abstractmethod
    def _resume(self, state: Any, design: str | None) -> Simulator:
        """Return a run that goes on from a copy of `state`, the end of a history.

        `design` is that of an A/B test, whose luck is its own; None for a deployment, where all
        policies meet the same luck.
        """

    @abstractmethod
    def _first_policy(self) -> Policy:
        """Return the policy that makes the history, as it is before the first day."""

    @abstractmethod
    def _count_users(self) -> int:
        """Return how many users an A/B test can split; they are numbered from 0."""

    @abstractmethod
    def _new_truth(self) -> Truth:
        """Return an empty record of hidden facts."""

    @abstractmethod
    def _make_logs(self, events: Tables, until: float) -> LogsType:
        """Return the logs with these event tables."""

    def _until(self, days: int) -> float:
        if not 1 <= days <= self._horizon_days:
            raise InputError(f"days={days}: give 1 to horizon_days={self._horizon_days}")
        return day_end(days - 1)

    def _end_of_history(self, days: int) -> tuple[Any, Policy]:
        if days not in self._ends:
            self._until(days)
            simulator, policy = self._start(), self._first_policy()
            for _ in simulator.run([policy], range(days)):
                pass
            self._ends[days] = (simulator.state, policy)
        return self._ends[days]

    def _online(
        self,
        policies: Sequence[Policy],
        days: int,
        history_days: int | None,
        *,
        design: str | None = None,
    ) -> list[Tally]:
        """Run one policy alone, or several in one shared world, and tally each."""
        history_days = self.history_days if history_days is None else history_days
        self._until(days)
        self._until(history_days + days)
        state, _ = self._end_of_history(history_days)
        span = range(history_days, history_days + days)
        split = self._assignment(design or "user", span)
        tallies = [self._new_tally(split.count(days), span) for _ in policies]
        copies = [copy.deepcopy(policy) for policy in policies]
        assign = None if design is None else split.arms
        until = np.inf if design is None else day_end(span[-1])
        simulator = self._resume(state, design)
        for step in chain(simulator.run(copies, span, assign), self._still_to_come(simulator)):
            self._tally(step, tallies, split, until)
        return tallies

    def _still_to_come(self, simulator: Simulator) -> Iterable[Step]:
        """Return, lazily, what comes of the days of a run after them: nothing, mostly."""
        return ()

    def _assignment(self, design: str, span: range) -> Assignment:
        """Return who gets which policy in a test of so many days."""
        return Assignment(design, self.seed, users=self._count_users(), first_day=span.start)

    def _new_tally(self, units: int, span: range) -> Tally:
        """Return an empty tally of so many units over a span of days."""
        return Tally(units, self.measures, first_day=span.start, days=len(span))

    def _tally(self, step: Step, tallies: Sequence[Tally], split: Assignment, until: float) -> None:
        """Add what a stretch of time left behind to the tally of each arm."""
        for part in step.parts():
            add_part(part, tallies, split, until)

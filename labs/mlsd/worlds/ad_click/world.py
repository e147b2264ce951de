"""The ad click world: history, deployment, test and truth behind one door each."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from mlsd.runtime import InputError
from mlsd.worlds.ad_click.assignment import DESIGNS, Assignment
from mlsd.worlds.ad_click.behaviour import Behaviour
from mlsd.worlds.ad_click.config import DAY, AdClickConfig
from mlsd.worlds.ad_click.floor import MarketState
from mlsd.worlds.ad_click.logging_policy import LoggingPolicy
from mlsd.worlds.ad_click.logs import AdClickLogs, MemorySink, ParquetSink, entity_tables
from mlsd.worlds.ad_click.market import Market
from mlsd.worlds.ad_click.measures import Tally, compare_tallies
from mlsd.worlds.ad_click.online import experiment_setup, run_online
from mlsd.worlds.ad_click.population import make_population
from mlsd.worlds.ad_click.records import day_end
from mlsd.worlds.ad_click.setup import Setup
from mlsd.worlds.ad_click.truth import Truth
from mlsd.worlds.base import Comparison, Policy, Report
from mlsd.worlds.logs import LazyMapping

HISTORY_DAYS = 14
DELIVERED_AT_ONCE = 100_000


class AdClickWorld:
    """Users, advertisers and a market for three ad slots; the truth stays inside.

    Parameters
    ----------
    seed : int
        Non-negative; the world, its luck and its history depend on it alone.
    size : str
        ``"default"`` (a million impressions in 14 days), ``"large"`` (50 million) or ``"small"``.
    config : AdClickConfig or None
        None for the default parameters.

    Notes
    -----
    Every method is pure: the order of calls changes nothing. Policies are deep-copied before they
    are deployed, so the caller's objects stay as they were.

    Examples
    --------
    >>> world = AdClickWorld(seed=7, size="small")
    >>> logs = world.history(days=1)
    >>> bool(0.005 < logs.impressions["click"].mean() < 0.05)
    True
    """

    def __init__(
        self, seed: int = 7, size: str = "default", config: AdClickConfig | None = None
    ) -> None:
        if seed < 0:
            raise InputError(f"AdClickWorld: seed={seed} is negative; give 0 or more")
        self.seed = seed
        self.size = size
        self.config = (config or AdClickConfig()).scaled(size)
        self._population = make_population(self.config, seed)
        # Results of pure computations, kept because many calls start from the same history.
        self._ends: dict[int, tuple[MarketState, LoggingPolicy]] = {}
        self._truths: dict[int, Truth] = {}

    def history(self, days: int = HISTORY_DAYS, *, to: Path | str | None = None) -> AdClickLogs:
        """Return what the logging policy recorded and knew at the end of the last day.

        Parameters
        ----------
        days : int
        to : path or None
            A new folder to stream Parquet files to, in bounded memory; None keeps it in memory.

        Returns
        -------
        AdClickLogs
            The same tables either way. The losing candidates are kept as compact arrays and made
            into a table when ``logs.candidates`` is read.

        Raises
        ------
        InputError
            For days beyond the horizon, or a folder that is not empty.
        """
        until = self._until(days)
        sink = MemorySink(until) if to is None else ParquetSink(to, until)
        market, policy, truth = self._history_market(), LoggingPolicy(), Truth()
        for day in range(days):
            for step in market.run([policy], range(day, day + 1)):
                sink.add(step.tables)
                if to is None:
                    truth.add(step)
            sink.add({"budgets": market.budget_ledger(day)})
        if to is None:
            self._ends[days] = (market.state, policy)
            self._truths[days] = truth
        entities = entity_tables(self._population, self.config, until)
        tables = sink.tables()
        events = {name: lambda name=name: tables[name] for name in tables}
        return AdClickLogs(LazyMapping(entities | events), until=until)

    def logging_policy(self, days: int = HISTORY_DAYS) -> LoggingPolicy:
        """Return the logging policy as it stood at the end of the history."""
        return copy.deepcopy(self._end_of_history(days)[1])

    def deploy(self, policy: Policy, days: int = 7, *, history_days: int = HISTORY_DAYS) -> Report:
        """Return what would really happen under a policy, from the end of the history on.

        Parameters
        ----------
        policy : Policy
            Comes trained on the history; a copy is deployed. It is handed every event that becomes
            known after the end of the history, those of the history's last hours among them.
        days : int
        history_days : int
            Where the history ends.

        Returns
        -------
        Report
            Conversions count whenever they come, within 30 days of the click.
        """
        (tally,) = self._online([policy], days, history_days)
        return tally.report(tally.draws(self.seed))

    def compare(
        self, a: Policy, b: Policy, days: int = 7, *, history_days: int = HISTORY_DAYS
    ) -> Comparison:
        """Return the truth about two policies: each alone in a twin world, with common luck."""
        tallies = [self._online([policy], days, history_days)[0] for policy in (a, b)]
        return compare_tallies(*tallies, design="twin", seed=self.seed, paired=True)

    def ab_test(
        self,
        a: Policy,
        b: Policy,
        days: int = 7,
        *,
        design: str = "user",
        history_days: int = HISTORY_DAYS,
    ) -> Comparison:
        """Return what a company could observe: both policies in one shared market.

        Parameters
        ----------
        a, b : Policy
            Control and treatment; both observe every event.
        days : int
        design : str
            ``"user"``: users are split and budgets shared, so the arms interfere; ``"budget"``:
            every budget is split with the users; ``"switchback"``: all users see one policy at a
            time, by random windows of four hours.
        history_days : int
            Where the history ends.

        Returns
        -------
        Comparison
            Only conversions known by the end of the test count. Its luck is its own.

        Raises
        ------
        InputError
            For an unknown design.
        """
        if design not in DESIGNS:
            raise InputError(f"ab_test: unknown design {design!r}; choose among {DESIGNS}")
        setup = experiment_setup(self._setup(), design)
        tallies = self._online([a, b], days, history_days, setup=setup, design=design)
        return compare_tallies(*tallies, design=design, seed=self.seed, paired=False)

    def reveal(self, logs: AdClickLogs) -> pd.DataFrame:
        """Return the hidden truth of each row of ``logs.impressions``: the only door to it.

        Parameters
        ----------
        logs : AdClickLogs
            Of this world's history, whole or as of some time.

        Returns
        -------
        DataFrame
            `click_probability` of the impression as it was shown, `examination` of its slot,
            `attraction` (click probability given examination), `is_spam`,
            `conversion_probability` of a click.

        Raises
        ------
        InputError
            For logs of another world.
        """
        truth = self._truth(int(np.ceil(logs.until / DAY)))
        return truth.reveal(logs.impressions, Behaviour(self._population, self.config))

    def _until(self, days: int) -> float:
        if not 1 <= days <= self.config.horizon_days:
            raise InputError(f"days={days}: give 1 to horizon_days={self.config.horizon_days}")
        return day_end(days - 1)

    def _setup(self) -> Setup:
        return Setup(self.config, self._population, self.seed)

    def _history_market(self) -> Market:
        # The logging policy looks at events at midnight only, so a big day is handed over by the
        # hour to spare memory, a small one at once to spare time.
        hours = 24 if self.config.requests_per_day <= DELIVERED_AT_ONCE else 1
        share = self.config.exploration_share
        setup = replace(self._setup(), exploration_share=share, hours_between_events=hours)
        return Market(setup, MarketState.fresh(setup))

    def _online(
        self,
        policies: Sequence[Policy],
        days: int,
        history_days: int,
        *,
        setup: Setup | None = None,
        design: str = "user",
    ) -> list[Tally]:
        self._until(history_days + days)
        state, _ = self._end_of_history(history_days)
        users = len(self._population.users.cluster)
        assignment = Assignment(design, self.seed, users=users, first_day=history_days)
        span = range(history_days, history_days + days)
        return run_online(policies, setup or self._setup(), state, assignment, span)

    def _end_of_history(self, days: int) -> tuple[MarketState, LoggingPolicy]:
        if days not in self._ends:
            market, policy = self._history_market(), LoggingPolicy()
            self._until(days)
            for _ in market.run([policy], range(days)):
                pass
            self._ends[days] = (market.state, policy)
        return self._ends[days]

    def _truth(self, days: int) -> Truth:
        if days not in self._truths:
            self._truths[days] = Truth()
            for step in self._history_market().run([LoggingPolicy()], range(days)):
                self._truths[days].add(step)
        return self._truths[days]

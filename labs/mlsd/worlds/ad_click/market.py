"""The market: policies, budgets and users meet, hour after hour."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from mlsd.runtime.times import HOUR
from mlsd.worlds.ad_click.behaviour import Behaviour
from mlsd.worlds.ad_click.config import HOURS
from mlsd.worlds.ad_click.floor import AuctionFloor, MarketState, Tick
from mlsd.worlds.ad_click.records import OBSERVED_TABLES, Recorder, TickRecord, join_ticks
from mlsd.worlds.ad_click.setup import Setup
from mlsd.worlds.ad_click.traffic import Block, Traffic
from mlsd.worlds.base import Policy
from mlsd.worlds.kit.records import Columns, day_end
from mlsd.worlds.kit.simulator import Assign, Part

# Every night a fifth of the ads have their views halved: a half-life of five days.
NIGHTS_TO_HALVE = 5


@dataclass(frozen=True)
class Step:
    """What one stretch of hours left behind: its rows of a block, records and event tables."""

    block: Block
    rows: slice
    record: TickRecord
    tables: dict[str, Columns]
    slots: int

    def __len__(self) -> int:
        """Return the number of requests."""
        return self.rows.stop - self.rows.start

    def parts(self) -> Iterator[Part]:
        """Yield what is measured: requests and what came of them."""
        record, row = self.record, self.record.shown.row
        conversions = self.tables["conversions"]
        converted = conversions["impression_id"] // self.slots - self.block.request_id[0]
        requests = np.arange(self.rows.start, self.rows.stop)
        yield self._part("requests", requests, np.ones(len(self), np.int64))
        yield self._part("impressions", row, np.ones(len(row), np.int64))
        yield self._part("clicks", row, record.clicked)
        yield self._part("hides", row, record.hidden)
        yield self._part("revenue", row, record.due)
        value, known_at = conversions["value"], conversions["known_at"]
        yield self._part("conversion_value", converted, value, known_at)

    def _part(
        self, name: str, rows: np.ndarray, amount: np.ndarray, known_at: np.ndarray | None = None
    ) -> Part:
        return Part(name, self.block.user[rows], self.block.ts[rows], amount, known_at)


class Market:
    """Runs policies against a world's traffic.

    Parameters
    ----------
    setup : Setup
    state : MarketState
        Continued and changed; pass a copy to keep it.

    Notes
    -----
    Budgets are checked at the start of each hour, so a campaign can overspend its daily budget by
    what it spends within one hour, never by more. Views are remembered from the next hour on.
    """

    def __init__(self, setup: Setup, state: MarketState) -> None:
        self.setup = setup
        self.state = state
        behaviour = Behaviour(setup.population, setup.config)
        self.traffic = Traffic(setup.population, setup.config, setup.seed, luck=setup.luck)
        self.recorder = Recorder(setup, behaviour)
        self.floor = AuctionFloor(setup, state, behaviour)

    def run(
        self, policies: Sequence[Policy], days: range, assign: Assign | None = None
    ) -> Iterator[Step]:
        """Run whole days, yielding what each stretch between two deliveries of events left.

        Parameters
        ----------
        policies : sequence of Policy
            Copied by the caller; `act` and `observe` are called on them.
        days : range
        assign : callable or None
            From users and times to the index of the policy in charge of each request.
        """
        for day in days:
            self._start_day(day)
            for block in self.traffic.blocks(day):
                yield from self._run_block(block, policies, assign)
        if days:
            self.state.pending.deliver(policies, day_end(days[-1]))

    def close_day(self, day: int) -> dict[str, Columns]:
        """Return the ledger of a day that has just ended: each campaign's budget and spend."""
        count = self.setup.config.campaigns
        budgets = {
            "campaign_id": np.arange(count, dtype=np.int32),
            "day": np.full(count, day, np.int16),
            "ts": np.full(count, day_end(day)),
            "daily_budget": self.floor.budgets.sum(axis=0),
            "spent": self.state.spent.sum(axis=0),
        }
        return {"budgets": budgets}

    def _start_day(self, day: int) -> None:
        self.floor.start_day()
        self.state.views[day % NIGHTS_TO_HALVE :: NIGHTS_TO_HALVE] >>= 1
        if day > 0:
            live = self.setup.population.ads.live
            self.state.views[live[day] != live[day - 1]] = 0

    def _run_block(
        self, block: Block, policies: Sequence[Policy], assign: Assign | None
    ) -> Iterator[Step]:
        every = self.setup.hours_between_events
        waiting: list[TickRecord] = []
        since = 0
        for hour, start, stop in zip(block.hours, block.hour_start, block.hour_start[1:]):
            if hour % every == 0:
                self.state.pending.deliver(policies, (block.day * HOURS + hour) * HOUR)
            tick = Tick(block, slice(int(start), int(stop)), hour, assign)
            waiting.append(self.floor.run(tick, policies))
            if hour == block.hours[-1] or (hour + 1) % every == 0:
                yield self._step(block, join_ticks(waiting), slice(since, int(stop)))
                waiting, since = [], int(stop)

    def _step(self, block: Block, record: TickRecord, rows: slice) -> Step:
        tables = self.recorder.tables(block, record, rows)
        self.state.pending.add({name: tables[name] for name in OBSERVED_TABLES})
        return Step(block, rows, record, tables, self.setup.config.slots)

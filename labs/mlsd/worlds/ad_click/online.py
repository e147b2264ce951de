"""Deployments: policies run on from the end of a history, and what came of it is tallied."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from mlsd.worlds.ad_click.assignment import Assignment
from mlsd.worlds.ad_click.floor import MarketState
from mlsd.worlds.ad_click.market import Market, Step
from mlsd.worlds.ad_click.measures import Tally
from mlsd.worlds.ad_click.records import day_end
from mlsd.worlds.ad_click.setup import Setup
from mlsd.worlds.base import Policy


def run_online(
    policies: Sequence[Policy],
    setup: Setup,
    state: MarketState,
    assignment: Assignment,
    days: range,
) -> list[Tally]:
    """Run one policy alone, or several in one shared market, and tally each.

    Parameters
    ----------
    policies : sequence of Policy
        Copied.
    setup : Setup
    state : MarketState
        At the end of the history; copied.
    assignment : Assignment
        Of requests to policies; not asked where there is one policy.
    days : range

    Returns
    -------
    list of Tally
        One a policy. In a test only conversions known by its end count.
    """
    market = Market(setup, state.continued(setup))
    alone = len(policies) == 1
    tallies = [
        Tally(assignment.count(len(days)), first_day=days.start, days=len(days)) for _ in policies
    ]
    until = np.inf if alone else day_end(days[-1])
    steps = market.run(
        [copy.deepcopy(policy) for policy in policies], days, None if alone else assignment.arms
    )
    for step in steps:
        _tally_step(step, tallies, assignment, until)
    return tallies


def experiment_setup(setup: Setup, design: str) -> Setup:
    """Return the set-up of an A/B test: luck of its own, budgets split where the design says so."""
    shares = (0.5, 0.5) if design == "budget" else (1.0,)
    return replace(setup, luck="test", budget_shares=shares)


def _events(step: Step, until: float) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """Yield part, rows of the block, and amounts."""
    record, row = step.record, step.record.shown.row
    conversions = step.tables["conversions"]
    request = conversions["impression_id"] // step.slots
    yield "requests", np.arange(step.rows.start, step.rows.stop), np.ones(len(step), np.int64)
    yield "impressions", row, np.ones(len(row), np.int64)
    yield "clicks", row, record.clicked
    yield "hides", row, record.hidden
    yield "revenue", row, record.due
    value = np.where(conversions["known_at"] <= until, conversions["value"], 0)
    yield "conversion_value", request - step.block.request_id[0], value


def _tally_step(step: Step, tallies: Sequence[Tally], assignment: Assignment, until: float) -> None:
    for part, rows, amount in _events(step, until):
        unit, ts = assignment.units(step.block, rows), step.block.ts[rows]
        arms = assignment.arms(step.block, rows) if len(tallies) > 1 else np.zeros(len(rows))
        for arm, tally in enumerate(tallies):
            tally.add(part, unit, ts, amount * (arms == arm))

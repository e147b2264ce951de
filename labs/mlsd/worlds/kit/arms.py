"""What each arm of a run is counted with."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mlsd.runtime.times import DAY
from mlsd.worlds.kit.assignment import Assignment
from mlsd.worlds.kit.simulator import Part
from mlsd.worlds.kit.tally import Tally


def add_part(part: Part, tallies: Sequence[Tally], split: Assignment, until: float) -> None:
    """Add amounts to the tally of the arm whose policy was in charge.

    Parameters
    ----------
    part : Part
        Rows that began before the first day of the tallies came of another policy, and are left
        out.
    tallies : sequence of Tally
        One per arm.
    split : Assignment
    until : float
        What becomes known later counts as nothing.
    """
    within = part.ts >= tallies[0].first_day * DAY
    if not within.all():
        known_at = None if part.known_at is None else part.known_at[within]
        part = Part(part.name, part.user[within], part.ts[within], part.amount[within], known_at)
    amount = part.amount
    if part.known_at is not None:
        amount = np.where(part.known_at <= until, amount, 0)
    unit = split.units(part.user, part.ts)
    if len(tallies) == 1:
        tallies[0].add(part.name, unit, part.ts, amount)
        return
    arms = split.arms(part.user, part.ts)
    for arm, tally in enumerate(tallies):
        tally.add(part.name, unit, part.ts, amount * (arms == arm))

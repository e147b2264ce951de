"""What a deployment is judged by: ratios of sums, with intervals.

Intervals resample the units that luck comes in (users; windows of time in a switchback test) with
Poisson weights, a bootstrap that needs no row twice.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from mlsd.metrics import Interval
from mlsd.runtime.times import DAY
from mlsd.worlds.base import Comparison, Lift, Report
from mlsd.worlds.kit.luck import generator

REPETITIONS = 300


@dataclass(frozen=True)
class Measures:
    """What is summed up in a world, and what is made of the sums.

    Attributes
    ----------
    parts : tuple of str
        What is summed. The first counts requests: units without any are not resampled.
    units : mapping of str to str
        What each measure counts, in words, in the order of `values`.
    values : callable
        From sums, shape (..., parts), to measures, shape (..., measures).
    daily : mapping of str to callable
        Further columns of a report's `by_day`, each made from the table of the day's sums.
    """

    parts: tuple[str, ...]
    units: Mapping[str, str]
    values: Callable[[np.ndarray], np.ndarray]
    daily: Mapping[str, Callable[[pd.DataFrame], pd.Series]] = field(default_factory=dict)


class Tally:
    """Sums up what happens, by unit and by day.

    Parameters
    ----------
    units : int
        How many users, or windows of time.
    measures : Measures
    first_day, days : int

    Examples
    --------
    >>> per_request = Measures(
    ...     ("requests", "clicks"),
    ...     {"clicks": "clicks per request"},
    ...     lambda sums: sums[..., 1:] / np.maximum(sums[..., :1], 1),
    ... )
    >>> tally = Tally(2, per_request, first_day=0, days=1)
    >>> user, ts = np.array([0, 1]), np.zeros(2)
    >>> tally.add("requests", user, ts, np.array([10, 10]))
    >>> tally.add("clicks", user, ts, np.array([1, 3]))
    >>> tally.report(tally.draws(seed=0)).measures["clicks"].estimate
    0.2
    """

    def __init__(self, units: int, measures: Measures, *, first_day: int, days: int) -> None:
        self.measures = measures
        self.first_day = first_day
        self.by_unit = np.zeros((units, len(measures.parts)))
        self.by_day = np.zeros((days, len(measures.parts)))

    def add(self, part: str, unit: np.ndarray, ts: np.ndarray, amount: np.ndarray) -> None:
        """Add amounts of rows that belong to units and happened at times, shape (n,) each."""
        column = self.measures.parts.index(part)
        day = (ts // DAY).astype(np.intp) - self.first_day
        self.by_unit[:, column] += np.bincount(unit, amount, minlength=len(self.by_unit))
        self.by_day[:, column] += np.bincount(day, amount, minlength=len(self.by_day))

    def estimates(self) -> np.ndarray:
        """Return the measures, shape (measures,)."""
        return self.measures.values(self.by_unit.sum(axis=0))

    def draws(self, seed: int) -> np.ndarray:
        """Return bootstrap draws of the measures, shape (repetitions, measures)."""
        active = self.by_unit[self.by_unit[:, 0] > 0]
        rng = generator(seed, "bootstrap")
        # The weight of a unit must not depend on which others were active, so that twins pair.
        weights = rng.poisson(1.0, (REPETITIONS, len(self.by_unit)))[:, self.by_unit[:, 0] > 0]
        return self.measures.values(weights @ active)

    def report(self, draws: np.ndarray) -> Report:
        """Return the measures with their intervals; one of which nothing is known is left out."""
        units = self.measures.units
        values = self.estimates()
        measures = {
            name: interval(values[column], draws[:, column])
            for column, name in enumerate(units)
            if not np.isnan(values[column])
        }
        by_day = pd.DataFrame(self.by_day, columns=list(self.measures.parts))
        by_day.insert(0, "day", np.arange(self.first_day, self.first_day + len(by_day)))
        for name, make in self.measures.daily.items():
            by_day[name] = make(by_day)
        by_unit = pd.DataFrame(self.by_unit, columns=list(self.measures.parts)).rename_axis("unit")
        by_unit = by_unit[self.by_unit[:, 0] > 0]
        return Report(measures, by_day, dict(units), int(self.by_unit[:, 0].sum()), by_unit)


def interval(estimate: float, draws: np.ndarray) -> Interval:
    """Return the estimate with the middle 95 % of its bootstrap draws.

    Examples
    --------
    >>> interval(20, np.arange(41))
    Interval(estimate=20.0, low=1.0, high=39.0)
    """
    low, high = np.quantile(draws, [0.025, 0.975])
    return Interval(float(estimate), float(low), float(high))


def compare_tallies(
    control: Tally, treatment: Tally, *, design: str, seed: int, paired: bool
) -> Comparison:
    """Return both sides with their lifts.

    Parameters
    ----------
    control, treatment : Tally
        With the same measures.
    design : str
        Name of the comparison.
    seed : int
        Of the bootstrap.
    paired : bool
        Whether the same units appear on both sides (twin worlds), so that they share weights.
    """
    draws = (control.draws(seed), treatment.draws(seed if paired else seed + 1))
    reports = (control.report(draws[0]), treatment.report(draws[1]))
    lifts = {}
    for column, name in enumerate(control.measures.units):
        if any(name not in report.measures for report in reports):
            continue
        one, two = (report.measures[name] for report in reports)
        base = draws[0][:, column]
        difference = draws[1][:, column] - base
        change = two.estimate - one.estimate
        relative = np.divide(difference, np.abs(base), out=np.zeros_like(base), where=base != 0)
        share = change / abs(one.estimate) if one.estimate else 0.0
        lifts[name] = Lift(one, two, interval(change, difference), interval(share, relative))
    return Comparison(design, lifts, *reports)

"""What a deployment is judged by: revenue, clicks, advertiser value and user cost, with intervals.

Each measure is a ratio of sums. Intervals resample the units that luck comes in (users; windows of
time in a switchback test) with Poisson weights, a bootstrap that needs no row twice.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from mlsd.metrics import Interval
from mlsd.worlds.ad_click.config import DAY
from mlsd.worlds.base import Comparison, Lift, Report
from mlsd.worlds.kit.luck import generator

REPETITIONS = 300
PARTS = ("requests", "impressions", "clicks", "revenue", "conversion_value", "hides")
UNITS = {
    "revenue": "money per thousand requests",
    "clicks": "clicks per thousand requests",
    "click_through_rate": "clicks per impression",
    "advertiser_value": "conversion value minus spend, money per thousand requests",
    "user_cost": "ads hidden per thousand impressions",
}


def measure_values(parts: np.ndarray) -> np.ndarray:
    """Return the measures, shape (..., 5) in the order of `UNITS`, from sums of shape (..., 6).

    Examples
    --------
    >>> measure_values(np.array([10, 30, 3, 1.5, 2.0, 1.0])).round(3).tolist()
    [150.0, 300.0, 0.1, 50.0, 33.333]
    """
    requests, impressions, clicks, revenue, value, hides = np.moveaxis(parts, -1, 0)
    requests, impressions = np.maximum(requests, 1), np.maximum(impressions, 1)
    return np.stack(
        [
            1_000 * revenue / requests,
            1_000 * clicks / requests,
            clicks / impressions,
            1_000 * (value - revenue) / requests,
            1_000 * hides / impressions,
        ],
        axis=-1,
    )


class Tally:
    """Sums up what happens, by unit and by day.

    Parameters
    ----------
    units : int
        How many users, or windows of time.
    first_day, days : int
    """

    def __init__(self, units: int, *, first_day: int, days: int) -> None:
        self.first_day = first_day
        self.by_unit = np.zeros((units, len(PARTS)))
        self.by_day = np.zeros((days, len(PARTS)))

    def add(self, part: str, unit: np.ndarray, ts: np.ndarray, amount: np.ndarray) -> None:
        """Add amounts of rows that belong to units and happened at times, shape (n,) each."""
        column = PARTS.index(part)
        day = (ts // DAY).astype(np.intp) - self.first_day
        self.by_unit[:, column] += np.bincount(unit, amount, minlength=len(self.by_unit))
        self.by_day[:, column] += np.bincount(day, amount, minlength=len(self.by_day))

    def draws(self, seed: int) -> np.ndarray:
        """Return bootstrap draws of the measures, shape (repetitions, 5)."""
        active = self.by_unit[self.by_unit[:, 0] > 0]
        rng = generator(seed, "bootstrap")
        # The weight of a unit must not depend on which others were active, so that twins pair.
        weights = rng.poisson(1.0, (REPETITIONS, len(self.by_unit)))[:, self.by_unit[:, 0] > 0]
        return measure_values(weights @ active)

    def report(self, draws: np.ndarray) -> Report:
        """Return the measures with their intervals."""
        values = measure_values(self.by_unit.sum(axis=0))
        measures = {
            name: interval(values[column], draws[:, column]) for column, name in enumerate(UNITS)
        }
        by_day = pd.DataFrame(self.by_day, columns=list(PARTS))
        by_day.insert(0, "day", np.arange(self.first_day, self.first_day + len(by_day)))
        by_day["advertiser_value"] = by_day["conversion_value"] - by_day["revenue"]
        by_day["click_through_rate"] = by_day["clicks"] / by_day["impressions"].clip(lower=1)
        return Report(measures, by_day, dict(UNITS), int(self.by_unit[:, 0].sum()))


def interval(estimate: float, draws: np.ndarray) -> Interval:
    """Return the estimate with the middle 95 % of its bootstrap draws."""
    low, high = np.quantile(draws, [0.025, 0.975])
    return Interval(float(estimate), float(low), float(high))


def compare_tallies(
    control: Tally, treatment: Tally, *, design: str, seed: int, paired: bool
) -> Comparison:
    """Return both sides with their lifts.

    Parameters
    ----------
    control, treatment : Tally
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
    for column, name in enumerate(UNITS):
        one, two = (report.measures[name] for report in reports)
        base = draws[0][:, column]
        difference = draws[1][:, column] - base
        change = two.estimate - one.estimate
        relative = np.divide(difference, np.abs(base), out=np.zeros_like(base), where=base != 0)
        share = change / abs(one.estimate) if one.estimate else 0.0
        lifts[name] = Lift(one, two, interval(change, difference), interval(share, relative))
    return Comparison(design, lifts, *reports)

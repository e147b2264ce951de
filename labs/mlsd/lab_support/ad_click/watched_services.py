"""What the monitoring lab works on: the nightly tables of three services, and fortnights of them.

They are drawn, not deployed: thousands of nights are needed to judge an alarm. The shares of
devices and regions, and how late the sales of the flower shop become known, are those of the ad
market (seed 13, three weeks of clicks and two of sales); the categories, the volume, how services
differ in delay and scatter, and what befalls them are set here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import product

import numpy as np

PAST, AGES, HARMFUL_DAYS = 70, 7, 7
SALES_PER_DAY = 3_000
# Shares of the clicks, largest first.
SHARES = {
    "device": (0.579, 0.260, 0.161),
    "region": (0.326, 0.250, 0.175, 0.139, 0.110),
    "category": (
        0.139,
        0.121,
        0.103,
        0.096,
        0.096,
        0.069,
        0.066,
        0.066,
        0.059,
        0.058,
        0.057,
        0.070,
    ),
}
# Share of the sales known on the night of the click, and one to six nights later.
_MARKET = (0.803, 0.076, 0.041, 0.026, 0.021, 0.018, 0.015)
# For each service its delays, and how far a day moves a slice beyond sampling error.
SERVICES: dict[str, tuple[tuple[float, ...], float]] = {
    "flowers": (_MARKET, 0.06),
    "clothes": ((0.60, 0.15, 0.09, 0.06, 0.04, 0.03, 0.03), 0.04),
    "travel": ((0.40, 0.20, 0.13, 0.10, 0.07, 0.05, 0.05), 0.02),
}
QUIET = ("nothing", "campaign", "late sales")
HARMFUL = ("tastes", "region", "promise", "inputs")
QUIET_RUNS, HARMFUL_RUNS = 20, 8
_CELLS = np.array(list(product(*(range(len(parts)) for parts in SHARES.values()))))
SLICES = [(column, value) for column, parts in SHARES.items() for value in range(len(parts))]
# Which cells, combinations of device, region and category, each slice holds.
_HOLDS = np.array(
    [_CELLS[:, list(SHARES).index(column)] == value for column, value in SLICES], dtype=float
)


@dataclass(frozen=True)
class ServiceLog:
    """What is known of a service on the morning after its last day.

    Attributes
    ----------
    expected : ndarray, shape (days, slices)
        Sums of the served predictions: sales that the clicks of a day should bring in seven days.
    known : ndarray, shape (days, slices, 7)
        Sales of the clicks of a day that became known so many nights later; nan for nights to come.
    missing : ndarray, shape (days,)
        Share of the requests that came without a category.
    """

    expected: np.ndarray
    known: np.ndarray
    missing: np.ndarray

    @property
    def days(self) -> int:
        """Number of days."""
        return len(self.expected)

    @property
    def slices(self) -> list[tuple[str, int]]:
        """Column and value of each slice."""
        return SLICES

    def until(self, days: int) -> ServiceLog:
        """Return what was known on the morning after so many days."""
        known = self.known[:days].copy()
        for age in range(1, AGES):
            known[max(days - age, 0) :, :, age] = np.nan
        return replace(
            self, expected=self.expected[:days].copy(), known=known, missing=self.missing[:days]
        )


Watch = Callable[[ServiceLog], bool]
MakeWatch = Callable[[ServiceLog], Watch]


@dataclass(frozen=True)
class Fortnight:
    """The log of ten quiet weeks and the days after them, with what happened, from which day on."""

    log: ServiceLog
    kind: str
    start: int


def fortnight(
    seed: int, service: str, kind: str, number: int = 0, *, scatter: float = 1.0
) -> Fortnight:
    """Return a log of ten quiet weeks, which all numbers share, and of the days of an incident.

    Parameters
    ----------
    seed, number : int
        Of the service, and of the days after its ten quiet weeks.
    service, kind : str
        A key of `SERVICES`, and one of `QUIET` or `HARMFUL`.
    scatter : float
        The service's scatter is that many times the one of `SERVICES`.

    Examples
    --------
    >>> made = fortnight(1, "travel", "late sales")
    >>> made.log.days == made.start + 7, made.log.known.shape[1:]
    (True, (20, 7))
    """
    usual, past = _quiet_weeks(seed, service, scatter)
    rng = np.random.default_rng([61, seed, list(SERVICES).index(service), number])
    start = PAST + int(rng.integers(1, 6))
    days = start + HARMFUL_DAYS - PAST
    bad = np.arange(PAST, PAST + days) >= start
    expected, actual, missing = _days(rng, service, scatter, usual, days)
    if kind == "campaign":
        chosen = _of(rng, "category")
        for table in (expected, actual):
            table[np.ix_(bad, chosen)] *= 2.5
    elif kind == "tastes":
        actual[bad] *= _tastes(rng, usual)
    elif kind == "region":
        actual[np.ix_(bad, _of(rng, "region"))] *= 0.6
    elif kind == "promise":
        expected[np.ix_(bad, _of(rng, "device"))] *= 1.4
    elif kind == "inputs":
        missing[bad] = _missing(rng, int(bad.sum()), 0.012)
        expected[bad] *= 1.01
    known = _arrivals(rng, service, actual)
    later = np.concatenate([past[1], known])
    if kind == "late sales":
        _hold_back(rng, later, start, _of(rng, "device"))
    parts = (past[0], expected), (past[2], missing)
    expected, missing = (np.concatenate(pair) for pair in parts)
    known = (later.transpose(0, 2, 1) @ _HOLDS.T).transpose(0, 2, 1)
    log = ServiceLog(expected @ _HOLDS.T, known, missing)
    return Fortnight(log, kind, start)


def true_rates(seed: int, service: str) -> np.ndarray:
    """Return sales per expected sale that become known so many nights later, shape (slices, 7).

    What the text of the lab goes on with; no answer is given it.

    Examples
    --------
    >>> rates = true_rates(1, "travel")
    >>> rates.shape, bool((rates[:, 0] > rates[:, 1]).all())
    ((20, 7), True)
    """
    usual, _ = _quiet_weeks(seed, service, 1.0)
    ratio = _HOLDS @ usual.prod(axis=0) / (_HOLDS @ usual[0])
    return np.outer(ratio, SERVICES[service][0])


@lru_cache(maxsize=16)
def _quiet_weeks(
    seed: int, service: str, scatter: float
) -> tuple[np.ndarray, tuple[np.ndarray, ...]]:
    """Return usual expectation and calibration of each cell, and expected, known, missing."""
    rng = np.random.default_rng([61, seed, list(SERVICES).index(service)])
    shares = np.prod([np.array(parts)[_CELLS[:, i]] for i, parts in enumerate(SHARES.values())], 0)
    off = np.prod(
        [
            rng.lognormal(0, 0.1, len(parts))[_CELLS[:, i]]
            for i, parts in enumerate(SHARES.values())
        ],
        axis=0,
    )
    usual = np.stack([SALES_PER_DAY * shares / shares.sum(), off])
    expected, actual, missing = _days(rng, service, scatter, usual, PAST)
    return usual, (expected, _arrivals(rng, service, actual), missing)


def _days(
    rng: np.random.Generator, service: str, scatter: float, usual: np.ndarray, days: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return expected sales, mean sales, shape (days, cells), and the share of missing values."""
    expected = usual[0] * rng.lognormal(0, 0.05, days)[:, None]
    moved = np.ones((days, 1))
    width = scatter * SERVICES[service][1]
    for place, parts in enumerate(SHARES.values()):
        moved = moved * rng.lognormal(0, width, (days, len(parts)))[:, _CELLS[:, place]]
    return expected, expected * usual[1] * moved, _missing(rng, days, 0.004)


def _missing(rng: np.random.Generator, days: int, share: float) -> np.ndarray:
    return rng.binomial(40_000, share * rng.lognormal(0, 0.1, days)) / 40_000


def _arrivals(rng: np.random.Generator, service: str, actual: np.ndarray) -> np.ndarray:
    return rng.poisson(actual[..., None] * np.array(SERVICES[service][0]))


def _of(rng: np.random.Generator, column: str) -> np.ndarray:
    """Return the cells of a random value of a column."""
    place = list(SHARES).index(column)
    return np.flatnonzero(_CELLS[:, place] == rng.integers(len(SHARES[column])))


def _tastes(rng: np.random.Generator, usual: np.ndarray) -> np.ndarray:
    """Return a factor for each cell: half of the categories lose what the other half gains."""
    gains = rng.permutation(np.repeat([1.35, 0.65], 6))[_CELLS[:, 2]]
    weight = usual[0] * usual[1]
    return gains * weight.sum() / (gains * weight).sum()


def _hold_back(rng: np.random.Generator, known: np.ndarray, start: int, cells: np.ndarray) -> None:
    """Hold back sales of some cells for three nights, and let them come on the fourth."""
    back = start + 3
    for night in range(start, back):
        for day in range(max(0, night - AGES + 1), min(night + 1, len(known))):
            held = rng.binomial(known[day, cells, night - day], 0.7)
            known[day, cells, night - day] -= held
            if back - day < AGES:
                known[day, cells, back - day] += held

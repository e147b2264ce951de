"""Checks of the monitoring lab: rates at like ages, scatter, causes, and a watch on fresh days."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from mlsd.checks import CheckResult, beats, check, gives, holds
from mlsd.checks.ad_click.alarm_mistakes import WRONG_ANSWERS
from mlsd.checks.reports import names_causes
from mlsd.lab_support.ad_click.watch_points import never, watch_points
from mlsd.lab_support.ad_click.watched_services import MakeWatch, ServiceLog, fortnight

__all__ = [
    "WRONG_ANSWERS",
    "check_cause",
    "check_known_rates",
    "check_make_watch",
    "check_scatter",
]

# Mean points of 27 services, settled on seeds 510 to 521; see `tests/benchmarks/README.md`.
MARGIN = 65.5
_FRESH_SEED = 61_047
_AGES = 7
_INPUTS, _LATE, _WRONG, _NOTHING = "inputs", "late sales", "predictions", "nothing"


def check_known_rates(answer: Callable[[ServiceLog], np.ndarray]) -> CheckResult:
    """Check the first exercise, on logs whose sales are proportional to the expectation."""
    rates = np.array([[0.5, 0.2, 0.1, 0.05, 0.04, 0.03, 0.02]])
    growing = 100.0 * 1.1 ** np.arange(20)[:, None]
    two = np.hstack([growing, np.full((20, 1), 50.0)])
    other = np.array([[0.9, 0.1, 0.0, 0.0, 0.0, 0.0, 0.0]])
    missing = np.zeros(20)
    steady = ServiceLog(growing, growing[:, :, None] * rates, missing).until(20)
    pair = ServiceLog(two, two[:, :, None] * np.vstack([rates, other]), missing).until(20)
    uneven = ServiceLog(growing, growing[:, :, None] * rates, missing)
    uneven.known[3, 0, 0] += 50.0
    first = rates.copy()
    first[0, 0] += 50.0 / growing.sum()
    hint = "a night that has not come yet must count neither as sales nor in what was expected"
    return check(
        "known_rates",
        answer,
        gives(steady, expected=rates, rtol=1e-6, hint=hint),
        gives(pair, expected=np.vstack([rates, other]), rtol=1e-6, hint="a row per slice"),
        gives(
            uneven.until(20),
            expected=first,
            rtol=1e-6,
            hint="use every day that has had the night, and divide sums by sums",
        ),
        points=2,
    )


def check_scatter(answer: Callable[..., float]) -> CheckResult:
    """Check the second exercise, on days whose scatter is known."""
    cases = [(0.08, 500.0, 1), (0.03, 3_000.0, 2), (0.15, 100.0, 3)]
    tests = [
        gives(
            *_scattered(size, mean, seed),
            expected=size,
            rtol=0.08,
            hint="take from the squared differences what sampling explains; then the root",
        )
        for size, mean, seed in cases
    ]
    calm = np.full((20, 3), 100.0)
    tests.append(
        gives(calm, calm, expected=0.0, hint="differences below sampling error mean no scatter")
    )
    return check("scatter", answer, *tests, points=3)


def check_cause(answer: Callable[[pd.DataFrame], list[str]]) -> CheckResult:
    """Check the third exercise, on mornings of other services."""
    return check(
        "cause",
        answer,
        holds(lambda f: len(f(_report((0.1, 0.2, 0.3, 5.0)))) == 1, "one cause per morning"),
        names_causes(
            _report((-9.1, -7.2, 0.4, 11.0), (-12.0, -5.1, -1.0, 4.0)),
            [_LATE, _LATE],
            "sales of clicks that were fine cannot fall because of yesterday's clicks",
        ),
        names_causes(
            _report((-9.1, -1.2, 0.4, 11.0), (7.7, -1.9, 0.2, 8.0)),
            [_WRONG, _WRONG],
            "only the sales of the last day are off, up or down",
        ),
        names_causes(
            _report((1.9, -1.2, 14.0, 7.0), (-5.5, -1.2, 21.0, 9.0)),
            [_INPUTS, _INPUTS],
            "values are missing, whatever the sales say yet",
        ),
        names_causes(
            _report((2.9, -2.4, 1.8, 160.0), (-3.1, -2.0, -2.2, 9.0)),
            [_NOTHING, _NOTHING],
            "volume may move, and the largest of 20 scores is often beyond 2",
        ),
        names_causes(
            _report((8.0, -6.0, 0.3, 6.0)),
            [_WRONG],
            "late sales cannot make a slice sell more than it should",
        ),
        points=3,
    )


def check_make_watch(answer: MakeWatch) -> CheckResult:
    """Check the last exercise by what the watch does on days that nobody has seen."""
    return check(
        "make_watch",
        answer,
        _is_watch,
        beats(
            watch_points,
            never,
            margin=MARGIN,
            seed=_FRESH_SEED,
            unit="mean points of 27 services:",
            authors="69 to 75",
            hint="see in the table below which service avoids too little and which pages falsely",
        ),
        points=4,
    )


def _is_watch(make_watch: MakeWatch) -> str:
    log = fortnight(3, "clothes", "nothing").log
    watch = make_watch(log.until(70))
    if not callable(watch):
        return "return a function of a log"
    said = watch(log.until(71))
    return "" if isinstance(said, (bool, np.bool_)) else "the watch returns True to page, or False"


def _scattered(size: float, mean: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    expected = mean * rng.uniform(0.2, 2.0, (200, 40))
    moved = rng.gamma(size**-2, size**2, expected.shape)
    return rng.poisson(expected * moved).astype(float), expected


def _report(*rows: tuple[float, ...]) -> pd.DataFrame:
    columns = ["new", "older", "missing", "volume"]
    return pd.DataFrame(rows, columns=columns, index=list("ABCDEFG")[: len(rows)])

"""Checks of the monitoring lab: rates at like ages, scatter, causes, and a watch on fresh days."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from mlsd.checks import CheckResult, WrongAnswer, beats, check, gives, holds
from mlsd.checks.result import Test
from mlsd.lab_support.ad_click.watched_services import (
    MakeWatch,
    ServiceLog,
    Watch,
    fortnight,
    never,
    watch_points,
)
from mlsd.monitoring import alarm_threshold

__all__ = [
    "WRONG_ANSWERS",
    "check_cause",
    "check_known_rates",
    "check_make_watch",
    "check_scatter",
]

# Mean points of three services. On seeds 300 to 323 the solution has 69.5 or more (mean 75.7,
# standard deviation 2.2); see `lab_verdicts.py`.
MARGIN = 66.0
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
        _says(
            _report((-9.1, -7.2, 0.4, 11.0), (-12.0, -5.1, -1.0, 4.0)),
            [_LATE, _LATE],
            "sales of clicks that were fine cannot fall because of yesterday's clicks",
        ),
        _says(
            _report((-9.1, -1.2, 0.4, 11.0), (7.7, -1.9, 0.2, 8.0)),
            [_WRONG, _WRONG],
            "only the sales of the last day are off, up or down",
        ),
        _says(
            _report((1.9, -1.2, 14.0, 7.0), (-5.5, -1.2, 21.0, 9.0)),
            [_INPUTS, _INPUTS],
            "values are missing, whatever the sales say yet",
        ),
        _says(
            _report((2.9, -2.4, 1.8, 160.0), (-3.1, -2.0, -2.2, 9.0)),
            [_NOTHING, _NOTHING],
            "volume may move, and the largest of 20 scores is often beyond 2",
        ),
        _says(
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
            unit="mean points of three services:",
            authors="69 to 80",
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


def _says(report: pd.DataFrame, expected: list[str], hint: str) -> Test:
    def test(answer: Callable[[pd.DataFrame], list[str]]) -> str:
        said = list(answer(report.copy()))
        if said == expected:
            return ""
        mornings = [row for _, row in report.iterrows()]
        rows = "; ".join(", ".join(f"{k} {v:g}" for k, v in row.items()) for row in mornings)
        return f"for {rows}: expected {expected}, got {said}; {hint}"

    return test


def _rates(past: ServiceLog) -> np.ndarray:
    base = [past.expected[: past.days - n].sum(axis=0) for n in range(_AGES)]
    return np.nansum(past.known, axis=0) / np.stack(base, axis=1)


def _new(log: ServiceLog, rates: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return log.known[-1, :, 0], rates[:, 0] * log.expected[-1]


def _older(log: ServiceLog, rates: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    pairs = [(log.known[-1 - n, :, n], rates[:, n] * log.expected[-1 - n]) for n in range(1, _AGES)]
    came, mean = (np.sum(part, axis=0) for part in zip(*pairs))
    return came, mean


def _spread(past: ServiceLog, rates: np.ndarray, what: Callable) -> float:
    pairs = [what(past.until(days), rates) for days in range(_AGES, past.days + 1)]
    came, mean = (np.array(part) for part in zip(*pairs))
    return float(np.sqrt(max(0.0, ((came - mean) ** 2 - mean).sum() / (mean**2).sum())))


def _watch(
    *,
    limit: float | None = None,
    scatter: float | None = None,
    late: bool = True,
    inputs: bool = True,
) -> MakeWatch:
    """Return the authors' watch with a part of it left out."""

    def make(past: ServiceLog) -> Watch:
        rates = _rates(past)
        wide = [
            _spread(past, rates, what) if scatter is None else scatter for what in (_new, _older)
        ]
        bound = limit or alarm_threshold(len(past.slices), false_alarms=1 / 1_000)
        most = past.missing.mean() + 6 * past.missing.std()

        def watch(log: ServiceLog) -> bool:
            scores = [
                (came - mean) / np.sqrt(mean + (c * mean) ** 2)
                for (came, mean), c in zip((_new(log, rates), _older(log, rates)), wide)
            ]
            held = late and bool((scores[1] < -4).any())
            loud = (scores[0] > bound).any() or (not held and (scores[0] < -bound).any())
            return bool(loud or (inputs and log.missing[-1] > most))

        return watch

    return make


def _total(past: ServiceLog) -> Watch:
    """Page where the total of the first night leaves its quiet spread: no slices, no causes."""
    devices = slice(0, 3)
    ratio = past.known[:, devices, 0].sum(axis=1) / past.expected[:, devices].sum(axis=1)
    low, high = ratio.mean() + np.array([-3.0, 3.0]) * ratio.std()

    def watch(log: ServiceLog) -> bool:
        now = log.known[-1, devices, 0].sum() / log.expected[-1, devices].sum()
        return not low <= now <= high

    return watch


def _delay_ignored(past: ServiceLog) -> Watch:
    whole = _rates(past).sum(axis=1)

    def watch(log: ServiceLog) -> bool:
        mean = whole * log.expected[-1]
        return bool((np.abs(log.known[-1, :, 0] - mean) > 4 * np.sqrt(mean)).any())

    return watch


def _complete_only(past: ServiceLog) -> Watch:
    """Wait until the sales of a day are complete, and for missing inputs as well."""
    whole = _rates(past).sum(axis=1)
    sold = past.known[:-6].sum(axis=2) / (past.expected[:-6] * whole)
    spread = sold.std(axis=0)

    def watch(log: ServiceLog) -> bool:
        ratio = log.known[-7].sum(axis=1) / (log.expected[-7] * whole)
        return bool((np.abs(ratio - 1) > 4.5 * spread).any())

    return watch


def _always(past: ServiceLog) -> Watch:
    return lambda log: True


def _forgets_nan(log):
    return np.nansum(log.known, axis=0) / log.expected.sum(axis=0)[:, None]


def _mean_of_ratios(log):
    return np.nanmean(log.known / log.expected[:, :, None], axis=0)


def _last_day_only(log):
    return log.known[-7] / log.expected[-7][:, None]


def _with_sampling(sold, mean):
    return float(np.sqrt(((sold / mean - 1) ** 2).mean()))


def _new_only(report):
    return [_WRONG if abs(row.new) > 4 else _NOTHING for row in report.itertuples()]


def _late_first(report):
    return [
        _LATE
        if r.older < -4
        else _INPUTS
        if r.missing > 6
        else _WRONG
        if abs(r.new) > 4
        else _NOTHING
        for r in report.itertuples()
    ]


def _volume_first(report):
    return [_INPUTS if max(r.missing, r.volume / 5) > 6 else _WRONG for r in report.itertuples()]


WRONG_ANSWERS = [
    WrongAnswer("known_rates", "nights to come count as expected", _forgets_nan),
    WrongAnswer("known_rates", "mean of daily ratios", _mean_of_ratios),
    WrongAnswer("known_rates", "the last complete day", _last_day_only),
    WrongAnswer("scatter", "sampling error included", _with_sampling),
    WrongAnswer("scatter", "none", lambda sold, mean: 0.0),
    WrongAnswer("scatter", "remembered", lambda sold, mean: 0.08),
    WrongAnswer("cause", "new sales only", _new_only),
    WrongAnswer("cause", "late even where more was sold", _late_first),
    WrongAnswer("cause", "volume is a fault", _volume_first),
    WrongAnswer("make_watch", "never", never),
    WrongAnswer("make_watch", "always", _always),
    WrongAnswer("make_watch", "the total only", _total),
    WrongAnswer("make_watch", "delay ignored", _delay_ignored),
    WrongAnswer("make_watch", "complete days only", _complete_only),
    WrongAnswer("make_watch", "1.96 for each slice", _watch(limit=1.96)),
    WrongAnswer(
        "make_watch", "a remembered limit of 7, sampling error only", _watch(limit=7.0, scatter=0.0)
    ),
    WrongAnswer("make_watch", "late sales taken for lost ones", _watch(late=False)),
    WrongAnswer("make_watch", "inputs not watched", _watch(inputs=False)),
]

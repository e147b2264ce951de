"""Mistakes in the monitoring lab, written out, that its checks are known to reject."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from mlsd.checks import WrongAnswer
from mlsd.lab_support.ad_click.watch_points import never
from mlsd.lab_support.ad_click.watched_services import MakeWatch, ServiceLog, Watch
from mlsd.monitoring import alarm_threshold

_AGES = 7
_INPUTS, _LATE, _WRONG, _NOTHING = "inputs", "late sales", "predictions", "nothing"


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
    WrongAnswer("make_watch", "a remembered scatter", _watch(scatter=0.06)),
    WrongAnswer("make_watch", "late sales taken for lost ones", _watch(late=False)),
    WrongAnswer("make_watch", "inputs not watched", _watch(inputs=False)),
]

"""Clock, span and unit of time, ties at the cuts, parts out of order, and late labels."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute

from mlsd.data.columns.cells import numbers
from mlsd.data.log import LabelledLog
from mlsd.data.readings import LoadedLog
from mlsd.data.understanding.clock_units import guess_clock
from mlsd.data.understanding.findings import Fact, Findings, LogWarning
from mlsd.runtime.times import DAY, HOUR

RELATIVE_START = DAY
EARLIEST = pd.Timestamp("1990-01-01")
TIED_SHARE = 0.05
LATE_SHARE = 0.05
ZONED = r"(?i)\d:\d\d(:\d\d([.,]\d+)?)?\s*(z|[+-]\d\d(:?\d\d)?)\s*$"
OTHERS_LATER = "; what others chose after a user's last is in training, so nothing is a forecast"


def check_times(loaded: LoadedLog) -> Findings:
    """Say how time was read; warn where that is probably wrong, or cuts by chance."""
    log = loaded.log
    if log.roles.time is None:
        why = (
            "the rows were shuffled"
            if loaded.spec.split.kind == "shuffle"
            else "the parts are given"
        )
        return Findings((Fact("time", f"none; {why}, so nothing is a forecast"),))
    seconds = log.frame[log.roles.time].to_numpy()
    mixed = "; the parts are mixed in time, so nothing is a forecast"
    caution = {"shuffle": mixed, "leave-last-out": OTHERS_LATER}.get(loaded.spec.split.kind, "")
    facts = [Fact("time", f"{log.roles.time}, {clock_in_words(seconds)}{caution}")]
    warnings = _unit_warnings(seconds, log.roles.time, _clock_said(loaded))
    warnings += _mixed_zones(loaded)
    if loaded.spec.split.kind == "time" and seconds[0] < seconds[-1]:
        found = _ties(log, seconds)
        facts += found.facts
        warnings += found.warnings
    warnings += _disorder(log, seconds, loaded.spec.split.kind)
    return Findings(tuple(facts), tuple(warnings))


def clock_in_words(seconds: np.ndarray) -> str:
    """Return first and last moment of ascending times, and their span.

    Times that start within a day of 0 are on a clock of their own.

    Examples
    --------
    >>> clock_in_words(np.array([0, 7200]))
    'seconds on a clock of its own, 0 to 7,200; span 2.0 hours'
    >>> clock_in_words(np.array([1.7e9, 1.7e9 + 864_000]))
    '2023-11-14 22:13:20 to 2023-11-24 22:13:20 UTC; span 10.0 days'
    """
    low, high = float(seconds[0]), float(seconds[-1])
    span = f"span {_length(high - low)}"
    if _is_relative(low):
        return f"seconds on a clock of its own, {low:,.0f} to {high:,.0f}; {span}"
    return f"{_moment(low)} to {_moment(high)} UTC; {span}"


def _is_relative(first: float) -> bool:
    return 0 <= first < RELATIVE_START


def _moment(seconds: float) -> str:
    return f"{np.datetime64(int(np.floor(seconds)), 's')}".replace("T", " ")


def _length(seconds: float) -> str:
    units = ((DAY, "days"), (HOUR, "hours"), (60, "minutes"))
    for unit, name in units:
        if seconds >= 2 * unit:
            return f"{seconds / unit:,.1f} {name}"
    return f"{seconds:,.1f} seconds"


def _clock_said(loaded: LoadedLog) -> str:
    """Return in words what says how times count, the spec or the cells; empty for bare numbers."""
    columns = loaded.columns
    if columns.time_format:
        return f"in the form {columns.time_format}"
    if columns.time_unit not in (None, "s"):
        return f"in {columns.time_unit}"
    raw = next(iter(loaded.tables.values()))
    if pa.types.is_temporal(raw.column(columns.time).type):
        return "as dates"
    first = replace(raw, table=raw.table.slice(0, 1))  # the first cell decides for all
    return "as dates" if numbers(first, columns.time)[1].any() else ""


def _unit_warnings(seconds: np.ndarray, name: str, said: str) -> list[LogWarning]:
    low, high = float(seconds[0]), float(seconds[-1])
    if low == high:
        text = (
            f"every row has the same time in {name!r}, {_moment(low)}: no row comes after another, "
            "and no counter knows a past. Name another column, or leave the role out."
        )
        return [LogWarning("time unit", (name,), text)]
    strange = _strange(low, high)
    if said:
        text = f"{name!r} was read {said}: {strange}. Are all rows written so?"
        return [LogWarning("time unit", (name,), text)] if strange else []
    guess = guess_clock(seconds)
    if guess is None and strange is None:
        return []
    text = (
        f"{name!r} was read as seconds, from {low:,.0f} to {high:,.0f}: "
        f"{strange or f'first moment {_moment(low)}'}"
    )
    if guess is None:
        return [
            LogWarning("time unit", (name,), f"{text}. Say in which unit it counts.", UNIT_LINE)
        ]
    return [LogWarning("time unit", (name,), f"{text}; {guess.words}.", guess.spec_line)]


def _mixed_zones(loaded: LoadedLog) -> list[LogWarning]:
    """Warn where some dates carry a zone and others, read as UTC, do not."""
    name = loaded.columns.time
    cells = [raw.column(name) for raw in loaded.tables.values()]
    if loaded.columns.time_format or not all(pa.types.is_string(each.type) for each in cells):
        return []
    rows = sum(map(len, cells))
    zoned = sum(pa.compute.sum(pa.compute.match_substring_regex(c, ZONED)).as_py() for c in cells)
    if zoned in (0, rows):
        return []
    text = (
        f"{zoned:,} of {rows:,} times in {name!r} carry a zone; the {rows - zoned:,} without one "
        "were read as UTC. If they are of another zone, write it to each."
    )
    return [LogWarning("time unit", (name,), text)]


UNIT_LINE = '[columns] time_unit = "d"  # or h, min, ms, us'


def _strange(low: float, high: float) -> str | None:
    """Return what is unlikely in a first and last moment, or None."""
    if high - low < HOUR:
        return f"a span of {_length(high - low)} for the whole log"
    if not _is_relative(low) and low < EARLIEST.timestamp():
        return f"a first moment of {_moment(low)}, before {EARLIEST.year}"
    return None


def _ties(log: LabelledLog, seconds: np.ndarray) -> Findings:
    """Say how many rows share the time of a cut, and on which side they fell."""
    words, worst = [], 0.0
    for before, after in (("train", "validation"), ("validation", "test")):
        rows = log.parts()[after]
        cut = int(rows[0])
        first = int(np.searchsorted(seconds, seconds[cut], "left"))
        last = int(np.searchsorted(seconds, seconds[cut], "right"))
        if first < cut:
            words.append(
                f"{last - first:,} rows share the time at which {after} begins: "
                f"{cut - first:,} fell into {before}, {last - cut:,} behind the cut"
            )
            worst = max(worst, (last - first) / rows.size)
    text = "; ".join(words) or "none; the time changes where the parts are cut"
    fact = Fact("ties at the cuts", text)
    if worst < TIED_SHARE:
        return Findings((fact,))
    line = _better_parts(log, seconds)
    advice = "Cut where the time changes." if line else "Give a finer time."
    return Findings((fact,), (LogWarning("ties", (log.roles.time,), f"{text}. {advice}", line),))


def _better_parts(log: LabelledLog, seconds: np.ndarray) -> str:
    """Return shares that cut at the nearest changes of time, if each part keeps rows."""
    rows = seconds.size
    changes = np.flatnonzero(seconds[1:] != seconds[:-1]) + 1
    wanted = (log.split.validation[0], log.split.test[0])
    cuts = [int(changes[np.argmin(np.abs(changes - cut))]) for cut in wanted]
    if cuts[0] >= cuts[1]:
        return ""
    shares = [f"{share:.9g}" for share in np.diff([0, *cuts, rows]) / rows]
    return f"[split] parts = [{', '.join(shares)}]"


def _disorder(log: LabelledLog, seconds: np.ndarray, kind: str) -> list[LogWarning]:
    """Warn where parts that were given as three tables do not follow each other in time."""
    if kind != "given":
        return []
    last = seconds[log.split.train[-1]]
    early = int(np.searchsorted(seconds[log.split.test], last, side="left"))
    if not early:
        return []
    text = (
        f"{early:,} of {log.split.test.size:,} test rows happened before the last training row "
        f"({_moment(float(last))}), so the test part is no forecast. Put the three tables into "
        "one and let it be cut by time."
    )
    return [LogWarning("test before training", (log.roles.time,), text, '[split] kind = "time"')]


def check_label_delay(loaded: LoadedLog) -> Findings:
    """Say when labels become known; warn where many training labels are known after the cut."""
    log, name = loaded.log, loaded.log.roles.known_at
    if name is None or log.roles.time is None:
        return Findings()
    seconds, known = (log.frame[key].to_numpy(np.float64) for key in (log.roles.time, name))
    delay = (known - seconds)[np.isfinite(known)]
    late = (known[log.split.train] > seconds[log.split.validation].min()).mean()
    text = (
        f"{name}: median {_length(np.median(delay))} after the row, 99 % within "
        f"{_length(np.quantile(delay, 0.99))}; {late:.1%} of the training labels become known "
        "after the validation part begins"
    )
    fact = Fact("label delay", text)
    if late <= LATE_SHARE or loaded.spec.split.kind == "shuffle":
        return Findings((fact,))
    advice = (
        "No model trained at the cut could have learned from them; live it would do worse. To "
        "leave them out, give the parts as three paths, with that long a gap before validation."
    )
    return Findings((fact,), (LogWarning("late labels", (name,), f"{text}. {advice}"),))

"""Weights, propensities and positions: how the log was drawn, and columns that look like it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute

from mlsd.data.judging import LIKE_ROLES
from mlsd.data.log import LabelledLog
from mlsd.data.readings import LoadedLog
from mlsd.data.understanding.findings import Fact, Findings, LogWarning
from mlsd.data.understanding.spec_lines import role_line, toml_text
from mlsd.metrics.weighted import effective_size, effective_sizes

EFFECTIVE_SHARE = 0.1
MOST_POSITIONS = 10
LEAST_ON_AVERAGE = 0.5  # a row stands for itself at least
MOST_FOR_ALL = 100  # rows that even the row of the smallest weight stands for
LIMITS = {
    "weight": (0.0, np.inf),
    "sampling_rate": (0.0, 1.0),
    "propensity": (0.0, 1.0),
    "position": (-1.0, 1_000.0),
    "known_at": (-np.inf, np.inf),
}


def check_sampling(loaded: LoadedLog) -> Findings:
    """Say what weights, propensities and positions are like, where the log has them."""
    log = loaded.log
    checks = (_weights(log), _propensity(log), _position(log), _unnamed(loaded))
    facts = tuple(fact for found in checks for fact in found.facts)
    return Findings(facts, tuple(warning for found in checks for warning in found.warnings))


def _weights(log: LabelledLog) -> Findings:
    if log.weights is None:
        return Findings()
    name, rows = log.roles.weight, np.bincount(log.label, minlength=2)
    effective = np.array(effective_sizes(log.weights, log.label))
    rate = np.average(log.label, weights=log.weights)
    text = (
        f"{name}, {log.weights.min():g} to {log.weights.max():g}; {rows[1]:,} positives say as "
        f"much as {effective[1]:,.0f} of equal weight, {rows[0]:,} others as {effective[0]:,.0f}; "
        f"all stand for {log.weights.sum():,.0f} rows with {rate:.3%} positives"
    )
    fact = Fact("weights", text)
    said = []
    if (effective < EFFECTIVE_SHARE * rows).any():
        said.append("A few rows decide every metric: give more of the rows that weigh most.")
    if log.weights.min() < log.weights.max() <= 1:
        said.append(
            "A row stands for itself at least: if this is the share of such rows that was kept, "
            f"write sampling_rate = {toml_text(name)} in place of weight; else scale the weights "
            "so that the smallest is 1."
        )
    elif log.weights.mean() < LEAST_ON_AVERAGE or log.weights.min() > MOST_FOR_ALL:
        said.append(
            "A factor that all rows share is not evidence, but counters take it for impressions: "
            "scale the weights so that the smallest is 1."
        )
    warnings = (LogWarning("weights", (name,), f"{text}. {advice}") for advice in said)
    return Findings((fact,), tuple(warnings))


def _propensity(log: LabelledLog) -> Findings:
    name = log.roles.propensity
    if name is None:
        return Findings()
    propensity = log.frame[name].to_numpy(np.float64)
    effective = effective_size(1 / propensity)
    text = (
        f"{name}, at least {propensity.min():.2g}; weighted by its inverse {propensity.size:,} "
        f"rows say as much as {effective:,.0f}"
    )
    fact = Fact("propensity", text)
    if effective >= EFFECTIVE_SHARE * propensity.size:
        return Findings((fact,))
    advice = "Estimates of other policies rest on few rows: clip the weights, or compare near ones."
    return Findings((fact,), (LogWarning("propensity", (name,), f"{text}. {advice}"),))


def _position(log: LabelledLog) -> Findings:
    name = log.roles.position
    if name is None:
        return Findings()
    slots = log.frame[name]
    weights = pd.Series(1.0 if log.weights is None else log.weights, slots.index)
    rates = (weights * log.label).groupby(slots).sum() / weights.groupby(slots).sum()
    shown = ", ".join(f"{place:g}: {rate:.2%}" for place, rate in rates[:MOST_POSITIONS].items())
    more = ", ..." if len(rates) > MOST_POSITIONS else ""
    text = f"{name}, rate of positives by position {shown}{more}; known only after the decision, "
    return Findings((Fact("position", text + "so it is not a feature"),))


def _unnamed(loaded: LoadedLog) -> Findings:
    """Warn of columns that are called like a weight, a propensity or a position and are not it."""
    raw = next(iter(loaded.tables.values()))
    taken = {*loaded.columns.ignore, *loaded.columns.singles().values()}
    likely = {name: LIKE_ROLES.get(name) for name in raw.table.column_names if name not in taken}
    return Findings(
        warnings=tuple(
            _role_warning(loaded, role, name)
            for name, role in likely.items()
            if role and _within(raw.table.column(name), *LIMITS[role])
        )
    )


def _within(values: pa.ChunkedArray, low: float, high: float) -> bool:
    """Whether all cells are numbers above `low` and up to `high`."""
    try:
        ends = pa.compute.min_max(values.cast(pa.float64())).as_py()
    except pa.ArrowException:
        return False
    return ends["min"] is not None and low < ends["min"] and ends["max"] <= high


PURPOSES = {
    "weight": "how many rows a row stands for, so that rates and calibration are those of the "
    "whole log",
    "sampling_rate": "the share of such rows that was kept, so that rates and calibration are "
    "those of the whole log",
    "propensity": "with which probability it was shown, which no model knows when it decides",
    "position": "where it was shown, which no model knows when it decides",
    "known_at": "when the label became known, before which no model can learn from it",
}


def _role_warning(loaded: LoadedLog, role: str, name: str) -> LogWarning:
    reading = loaded.readings.get(name)
    now = f"is read as {reading.role}" if reading else "has no role"
    text = (
        f"{name!r} {now}, and is called like a {role.replace('_', ' ')}: {PURPOSES[role]}. "
        "If it is one, give it the role."
    )
    return LogWarning("role", (name,), text, role_line(loaded, role, name))

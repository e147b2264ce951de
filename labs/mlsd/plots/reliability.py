"""Reliability diagrams: what was promised, and what came."""

from __future__ import annotations

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from mlsd.plots.style import COLOURS
from mlsd.runtime import InputError

_TICKS = np.array([0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100])
_MARKERS = "osD^v"


def plot_reliability(tables: Mapping[str, pd.DataFrame], *, axes: Axes | None = None) -> Axes:
    """Draw observed against predicted rate, both in percent on logarithmic axes, and the diagonal.

    Logarithmic axes keep rates of one percent apart from rates of three, which linear ones, made
    for probabilities up to one, press into a corner. A bin without a single 1 has no place on such
    an axis: only its interval is drawn, from the lower edge up.

    Parameters
    ----------
    tables : mapping of str to DataFrame
        One a model, by the name for the legend, at most five, as
        `mlsd.metrics.reliability_table` gives them: columns ``predicted``, ``observed``, ``low``
        and ``high``, rates between 0 and 1. A bin whose prediction is 0 is left out.
    axes : Axes or None
        Where to draw; a new square figure for None.

    Returns
    -------
    Axes

    Raises
    ------
    InputError
        For no table or more than five, a missing column, or nothing above 0 to draw.

    Examples
    --------
    >>> from mlsd.metrics import reliability_table
    >>> table = reliability_table([0, 1, 0, 1], [0.2, 0.2, 0.6, 0.6], bins=2)
    >>> axes = plot_reliability({"model": table})
    >>> axes.get_xscale(), axes.get_ylabel()
    ('log', 'observed click rate, % (log scale)')
    """
    drawn = _drawable(tables)
    if axes is None:
        _, axes = plt.subplots(figsize=(4.6, 4.2))
    limits = _limits(drawn)
    for (name, table), marker, colour in zip(drawn.items(), _MARKERS, COLOURS.values()):
        _draw(axes, table, limits[0], label=name, marker=marker, color=colour)
    axes.plot(limits, limits, color=COLOURS["black"], lw=1, label="promise kept")
    axes.set(xscale="log", yscale="log", xlim=limits, ylim=limits)
    ticks = _TICKS[(limits[0] <= _TICKS) & (limits[1] >= _TICKS)]
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_ticks(ticks, [f"{tick:g}" for tick in ticks])
        axis.set_minor_locator(plt.NullLocator())
    axes.set_xlabel("predicted click rate, % (log scale)")
    axes.set_ylabel("observed click rate, % (log scale)")
    axes.legend(loc="upper left")
    return axes


def _drawable(tables: Mapping[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """Return the tables in percent, without the bins that have no place on the axes."""
    if not 1 <= len(tables) <= len(_MARKERS):
        raise InputError(f"{len(tables)} tables; give one to {len(_MARKERS)}")
    columns = ["predicted", "observed", "low", "high"]
    for name, table in tables.items():
        missing = [column for column in columns if column not in table]
        if missing:
            raise InputError(f"table {name!r} lacks the column {missing[0]!r}")
    drawn = {name: 100 * table[columns] for name, table in tables.items()}
    drawn = {name: table[table["predicted"] > 0] for name, table in drawn.items()}
    if not any(len(table) for table in drawn.values()):
        raise InputError("no predicted rate is above 0; a logarithmic axis has nothing to show")
    return drawn


def _limits(drawn: Mapping[str, pd.DataFrame]) -> tuple[float, float]:
    """Return one pair of limits for both axes, so that the diagonal stays one."""
    rates = pd.concat(list(drawn.values()))[["predicted", "observed", "high"]].to_numpy()
    return float(rates[rates > 0].min()) / 1.5, float(rates.max()) * 1.3


def _draw(axes: Axes, table: pd.DataFrame, floor: float, **style: str) -> None:
    bars = np.maximum(table[["low", "high"]].to_numpy(), floor)
    axes.vlines(table["predicted"], bars[:, 0], bars[:, 1], color=style["color"], lw=1.5)
    seen = table[table["observed"] > 0]
    axes.plot(seen["predicted"], seen["observed"], ls="", ms=5, **style)

"""The ladder of a case as one figure, from its ledger."""

from __future__ import annotations

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from mlsd.plots.style import COLOURS

_MARKS = {
    "none": ("grey", "D"),
    "ids": ("blue", "o"),
    "counters": ("red", "s"),
    "histories": ("green", "^"),
    "truth": ("black", "*"),
}


def plot_ladder(
    ledger: pd.DataFrame,
    *,
    metric: str,
    label: str,
    kinds: Mapping[str, str],
    axes: Axes | None = None,
) -> Axes:
    """Draw one metric with its 95 % interval, one line per rung, the first rung on top.

    Parameters
    ----------
    ledger : DataFrame
        As `mlsd.experiments.load_ledger` gives it.
    metric : str
        Column of the ledger; its interval stands in `<metric>_low` and `<metric>_high`.
    label : str
        Of the axis of the metric.
    kinds : mapping of str to str
        Name in the legend of each kind of features, in the order of the legend.
    axes : Axes or None
        Where to draw; a new figure for None.

    Returns
    -------
    Axes
    """
    if axes is None:
        _, axes = plt.subplots(figsize=(7.2, 0.36 * len(ledger) + 1.2))
    height = np.arange(len(ledger))[::-1]
    for features, name in kinds.items():
        colour, marker = _MARKS[features]
        rows = (ledger["features"] == features).to_numpy()
        if rows.any():
            value = ledger.loc[rows, metric]
            low, high = (ledger.loc[rows, f"{metric}_{end}"] for end in ("low", "high"))
            axes.errorbar(
                value,
                height[rows],
                xerr=np.maximum([value - low, high - value], 0),
                fmt=marker,
                color=COLOURS[colour],
                capsize=3,
                label=name,
            )
    axes.set_yticks(height, ledger["rung"])
    axes.set_xlabel(label)
    axes.legend(loc="upper left", fontsize=8)
    return axes


def plot_deployed(
    ledger: pd.DataFrame,
    *,
    metric: str,
    label: str,
    online: str,
    online_label: str,
    names: Mapping[str, str],
    title: str = "",
    higher_is_better: bool = False,
    axes: Axes | None = None,
) -> Axes:
    """Draw what some rungs earned when deployed against an offline metric.

    Parameters
    ----------
    ledger : DataFrame
        As `mlsd.experiments.load_ledger` gives it.
    metric, online : str
        Columns of the ledger; the interval of `metric` stands in `<metric>_low` and `_high`.
    label, online_label : str
        Of their axes. The better side of either is up or right.
    names : mapping of str to str
        From the rungs to draw to what is written beside them.
    title : str
        What the figure shows.
    higher_is_better : bool
        Of the offline metric.
    axes : Axes or None
        Where to draw; a new figure for None.

    Returns
    -------
    Axes
    """
    if axes is None:
        _, axes = plt.subplots(figsize=(8.0, 4.2))
    rows = ledger[ledger["rung"].isin(names)].sort_values(online)
    low, value, high = (rows[f"{metric}{end}"] for end in ("_low", "", "_high"))
    middle = (value.min() + value.max()) / 2
    heights = spread_labels(rows[online].tolist(), (rows[online].max() - rows[online].min()) / 14)
    for place, (_, row) in enumerate(rows.iterrows()):
        colour, marker = _MARKS[row["features"]]
        error = np.maximum([value - low, high - value], 0)[:, [place]]
        style = {"fmt": marker, "color": COLOURS[colour], "capsize": 3, "markersize": 8}
        axes.errorbar(row[metric], row[online], xerr=error, **style)
        # The name stands on the side where the figure has more room.
        is_left = (row[metric] < middle) == higher_is_better
        axes.annotate(
            names[row["rung"]],
            ((low if is_left != higher_is_better else high).iloc[place], heights[place]),
            xytext=(8 if is_left else -8, 0),
            textcoords="offset points",
            ha="left" if is_left else "right",
            va="center",
        )
    if not higher_is_better:
        axes.invert_xaxis()
    axes.margins(x=0.06, y=0.12)
    axes.set(xlabel=label, ylabel=online_label, title=title)
    return axes


def spread_labels(heights: list[float], gap: float) -> list[float]:
    """Return rising heights moved apart to at least `gap`, each group about where it was.

    Examples
    --------
    >>> spread_labels([1.0, 5.0, 5.2], 1.0)
    [1.0, 4.6, 5.6]
    """
    groups: list[list[float]] = []
    for height in heights:
        groups.append([height])
        while len(groups) > 1 and _bottom(groups[-1], gap) - _top(groups[-2], gap) < gap:
            last = groups.pop()
            groups[-1] += last
    return [
        round(_bottom(group, gap) + place * gap, 9)
        for group in groups
        for place in range(len(group))
    ]


def _bottom(group: list[float], gap: float) -> float:
    return sum(group) / len(group) - gap * (len(group) - 1) / 2


def _top(group: list[float], gap: float) -> float:
    return sum(group) / len(group) + gap * (len(group) - 1) / 2

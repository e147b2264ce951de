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

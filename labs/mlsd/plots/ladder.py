"""The ladder of a case as one figure, from its ledger."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from mlsd.plots.style import COLOURS

_TABLES = {
    "none": ("no features", "grey", "D"),
    "ids": ("ids only", "blue", "o"),
    "counters": ("ids and as-of counters", "red", "s"),
    "histories": ("ids, counters and click histories", "green", "^"),
    "truth": ("the world's own probability", "black", "*"),
}


def plot_ladder(ledger: pd.DataFrame, *, axes: Axes | None = None) -> Axes:
    """Draw normalized entropy with its 95 % interval, one line a rung, the first rung on top.

    Parameters
    ----------
    ledger : DataFrame
        As `mlsd.experiments.load_ledger` gives it.
    axes : Axes or None
        Where to draw; a new figure for None.

    Returns
    -------
    Axes
    """
    if axes is None:
        _, axes = plt.subplots(figsize=(7.2, 0.36 * len(ledger) + 1.2))
    height = np.arange(len(ledger))[::-1]
    for features, (label, colour, marker) in _TABLES.items():
        rows = (ledger["features"] == features).to_numpy()
        if rows.any():
            value = ledger.loc[rows, "normalized_entropy"]
            low, high = (ledger.loc[rows, f"normalized_entropy_{end}"] for end in ("low", "high"))
            axes.errorbar(
                value,
                height[rows],
                xerr=np.maximum([value - low, high - value], 0),
                fmt=marker,
                color=COLOURS[colour],
                capsize=3,
                label=label,
            )
    axes.set_yticks(height, ledger["rung"])
    axes.set_xlabel("normalized entropy on the test part (lower is better; bar: 95 % interval)")
    axes.legend(loc="upper left", fontsize=8)
    return axes

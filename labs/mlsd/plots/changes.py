"""Changes with their intervals, one line each."""

from __future__ import annotations

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes

from mlsd.plots.style import COLOURS


def plot_changes(
    changes: pd.DataFrame, *, xlabel: str, title: str = "", axes: Axes | None = None
) -> Axes:
    """Draw each change as a dot with its interval, the first on top, and a line at no change.

    Parameters
    ----------
    changes : DataFrame
        Columns `estimate`, `low` and `high`; the index names the lines. Where it has two levels,
        the second (the measure) gives the colour; otherwise all have one colour.
    xlabel : str
        What changes, and its unit.
    title : str
        What the figure shows.
    axes : Axes or None
        Where to draw; a new figure for None.

    Returns
    -------
    Axes

    Examples
    --------
    >>> changes = pd.DataFrame({"estimate": [1.0], "low": [0.5], "high": [2.0]}, index=["clicks"])
    >>> [label.get_text() for label in plot_changes(changes, xlabel="%").get_yticklabels()]
    ['clicks']
    """
    if axes is None:
        _, axes = plt.subplots(figsize=(6.5, 0.45 * len(changes) + 1.0))
    labels = [name if isinstance(name, str) else " · ".join(name) for name in changes.index]
    measures = ["" if isinstance(name, str) else name[-1] for name in changes.index]
    palette = dict(zip(dict.fromkeys(measures), COLOURS.values()))
    heights = range(len(changes) - 1, -1, -1)
    for height, measure, (_, change) in zip(heights, measures, changes.iterrows()):
        axes.plot([change["low"], change["high"]], [height] * 2, color=palette[measure], lw=3)
        axes.plot(change["estimate"], height, "o", color=palette[measure])
    axes.axvline(0, color=COLOURS["black"], linewidth=1)
    axes.set_yticks(heights, labels)
    axes.set_ylim(-0.6, len(changes) - 0.4)
    axes.set_xlabel(xlabel)
    axes.set_title(title)
    return axes

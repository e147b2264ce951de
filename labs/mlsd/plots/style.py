"""The one style of all figures."""

from __future__ import annotations

from matplotlib import cycler

# Okabe and Ito's palette, made to be told apart by colour-blind readers.
COLOURS = {
    "blue": "#0072B2",
    "orange": "#E69F00",
    "green": "#009E73",
    "red": "#D55E00",
    "purple": "#CC79A7",
    "sky": "#56B4E9",
    "black": "#000000",
    "grey": "#999999",
}


def course_style() -> dict[str, object]:
    """Return matplotlib settings for ``matplotlib.rc_context`` or ``rcParams.update``.

    Examples
    --------
    >>> course_style()["axes.grid"]
    True
    """
    return {
        "axes.grid": True,
        "axes.prop_cycle": cycler(color=list(COLOURS.values())),
        "axes.spines.right": False,
        "axes.spines.top": False,
        "figure.constrained_layout.use": True,
        "figure.dpi": 90,
        "figure.figsize": (7.0, 3.6),
        "font.size": 10,
        "grid.alpha": 0.3,
        "legend.frameon": False,
        "svg.fonttype": "none",
        "svg.hashsalt": "mlsd",
    }

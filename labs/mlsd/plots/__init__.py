"""Figures of the course: one style, colours that colour-blind readers can tell apart."""

from mlsd.plots.changes import plot_changes
from mlsd.plots.ladder import plot_deployed, plot_ladder
from mlsd.plots.reliability import plot_reliability
from mlsd.plots.style import COLOURS, course_style

__all__ = [
    "COLOURS",
    "course_style",
    "plot_changes",
    "plot_deployed",
    "plot_ladder",
    "plot_reliability",
]

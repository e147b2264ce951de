"""Time budget: the workbook, once complete, has to pass in the time that CI has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import fmean

# What the complete workbook will hold: chapters, solutions, and labs that are run unsolved.
PLANNED = {"notebooks": 60, "solutions": 40, "labs": 40}


@dataclass(frozen=True)
class TimeBudget:
    """Seconds of every notebook against the minutes that all may take.

    Attributes
    ----------
    seconds : mapping
        Wall seconds by path; its first folder says which kind it is.
    workers : int
        How many run side by side.
    minutes : float
        What all notebooks together may take.

    Examples
    --------
    >>> budget = TimeBudget({"notebooks/a/10_b.ipynb": 30.0}, workers=2, minutes=50)
    >>> budget.projected_minutes, budget.complaints()
    (15.0, [])
    """

    seconds: Mapping[str, float]
    workers: int
    minutes: float

    def of_kind(self, kind: str) -> list[float]:
        """Return the seconds of the notebooks under one folder."""
        return [value for path, value in self.seconds.items() if path.startswith(f"{kind}/")]

    @property
    def spent_minutes(self) -> float:
        """Minutes that these notebooks take on the workers."""
        return sum(self.seconds.values()) / self.workers / 60

    @property
    def projected_minutes(self) -> float:
        """Minutes of the complete workbook, if the rest is like what there is, kind by kind."""
        total = 0.0
        for kind, planned in PLANNED.items():
            values = self.of_kind(kind)
            total += fmean(values) * max(planned, len(values)) if values else 0.0
        return total / self.workers / 60

    def complaints(self, *, project: bool = True) -> list[str]:
        """Return what exceeds the budget; `project` also holds the complete workbook to it."""
        found = []
        if self.spent_minutes > self.minutes:
            found.append(f"these notebooks take {self.spent_minutes:.1f} min")
        if project and self.projected_minutes > self.minutes:
            found.append(f"the complete workbook would take {self.projected_minutes:.1f} min")
        return [f"{text} on {self.workers} workers; allowed are {self.minutes:g}" for text in found]

    def lines(self) -> list[str]:
        """Return the table of seconds, slowest first, and the projection, as lines of text."""
        ranked = sorted(self.seconds.items(), key=lambda entry: -entry[1])
        table = [f"{value:8.1f} s  {path}" for path, value in ranked]
        for kind, planned in PLANNED.items():
            values = self.of_kind(kind)
            if values:
                count = f"{len(values)} of {max(planned, len(values))}"
                table.append(f"{fmean(values):8.1f} s  average of {kind} ({count} planned)")
        return [
            *table,
            f"{self.spent_minutes:6.1f} min  these, on {self.workers} workers",
            f"{self.projected_minutes:6.1f} min  the complete workbook, if the rest is like these",
        ]

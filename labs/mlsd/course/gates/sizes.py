"""Gate on the measures of a chapter or lab."""

from __future__ import annotations

from mlsd.course.document import Document, Problem
from mlsd.course.measures import Measure, measure


def within_ranges(document: Document) -> list[Problem]:
    """Check that every measure is inside its gate."""
    return [document.problem(_message(found)) for found in measure(document) if not found.passes]


def _message(found: Measure) -> str:
    low, high = found.gate
    allowed = f"at most {high:g}" if found.value > high else f"at least {low:g}"
    return f"{found.name}: {found.value:.4g}, allowed is {allowed}"

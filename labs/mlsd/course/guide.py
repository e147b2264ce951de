"""The teaching plan: minutes, points, run times, stop points, discussion and its answers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from mlsd.course.document import Course, Document
from mlsd.course.notebooks import RUN_RECORD
from mlsd.course.routes import ROUTES, Sitting
from mlsd.runtime import InputError


def teaching_plan(course: Course, route: str = "") -> str:
    """Return the plan of the whole course, or of one route, as markdown text.

    Parameters
    ----------
    course : Course
    route : str
        A key of `ROUTES`, as in ``"two hours"``; empty for every chapter and lab.

    Raises
    ------
    InputError
        For an unknown route.
    """
    if route and route not in ROUTES:
        raise InputError(f"unknown route {route!r}; choose among {', '.join(ROUTES)}")
    if not route:
        return "\n\n".join(_entry(document) for document in course.documents)
    return "\n\n".join(_sitting(route, sitting) for sitting in ROUTES[route](course))


def _sitting(route: str, sitting: Sitting) -> str:
    title = f"# {route}{sitting.label}: {sitting.minutes} minutes"
    return "\n\n".join([title, *(_entry(p.document, p.until) for p in sitting.parts)])


def _entry(document: Document, until: str = "") -> str:
    front = document.front
    lines = [f"## {document.unit.label}: {front.title} ({_cost(document)})", ""]
    lines += _timetable(document, until)
    lines += _listed("Introduces", front.introduces)
    lines += _listed("Needs", front.needs)
    lines += _listed("Labs", front.labs)
    points = document.points_by_exercise.items()
    lines += _listed("Points", [f"{name} {number:g}" for name, number in points])
    if front.discussion:
        lines += ["", f"Discuss: {front.discussion}"]
    if front.answer:
        lines.append(f"- a good answer: {front.answer}")
    lines += [f"- commonly, and wrongly: {answer}" for answer in front.wrong_answers]
    return "\n".join(lines)


def _cost(document: Document) -> str:
    """Return minutes, points and what a run costs, as the last build recorded it."""
    parts = [f"{document.front.minutes} min"]
    if document.points:
        parts.append(f"{document.points:g} points")
    record = document.notebook.metadata.get(RUN_RECORD, {}) if document.notebook else {}
    if "cpu_seconds" in record:
        parts.append(f"runs in {record['cpu_seconds']:.0f} CPU seconds")
    return ", ".join(parts)


def _timetable(document: Document, until: str) -> Iterator[str]:
    clock = 0
    for section in document.front.sections:
        start, clock = clock, clock + section.minutes
        stop = "  <- one may stop here" if section.stop else ""
        yield f"- {start:3d}-{clock:3d} min  {section.name}{stop}"
        if section.name == until:
            return


def _listed(label: str, concepts: Iterable[str]) -> list[str]:
    text = ", ".join(concepts)
    return ["", f"{label}: {text}"] if text else []

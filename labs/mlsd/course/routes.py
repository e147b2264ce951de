"""Routes through the course by the time that one has."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from mlsd.course.document import Course, Document
from mlsd.runtime import CASE_NAMES

TWO_HOURS, A_DAY, WEEKS = 120, 360, 6
FRAMEWORK = "00_framework"


@dataclass(frozen=True)
class Part:
    """A chapter or lab, whole or up to one of its stop points."""

    document: Document
    minutes: int
    until: str = ""


@dataclass(frozen=True)
class Sitting:
    """What to do in one go, with a label such as ``, week 2`` where a route has several."""

    parts: tuple[Part, ...]
    label: str = ""

    @property
    def minutes(self) -> int:
        """Minutes of all parts."""
        return sum(part.minutes for part in self.parts)


def fill_sitting(documents: Iterable[Document], minutes: int) -> tuple[Part, ...]:
    """Return what fits into `minutes`, in order; the last part ends at a stop point.

    A document of which not even the first stop point fits ends the sitting.
    """
    parts: list[Part] = []
    for document in documents:
        left = minutes - sum(part.minutes for part in parts)
        if document.front.minutes <= left:
            parts.append(Part(document, document.front.minutes))
            continue
        parts += _beginning(document, left)
        break
    return tuple(parts)


def two_hours(course: Course) -> list[Sitting]:
    """Take the opening, then frame and baseline of the first case study, without labs."""
    chosen = [d for d in _first_case(course) if d.unit.kind == "chapter"]
    return _single(_opening(course) + [d for d in chosen if d.unit.step < 30], TWO_HOURS)


def a_day(course: Course) -> list[Sitting]:
    """Take the opening, then the first case study with its labs, as far as a day goes."""
    return _single(_opening(course) + _first_case(course), A_DAY)


def six_weeks(course: Course) -> list[Sitting]:
    """Spread all cases over six parts of about equal length, in reading order."""
    total = sum(document.front.minutes for document in course.documents)
    weeks: list[list[Part]] = [[] for _ in range(WEEKS)]
    done = 0
    for document in course.documents:
        middle = done + document.front.minutes / 2
        part = Part(document, document.front.minutes)
        weeks[min(int(WEEKS * middle / total), WEEKS - 1)].append(part)
        done += document.front.minutes
    filled = [tuple(parts) for parts in weeks if parts]
    return [Sitting(parts, f", week {number}") for number, parts in enumerate(filled, start=1)]


ROUTES: Mapping[str, Callable[[Course], list[Sitting]]] = {
    "two hours": two_hours,
    "a day": a_day,
    "six weeks": six_weeks,
}


def _opening(course: Course) -> list[Document]:
    """Return what stands before the first step of the framework."""
    return [d for d in course.documents if d.unit.case == FRAMEWORK and d.unit.step < 10]


def _first_case(course: Course) -> list[Document]:
    """Return the documents of the first case study, in reading order, that has any."""
    cases = [name.folder for name in CASE_NAMES]
    first = next((d.unit.case for d in course.documents if d.unit.case in cases), None)
    return [d for d in course.documents if d.unit.case == first]


def _single(documents: list[Document], minutes: int) -> list[Sitting]:
    parts = fill_sitting(documents, minutes)
    return [Sitting(parts)] if parts else []


def _beginning(document: Document, minutes: int) -> list[Part]:
    """Return the longest beginning of a document that ends at a stop point and fits."""
    spent, best = 0, []
    for section in document.front.sections:
        spent += section.minutes
        if section.stop and spent <= minutes:
            best = [Part(document, spent, section.name)]
    return best

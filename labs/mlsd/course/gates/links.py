"""Gates on links: none leads nowhere, and chapters and labs lead to each other."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

from mlsd.course.document import Course, Document, Problem
from mlsd.course.layout import Unit, find_units
from mlsd.course.reading import without_code

_LINK = re.compile(r"\]\(\s*<?([^)\s>]+)>?[^)]*\)")
_ELSEWHERE = re.compile(r"^(?:[a-z][a-z0-9+.-]*:|#)", re.IGNORECASE)


def links_resolve(course: Course) -> list[Problem]:
    """Check that each relative link leads to a file, from every folder where its notebook lies."""
    there = {path.resolve() for unit in find_units(course.root) for path in _files(unit)}
    problems = []
    for document in course.documents:
        for position, address in _links(document):
            for folder in _folders(document):
                target = (folder / unquote(address.split("#")[0])).resolve()
                if target not in there and not target.exists():
                    place = folder.relative_to(course.root).as_posix()
                    message = f"the link to {address!r} leads nowhere from {place}/"
                    problems.append(document.problem(message, position))
    return problems


def links_complete(course: Course) -> list[Problem]:
    """Check that a chapter links to its labs and to those it needs, and a lab to its chapter."""
    problems = []
    for document in course.documents:
        named = {Path(unquote(a.split("#")[0])).name for _, a in _links(document)}
        for target in _wanted(course, document):
            if f"{target.unit.name}.ipynb" not in named:
                link = f"[{target.unit.name}]({_address(document, target)})"
                problems.append(document.problem(f"has no link to {link}; add it"))
    return problems


def _wanted(course: Course, document: Document) -> list[Document]:
    """Return what a chapter needs and its labs, or the chapter of a lab."""
    same_case = [other for other in course.documents if other.unit.case == document.unit.case]
    if document.unit.kind == "lab":
        return [d for d in same_case if document.unit.name in d.front.labs]
    needs = {concept.lower() for concept in document.front.needs}
    homes = [
        other
        for other in course.documents
        if other is not document and needs & {c.lower() for c in other.front.introduces}
    ]
    return homes + [other for other in same_case if other.unit.name in document.front.labs]


def _address(document: Document, target: Document) -> str:
    if document.unit.kind == target.unit.kind and document.unit.case == target.unit.case:
        return f"{target.unit.name}.ipynb"
    folder = "labs" if target.unit.kind == "lab" else "notebooks"
    return f"../../{folder}/{target.unit.case}/{target.unit.name}.ipynb"


def _links(document: Document) -> Iterator[tuple[int, str]]:
    for position, cell in enumerate(document.source.cells):
        if cell.cell_type == "markdown":
            for found in _LINK.finditer(cell.source):
                kept = without_code(cell.source)[found.start()] == "]"
                if kept and not _ELSEWHERE.match(found.group(1)):
                    yield position, found.group(1)


def _folders(document: Document) -> list[Path]:
    unit = document.unit
    return [unit.notebook.parent, *([unit.lab.parent] if unit.kind == "lab" else [])]


def _files(unit: Unit) -> list[Path]:
    return [unit.notebook, *([unit.lab] if unit.kind == "lab" else [])]

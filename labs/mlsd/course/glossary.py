"""The glossary: one line for each concept of the course and each public name that chapters use."""

from __future__ import annotations

import os
from itertools import groupby
from pathlib import Path

from nbformat import NotebookNode
from nbformat.v4 import new_markdown_cell, new_notebook

from mlsd.course.document import Course, Document
from mlsd.course.layout import glossary_path
from mlsd.course.names import PublicName, imported_names
from mlsd.course.notebooks import (
    render_notebook,
    set_cell_ids,
    strip_machine_noise,
    write_notebook,
)

# Chapters that a name is shown with; a check is used in all of them.
_SHOWN = 3
_INTRODUCTION = """\
# Glossary

Every concept of the course in one line, with the chapter that teaches it, and every name of the
package `mlsd` that chapters use. The page is generated from the headers of the chapters and from
docstrings, so it is edited there."""


def make_glossary(course: Course) -> NotebookNode:
    """Return the glossary as a notebook without code."""
    texts = [_INTRODUCTION, _concepts(course), *_names(course)]
    notebook = new_notebook(cells=[new_markdown_cell(text) for text in texts if text])
    strip_machine_noise(notebook)
    set_cell_ids(notebook)
    return notebook


def write_glossary(course: Course) -> bool:
    """Write the glossary of the course, if it has anything to say; return whether it changed."""
    if not course.documents:
        return False
    return write_notebook(make_glossary(course), glossary_path(course.root))


def glossary_is_current(course: Course) -> bool:
    """Return whether the glossary is what the course makes of it."""
    path = glossary_path(course.root)
    if not course.documents:
        return True
    made = render_notebook(make_glossary(course))
    return path.is_file() and path.read_text(encoding="utf-8") == made


def _concepts(course: Course) -> str:
    entries = sorted(
        (
            (concept, definition, document)
            for document in course.documents
            for concept, definition in document.front.introduces.items()
        ),
        key=lambda entry: entry[0].lower(),
    )
    lines = [
        f"- **{concept}**{f': {definition}'.rstrip('.: ')}. Taught in {_link(document)}."
        for concept, definition, document in entries
    ]
    return "\n".join(["## Concepts", "", *lines]) if lines else ""


def _names(course: Course) -> list[str]:
    chapters = {document.unit.label: document for document in course.of_kind("chapter")}
    texts = []
    for module, names in groupby(imported_names(course), key=lambda entry: entry.module):
        lines = [_entry(name, chapters) for name in names]
        texts.append("\n".join([f"### `{module}`", "", *lines]))
    return ["## Names of the package", *texts] if texts else []


def _entry(name: PublicName, chapters: dict[str, Document]) -> str:
    # Docstrings write ``code`` where Markdown writes `code`.
    says = f": {name.says.replace('``', '`')}" if name.says else "."
    used = ", ".join(_link(chapters[label]) for label in name.used_in[:_SHOWN])
    more = len(name.used_in) - _SHOWN
    rest = f" and {more} more chapter{'s' * (more > 1)}" if more > 0 else ""
    return f"- `{name.name}`{says} Used in {used}{rest}."


def _link(document: Document) -> str:
    unit = document.unit
    folder = glossary_path(unit.root).parent
    address = Path(os.path.relpath(unit.notebook, folder)).as_posix()
    return f"[{unit.name}]({address})"

"""Gates that hold what is derived to its source."""

from __future__ import annotations

from nbformat import NotebookNode

from mlsd.course.document import Document, Problem
from mlsd.course.labs import make_lab
from mlsd.course.notebooks import render_notebook
from mlsd.runtime import InputError

_ADVICE = "run `mlsd course build` (source wins) or `mlsd course pull` (notebook wins)"


def notebook_matches_source(document: Document) -> list[Problem]:
    """Check that source and notebook agree cell by cell, and in the header."""
    if document.notebook is None:
        return []
    source, notebook = document.source, document.notebook
    if source.metadata.get("mlsd") != notebook.metadata.get("mlsd"):
        return [document.problem("the notebook has another header; run `mlsd course build`")]
    for position, (left, right) in enumerate(zip(source.cells, notebook.cells)):
        if _content(left) != _content(right):
            return [document.problem(f"differs in the notebook; {_ADVICE}", position)]
    if len(source.cells) != len(notebook.cells):
        counts = f"{len(source.cells)} cells, the notebook {len(notebook.cells)}"
        return [document.problem(f"has {counts}; {_ADVICE}")]
    return []


def lab_regenerates(document: Document) -> list[Problem]:
    """Check that the lab is, to the byte, what nbgrader makes of the solution."""
    if document.lab is None:
        return []
    try:
        lab = make_lab(document.source, document.path)
    except InputError as error:
        return [document.problem(str(error).removeprefix(f"{document.path}: "))]
    if render_notebook(lab) == document.unit.lab.read_text(encoding="utf-8"):
        return []
    place = next((i for i, (a, b) in enumerate(zip(lab.cells, document.lab.cells)) if a != b), None)
    message = "the lab is not what the solution makes; run `mlsd course build` on it"
    return [document.problem(message, place)]


def _content(cell: NotebookNode) -> tuple[object, ...]:
    return cell.cell_type, cell.source, cell.metadata, cell.get("id")

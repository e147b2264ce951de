"""Gate on figures: each says what it shows."""

from __future__ import annotations

import ast

from mlsd.course.code import parsed_cells
from mlsd.course.document import Document, Problem
from mlsd.course.measures import figure_count

_SETTERS = frozenset({"set_title", "suptitle", "title"})


def figures_titled(document: Document) -> list[Problem]:
    """Check that a cell that shows or leaves a figure gives it a title.

    The title is set in the cell, or in a function of the notebook that the cell calls.
    """
    drawn = _drawn(document)
    helpers: set[str] = set()
    problems = []
    for position, tree in parsed_cells(document.source):
        helpers |= {
            node.name for node in tree.body if isinstance(node, ast.FunctionDef) and _titles(node)
        }
        called = {name for node in ast.walk(tree) for name in _called(node)}
        shows = "show" in called or position in drawn
        if shows and not _titles(tree) and not called & helpers:
            message = "draws a figure without a title; let the title say what it shows"
            problems.append(document.problem(message, position))
    return problems


def _drawn(document: Document) -> set[int]:
    """Return the cells whose stored outputs hold a figure; those of an older text do not count."""
    if document.notebook is None:
        return set()
    pairs = zip(document.source.cells, document.notebook.cells)
    return {
        place
        for place, (cell, built) in enumerate(pairs)
        if cell.source == built.source and built.cell_type == "code" and figure_count(built)
    }


def _titles(tree: ast.AST) -> bool:
    """Tell whether a title that is not empty is set somewhere in `tree`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            given = [word.value for word in node.keywords if word.arg == "title"]
            given += node.args[:1] if _SETTERS & set(_called(node)) else []
            if any(not isinstance(value, ast.Constant) or value.value for value in given):
                return True
    return False


def _called(node: ast.AST) -> list[str]:
    if not isinstance(node, ast.Call):
        return []
    return [getattr(node.func, "attr", None) or getattr(node.func, "id", "")]

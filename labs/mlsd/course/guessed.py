"""Which guesses the notebooks of the course ask for."""

from __future__ import annotations

import ast
from pathlib import Path

from nbformat import NotebookNode

from mlsd.course.code import parsed_cells
from mlsd.course.layout import Unit, find_units
from mlsd.course.notebooks import read_notebook
from mlsd.course.source import read_source


def calls(notebook: NotebookNode, function: str) -> list[tuple[str, int]]:
    """Return the first argument of each call of `function`, with the index of its cell.

    What an f-string fills in is ``*``, so that a loop over names counts for each of them.

    Examples
    --------
    >>> from nbformat import v4
    >>> cells = [v4.new_markdown_cell("# One"), v4.new_code_cell('guess("rise", ..., unit="%")')]
    >>> calls(v4.new_notebook(cells=cells), "guess")
    [('rise', 1)]
    """
    return [
        (name, position)
        for position, tree in parsed_cells(notebook)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and getattr(node.func, "id", "") == function
        and (name := _name(node)) is not None
    ]


def _name(call: ast.Call) -> str | None:
    first = call.args[0] if call.args else None
    if isinstance(first, ast.JoinedStr):
        return "".join(str(p.value) if isinstance(p, ast.Constant) else "*" for p in first.values)
    return str(first.value) if isinstance(first, ast.Constant) else None


def asked_in(root: Path) -> dict[str, Unit]:
    """Return which chapter or lab asks for each guess, in reading order.

    Of a unit whose source is missing, the notebook is read.

    Raises
    ------
    InputError
        If a source or a notebook cannot be read.
    """
    asked = {}
    for unit in find_units(root):
        notebook = read_source(unit) if unit.source.is_file() else _made(unit)
        for name, _ in calls(notebook, "guess"):
            asked.setdefault(name, unit)
    return asked


def _made(unit: Unit) -> NotebookNode:
    made = (unit.notebook, *([unit.lab] if unit.kind == "lab" else []))
    return read_notebook(next(path for path in made if path.is_file()))

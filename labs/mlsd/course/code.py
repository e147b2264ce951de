"""What the code cells of a notebook say, from their syntax trees."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from nbformat import NotebookNode

_MAGIC = re.compile(r"^\s*(?:%{1,2}\w|!|\?)")


def code_cells(notebook: NotebookNode) -> Iterator[tuple[int, NotebookNode]]:
    """Yield index and cell of every code cell."""
    for position, cell in enumerate(notebook.cells):
        if cell.cell_type == "code":
            yield position, cell


def code_lines(text: str) -> int:
    """Return the number of lines that are not blank.

    Examples
    --------
    >>> code_lines("a = 1\\n\\nb = 2\\n")
    2
    """
    return sum(bool(line.strip()) for line in text.splitlines())


def magics(text: str) -> list[str]:
    """Return the lines that IPython, not Python, understands.

    Examples
    --------
    >>> magics("%run setup.py\\nx = 5 % 3\\n!ls")
    ['%run setup.py', '!ls']
    """
    return [line.strip() for line in text.splitlines() if _MAGIC.match(line)]


def parse_cell(text: str) -> ast.Module:
    """Return the syntax tree of a cell, magics left out.

    Raises
    ------
    SyntaxError
        If the rest is not Python.
    """
    return ast.parse("\n".join("" if _MAGIC.match(line) else line for line in text.splitlines()))


def parsed_cells(notebook: NotebookNode) -> Iterator[tuple[int, ast.Module]]:
    """Yield index and syntax tree of every code cell that parses."""
    for position, cell in code_cells(notebook):
        try:
            yield position, parse_cell(cell.source)
        except SyntaxError:
            continue


def definitions(notebook: NotebookNode) -> int:
    """Return how many functions and classes the notebook defines; methods do not count."""
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    return sum(isinstance(node, kinds) for _, tree in parsed_cells(notebook) for node in tree.body)


def has_ellipsis(tree: ast.AST) -> bool:
    """Tell whether ``...`` stands for a value in the tree, as it does in a stub."""
    return any(isinstance(n, ast.Constant) and n.value is Ellipsis for n in ast.walk(tree))


def longest_run(flags: list[bool]) -> int:
    """Return the length of the longest run of true values.

    Examples
    --------
    >>> longest_run([True, False, True, True])
    2
    """
    longest = current = 0
    for flag in flags:
        current = current + 1 if flag else 0
        longest = max(longest, current)
    return longest

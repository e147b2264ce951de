"""Gates on what code cells may hold."""

from __future__ import annotations

import ast
import re

from mlsd.course.code import code_cells, magics, parse_cell, parsed_cells
from mlsd.course.document import Document, Problem
from mlsd.course.notebooks import cell_tags, output_text

TAGS = frozenset({"check", "exercise", "guess", "nbval-check-output", "your-turn"})
_HIDDEN = ("source_hidden", "outputs_hidden")
_ALLOWED_MAGICS = re.compile(r"%{1,2}(matplotlib|time|timeit)\b")
_INSTALLS = re.compile(r"\b(pip3?|conda|mamba|apt(-get)?)['\"]?[,\s]+['\"]?install\b")
_FOLDERS = "home|Users|root|tmp|work|var|opt|usr|mnt|srv|private|content|data"
_ABSOLUTE = re.compile(rf"(?<![\w.:/<)\]~])/(?:{_FOLDERS})/[\w.]|\b[A-Za-z]:\\\\?\w")


def cells_parse(document: Document) -> list[Problem]:
    """Check that every code cell is Python."""
    problems = []
    for position, cell in code_cells(document.source):
        try:
            parse_cell(cell.source)
        except SyntaxError as error:
            problems.append(document.problem(f"is not Python: {error.msg}", position))
    return problems


def imports_first(document: Document) -> list[Problem]:
    """Check that all imports stand in the first code cell, but for that of a locked check."""
    first = next((position for position, _ in code_cells(document.source)), None)
    return [
        document.problem("imports something; move it to the first code cell", position)
        for position, tree in parsed_cells(document.source)
        if position != first
        and any(_is_import(node) for node in ast.walk(tree) if not imports_check(document, node))
    ]


def imports_check(document: Document, node: ast.AST) -> bool:
    """Tell whether `node` imports one of the checks of the lab."""
    return (
        document.unit.kind == "lab"
        and isinstance(node, ast.ImportFrom)
        and node.module == document.unit.checks_module
        and any(name.name.startswith("check_") for name in node.names)
    )


def no_path_tricks(document: Document) -> list[Problem]:
    """Check that no cell touches ``sys.path`` or installs anything."""
    problems = []
    for position, cell in code_cells(document.source):
        if re.search(r"\bsys\s*\.\s*path\b", cell.source):
            problems.append(document.problem("touches sys.path; install the package", position))
        if _INSTALLS.search(cell.source):
            problems.append(document.problem("installs something; declare it instead", position))
    return problems


def no_magics(document: Document) -> list[Problem]:
    """Check that no magic fetches or runs files; timing and inline plots are allowed."""
    return [
        document.problem(f"`{line}` is a magic; write Python", position)
        for position, cell in code_cells(document.source)
        for line in magics(cell.source)
        if not _ALLOWED_MAGICS.match(line)
    ]


def nothing_hidden(document: Document) -> list[Problem]:
    """Check that no cell is hidden, and that all tags have a meaning in this course."""
    problems = [
        document.problem(f"unknown tag {tag!r}; allowed are {', '.join(sorted(TAGS))}", position)
        for position, cell in enumerate(document.source.cells)
        for tag in cell_tags(cell)
        if tag not in TAGS
    ]
    built = document.notebook.cells if document.notebook is not None else []
    for position, cell in enumerate(built):
        folded = [key for key in _HIDDEN if cell.metadata.get("jupyter", {}).get(key)]
        if folded or cell.metadata.get("hide_input") or cell.metadata.get("collapsed"):
            problems.append(document.problem("is hidden in the notebook; show it", position))
    return problems


def no_absolute_paths(document: Document) -> list[Problem]:
    """Check that neither text, code nor output names a folder of some machine."""
    texts = [(place, cell.source) for place, cell in enumerate(document.source.cells)]
    if document.notebook is not None:
        built = code_cells(document.notebook)
        texts += [(place, output_text(out)) for place, cell in built for out in cell.outputs]
    problems = []
    for position, text in texts:
        found = _ABSOLUTE.search(text)
        if found:
            line = text[found.start() :].split()[0]
            problems.append(document.problem(f"absolute path `{line[:60]}`", position))
    return problems


def _is_import(node: ast.AST) -> bool:
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        return node.func.id == "__import__"
    return isinstance(node, (ast.Import, ast.ImportFrom))

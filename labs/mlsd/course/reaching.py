"""What the cells of a hand-in reach for that no exercise asks for: where a grader looks first."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from nbformat import NotebookNode
from nbgrader.utils import is_locked

from mlsd.course.code import parsed_cells

# Modules and functions by which code reaches what runs it.
_MODULES = frozenset(
    [
        "builtins",
        "ctypes",
        "dataclasses",
        "gc",
        "importlib",
        "inspect",
        "IPython",
        "mlsd.checks",
        "os",
        "pathlib",
        "signal",
        "subprocess",
        "sys",
        "threading",
        "types",
    ]
)
# What a class may need. Every other name of Python's own leads to what runs an answer, and so do
# the attributes of frames.
_PLAIN_DUNDERS = frozenset(
    ["__call__", "__doc__", "__init__", "__len__", "__main__", "__name__", "__post_init__"]
)
_FRAMES = frozenset(["cr_frame", "f_back", "f_globals", "f_locals", "gi_frame", "tb_frame"])
_NAMES = frozenset(
    ["__import__", "delattr", "eval", "exec", "get_ipython", "globals", "open", "setattr", "vars"]
)


def reaches(notebook: NotebookNode) -> list[str]:
    """Return what the cells that a learner can edit reach for, as in ``"cell 4: import sys"``.

    Empty says nothing in a hand-in's favour: there are other ways to write the same.

    Parameters
    ----------
    notebook : NotebookNode
        With nbgrader's metadata; locked cells are left out.
    """
    cells = [(n, t) for n, t in parsed_cells(notebook) if not is_locked(notebook.cells[n])]
    imported = {name for _, tree in parsed_cells(notebook) for name in _imported_names(tree)}
    found = ((n, text) for n, tree in cells for text in _reached(tree, imported))
    return [f"cell {number + 1}: {text}" for number, text in dict.fromkeys(found)]


def _reached(tree: ast.Module, imported: set[str]) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and node.id in _NAMES:
            yield node.id
        elif isinstance(node, ast.Import | ast.ImportFrom):
            yield from (f"import {m}" for m in _modules(node) if _is_named(m) or "._" in m)
        elif (inner := _inner_name(node) or _private_name(node)) is not None:
            yield inner
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            base = ast.unparse(node).partition(".")[0]
            if base in imported:
                yield f"{ast.unparse(node)} = ..."


def _inner_name(node: ast.AST) -> str | None:
    """Return the attribute, or the text it may be asked for by, that only Python's inside has."""
    name = node.attr if isinstance(node, ast.Attribute) else getattr(node, "value", None)
    if not isinstance(name, str):
        return None
    dunder = name.startswith("__") and name.endswith("__") and name not in _PLAIN_DUNDERS
    return name if name in _FRAMES or (dunder and name.isidentifier()) else None


def _private_name(node: ast.AST) -> str | None:
    """Return a private attribute of an object that is not the class's own, or the text for one."""
    if isinstance(node, ast.Attribute):
        name, own = node.attr, isinstance(node.value, ast.Name) and node.value.id in ("self", "cls")
    else:
        name, own = getattr(node, "value", None), False
    private = isinstance(name, str) and name.isidentifier() and name.startswith("_")
    return name if private and not own and not name.endswith("_") else None


def _is_named(module: str) -> bool:
    parents = module.split(".")
    # Which labs use themselves, and which leads nowhere.
    if module == "dataclasses.replace":
        return False
    return any(".".join(parents[:length]) in _MODULES for length in range(1, len(parents) + 1))


def _modules(node: ast.Import | ast.ImportFrom) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return [f"{node.module or ''}.{alias.name}" for alias in node.names]


def _imported_names(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield from ((a.asname or a.name).partition(".")[0] for a in node.names)

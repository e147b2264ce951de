"""Public names that chapters import, and the first line of what each says of itself.

Nothing is imported: names are followed through the package's files, so that a gate may do it.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from nbformat import NotebookNode

from mlsd.course.code import parsed_cells
from mlsd.course.document import Course

_PACKAGE = "mlsd"
_LABS = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class PublicName:
    """A name of the package, as a chapter imports it.

    Attributes
    ----------
    module, name : str
        As in ``from module import name``.
    says : str
        First line of its docstring; empty where it has none.
    used_in : tuple of str
        Labels of the chapters, in reading order.
    """

    module: str
    name: str
    says: str
    used_in: tuple[str, ...]


def imported_names(course: Course) -> list[PublicName]:
    """Return the names of the package that chapters import or use of a module, sorted."""
    used: dict[tuple[str, str], dict[str, None]] = {}
    for chapter in course.of_kind("chapter"):
        for found in _names_in(chapter.source):
            used.setdefault(found, {})[chapter.unit.label] = None
    return [
        PublicName(module, name, first_line(module, name), tuple(used[module, name]))
        for module, name in sorted(used, key=lambda key: (key[0], key[1].lower()))
    ]


def _names_in(notebook: NotebookNode) -> Iterator[tuple[str, str]]:
    """Yield module and name of what a notebook imports, and of what it uses of a module."""
    modules: dict[str, str] = {}
    for _, tree in parsed_cells(notebook):
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(_PACKAGE):
                for alias in node.names:
                    yield node.module, alias.name
                    if _file(f"{node.module}.{alias.name}"):
                        modules[alias.asname or alias.name] = f"{node.module}.{alias.name}"
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and getattr(node.value, "id", "") in modules:
                yield modules[node.value.id], node.attr


def first_line(module: str, name: str) -> str:
    """Return the first line of the docstring of a name, as it stands in the package's files.

    Examples
    --------
    >>> first_line("mlsd.notebook", "track").startswith("Yield the items")
    True
    """
    nested = _file(f"{module}.{name}")
    if nested:
        return _summary(_parse(nested))
    file = _file(module)
    for tree in _parsed(file):
        for node in tree.body:
            if getattr(node, "name", "") == name:
                return _summary(node)
            if isinstance(node, ast.ImportFrom):
                for alias in node.names:
                    if (alias.asname or alias.name) == name:
                        return first_line(_absolute(node, module, file), alias.name)
    return ""


def _summary(node: ast.AST) -> str:
    """Return the first paragraph of a docstring, which is a line or a few."""
    text = ast.get_docstring(node) or ""
    return " ".join(text.split("\n\n")[0].split())


def _file(module: str) -> Path | None:
    base = _LABS / Path(*module.split("."))
    choices = (base / "__init__.py", base.with_suffix(".py"))
    return next((path for path in choices if path.is_file()), None)


def _parsed(file: Path | None) -> list[ast.Module]:
    """Return the trees that say where a module's names live: its stub first, if it has one."""
    if file is None:
        return []
    stub = file.with_suffix(".pyi")
    return [_parse(path) for path in (stub, file) if path.is_file()]


def _parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def _absolute(node: ast.ImportFrom, module: str, file: Path) -> str:
    if not node.level:
        return node.module
    parents = module.split(".")
    kept = len(parents) - node.level + (file.stem == "__init__")
    return ".".join([*parents[:kept], *([node.module] if node.module else [])])

"""A unit read from disk, once, for everything that measures or judges it."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from nbformat import NotebookNode

from mlsd.course.front_matter import FrontMatter
from mlsd.course.layout import Unit, find_units
from mlsd.course.notebooks import read_notebook
from mlsd.course.source import read_front_matter, read_source
from mlsd.runtime import InputError


@dataclass(frozen=True)
class Problem:
    """Something a gate found.

    Attributes
    ----------
    path : str
        The file to edit, relative to the project.
    cell : int or None
        Place of the cell, counted from one as JupyterLab shows them.
    message : str
        What is wrong, and what to do.

    Examples
    --------
    >>> str(Problem("source/notebooks/a/10_b.py", 3, "is empty; delete it"))
    'source/notebooks/a/10_b.py: cell 3: is empty; delete it'
    """

    path: str
    cell: int | None
    message: str

    def __str__(self) -> str:
        cell = f" cell {self.cell}:" if self.cell else ""
        return f"{self.path}:{cell} {self.message}"


@dataclass(frozen=True)
class Document:
    """A chapter or lab with all that was made from it.

    Attributes
    ----------
    unit : Unit
    front : FrontMatter
    source : NotebookNode
        As the source describes it, without outputs.
    notebook : NotebookNode or None
        The built chapter or solution.
    lab : NotebookNode or None
        The built unsolved lab.
    """

    unit: Unit
    front: FrontMatter
    source: NotebookNode
    notebook: NotebookNode | None
    lab: NotebookNode | None

    @property
    def path(self) -> str:
        """The source, relative to the project."""
        return self.unit.source.relative_to(self.unit.root).as_posix()

    @property
    def points(self) -> float:
        """Points of all exercises of a lab; 0 for a chapter."""
        return sum(self.points_by_exercise.values())

    @property
    def points_by_exercise(self) -> dict[str, float]:
        """Points of each exercise of a lab, in order."""
        grades = (cell.metadata.get("nbgrader", {}) for cell in self.source.cells)
        return {g.grade_id.removeprefix("check_"): g.points for g in grades if "points" in g}

    def problem(self, message: str, position: int | None = None) -> Problem:
        """Return a problem of the source; `position` is a cell's index, from zero."""
        return Problem(self.path, None if position is None else position + 1, message)


@dataclass(frozen=True)
class Course:
    """All units of a project that can be read, in reading order."""

    root: Path
    documents: tuple[Document, ...]

    def of_kind(self, kind: str) -> list[Document]:
        """Return the chapters, or the labs."""
        return [document for document in self.documents if document.unit.kind == kind]


def load_document(unit: Unit) -> Document:
    """Read a unit.

    Raises
    ------
    InputError
        If its source or its front matter cannot be read, or a notebook is broken. A notebook that
        is missing is None.
    """
    source = read_source(unit)
    return Document(
        unit=unit,
        front=read_front_matter(unit, source),
        source=source,
        notebook=_read_if_there(unit.notebook),
        lab=_read_if_there(unit.lab) if unit.kind == "lab" else None,
    )


def load_course(root: Path) -> tuple[Course, list[Problem]]:
    """Read every unit, and return what could not be read as problems."""
    documents, problems = [], []
    for unit in find_units(root):
        path = unit.source.relative_to(root).as_posix()
        try:
            documents.append(load_document(unit))
        except InputError as error:
            message = str(error).removeprefix(f"{path}:").strip()
            problems.append(Problem(path, None, message))
    return Course(root, tuple(documents)), problems


def load_checks(unit: Unit) -> ModuleType:
    """Import the checks of a lab from the project that the lab lies in.

    Raises
    ------
    InputError
        If the module is missing.
    """
    path = unit.checks.relative_to(unit.root).as_posix()
    if not unit.checks.is_file():
        raise InputError(f"{path}: the lab's checks are missing; see `mlsd course new`")
    spec = importlib.util.spec_from_file_location(unit.checks_module, unit.checks)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def check_functions(module: ModuleType) -> dict[str, Callable[[Any], Any]]:
    """Return the checks of a module by the name of their exercise."""
    own = {
        name: value
        for name, value in vars(module).items()
        # What several labs share, such as `check_policy`, is imported and is not an exercise.
        if name.startswith("check_") and value.__module__ == module.__name__
    }
    return {name.removeprefix("check_"): function for name, function in own.items()}


def _read_if_there(path: Path) -> NotebookNode | None:
    return read_notebook(path) if path.is_file() else None

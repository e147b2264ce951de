"""How nbgrader runs what was handed in: a check is the package's own, and has to say a number."""

from __future__ import annotations

import os
from typing import Any

from nbformat import NotebookNode
from nbformat.v4 import new_output
from nbgrader.converters import Autograde
from nbgrader.preprocessors import DeduplicateIds, Execute
from nbgrader.utils import is_grade, is_solution

from mlsd.checks.outcome import grading_seed
from mlsd.checks.result import grading_seconds
from mlsd.course.reaching import reaches
from mlsd.runtime import InputError

# In front of a locked check, whose first line imports it: the import then reads the file again, and
# the variables are those that the grader set.
_START_AFRESH = """\
for _name in [name for name in __import__("sys").modules if name.startswith("mlsd.checks")]:
    del __import__("sys").modules[_name]
__import__("os").environ.update({variables!r})
"""
_VARIABLES = ("MLSD_CHECKS", "MLSD_GRADING", "MLSD_GRADING_SECONDS", "MLSD_GRADING_SEED")


class ExecuteGraded(Execute):
    """nbgrader's execution, in which a hand-in cannot replace a check or make it fall silent.

    The checks are read from their files again before each locked cell, so that one that was
    redefined or changed in its module earns nothing. nbgrader gives all points to a cell that says
    nothing, or something that is not a number of points; here such a cell earns none. It gives none
    to a cell that wrote to stderr; here that is left out, since a right answer may. What a hand-in
    reaches for that no exercise asks for is logged: see `reaches`.
    """

    def preprocess(
        self, nb: NotebookNode, resources: dict[str, Any], *given: Any, **named: Any
    ) -> tuple[NotebookNode, dict[str, Any]]:
        """Run all cells; see nbconvert's ``ExecutePreprocessor``."""
        student = resources.get("nbgrader", {}).get("student", "this hand-in")
        for line in reaches(nb):
            self.log.warning("read the answers of %s, %s", student, line)
        return super().preprocess(nb, resources, *given, **named)

    def preprocess_cell(
        self, cell: NotebookNode, resources: dict[str, Any], index: int
    ) -> tuple[NotebookNode, dict[str, Any]]:
        """Run one cell; see nbconvert's ``ExecutePreprocessor``."""
        if cell.cell_type != "code" or not is_grade(cell) or is_solution(cell):
            return super().preprocess_cell(cell, resources, index)
        source = cell.source
        variables = {name: os.environ.get(name, "") for name in _VARIABLES}
        cell.source = _START_AFRESH.format(variables=variables) + source
        try:
            cell, resources = super().preprocess_cell(cell, resources, index)
        finally:
            cell.source = source
        cell.outputs = [output for output in cell.outputs if output.get("name") != "stderr"]
        if not _has_verdict(cell.outputs, float(cell.metadata.nbgrader.points)):
            # nbgrader reads the first output that counts.
            cell.outputs.insert(0, _no_verdict())
        return cell, resources


class ForgetCopies(DeduplicateIds):
    """nbgrader's step, which takes a cell that was copied for one of an older nbgrader.

    Of cells with one name the last one counts. The others are plain cells here; nbgrader leaves an
    empty record in them, and then stops at it without grading anybody who comes after.
    """

    def preprocess_cell(
        self, cell: NotebookNode, resources: dict[str, Any], cell_index: int
    ) -> tuple[NotebookNode, dict[str, Any]]:
        """Take nbgrader's record from a cell whose name was seen before."""
        cell, resources = super().preprocess_cell(cell, resources, cell_index)
        if cell.metadata.get("nbgrader") == {}:
            del cell.metadata["nbgrader"]
        return cell, resources


def sanitizing_steps() -> list[type]:
    """Return nbgrader's steps before execution, with `ForgetCopies` in the place of its own."""
    steps = Autograde.sanitize_preprocessors.default()
    return [ForgetCopies if step is DeduplicateIds else step for step in steps]


def graded_steps() -> list[type]:
    """Return the steps of nbgrader's autograding, with `ExecuteGraded` in the place of its own."""
    steps = Autograde.autograde_preprocessors.default()
    return [ExecuteGraded if step is Execute else step for step in steps]


def require_settings() -> None:
    """End the process in one line if a variable that grading reads cannot be read.

    nbgrader logs an error in its configuration and goes on without it, so that everybody would be
    graded by other rules.

    Raises
    ------
    SystemExit
    """
    try:
        grading_seed(0)
        grading_seconds()
    except InputError as error:
        raise SystemExit(f"mlsd: {error}") from None


def _has_verdict(outputs: list[NotebookNode], points: float) -> bool:
    if any(output.output_type == "error" for output in outputs):
        return True
    values = [output for output in outputs if output.output_type == "execute_result"]
    try:
        (value,) = values
        # nbgrader gives all points for what is below zero, and for what is not a number.
        return 0 <= float(value.data["text/plain"]) <= points
    except (KeyError, ValueError):
        return False


def _no_verdict() -> NotebookNode:
    text = "the check said no number of points, so that it earns none"
    return new_output("error", ename="NoVerdict", evalue=text, traceback=[text])

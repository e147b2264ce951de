"""How nbgrader runs what was handed in: a check is the package's own, and has to say a number."""

from __future__ import annotations

from typing import Any

from nbformat import NotebookNode
from nbformat.v4 import new_output
from nbgrader.converters import Autograde
from nbgrader.preprocessors import Execute
from nbgrader.utils import is_grade, is_solution

from mlsd.checks.outcome import grading_seed
from mlsd.checks.result import grading_seconds
from mlsd.runtime import InputError

# In front of a locked check, whose first line imports it: the import then reads the file again.
_FORGET_CHECKS = """\
for _name in [name for name in __import__("sys").modules if name.startswith("mlsd.checks")]:
    del __import__("sys").modules[_name]
"""


class ExecuteGraded(Execute):
    """nbgrader's execution, in which a hand-in cannot replace a check or make it fall silent.

    The checks are read from their files again before each locked cell, so that one that was
    redefined or changed in its module earns nothing. nbgrader gives all points to a cell that says
    nothing, or something that is not a number; here such a cell earns none.
    """

    def preprocess_cell(
        self, cell: NotebookNode, resources: dict[str, Any], index: int
    ) -> tuple[NotebookNode, dict[str, Any]]:
        """Run one cell; see nbconvert's ``ExecutePreprocessor``."""
        if cell.cell_type != "code" or not is_grade(cell) or is_solution(cell):
            return super().preprocess_cell(cell, resources, index)
        source = cell.source
        cell.source = _FORGET_CHECKS + source
        try:
            cell, resources = super().preprocess_cell(cell, resources, index)
        finally:
            cell.source = source
        if not _has_verdict(cell.outputs):
            # nbgrader reads the first output that counts.
            cell.outputs.insert(0, _no_verdict())
        return cell, resources


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


def _has_verdict(outputs: list[NotebookNode]) -> bool:
    if any(output.output_type == "error" for output in outputs):
        return True
    values = [output for output in outputs if output.output_type == "execute_result"]
    try:
        (value,) = values
        float(value.data["text/plain"])
    except (KeyError, ValueError):
        return False
    return True


def _no_verdict() -> NotebookNode:
    text = "the check said no number of points, so that it earns none"
    return new_output("error", ename="NoVerdict", evalue=text, traceback=[text])

"""The unsolved lab, made from its solution by nbgrader's own preprocessors."""

from __future__ import annotations

from copy import deepcopy

from nbformat import NotebookNode

from mlsd.course.notebooks import clear_outputs, set_cell_ids
from mlsd.runtime import InputError

CODE_STUB = "return ..."
TEXT_STUB = "*Write your answer here.*"


def make_lab(solution: NotebookNode, where: str) -> NotebookNode:
    """Return the lab of a solution: stubs in place of solution regions, and no outputs.

    Parameters
    ----------
    solution : NotebookNode
        With nbgrader's metadata; it is not changed.
    where : str
        Its source, for messages.

    Raises
    ------
    InputError
        If nbgrader is not installed, or does not accept the solution's regions or metadata.
    """
    lab, resources = deepcopy(solution), {}
    for preprocessor in _preprocessors():
        try:
            lab, resources = preprocessor.preprocess(lab, resources)
        except Exception as error:  # nbgrader raises RuntimeError, ValidationError and others
            raise InputError(f"{where}: nbgrader refuses the solution: {error}") from None
    clear_outputs(lab)
    set_cell_ids(lab)
    return lab


def grading_config() -> dict[str, dict[str, object]]:
    """Return the settings of nbgrader that the labs are made with, by class name."""
    return {
        "ClearSolutions": {"code_stub": {"python": CODE_STUB}, "text_stub": TEXT_STUB},
        "LockCells": {"lock_solution_cells": False},
    }


def _preprocessors() -> list[object]:
    try:
        from nbgrader import preprocessors as steps
    except ImportError:
        message = "nbgrader is not installed; run `pip install -e .[instructor]`"
        raise InputError(message) from None
    from traitlets.config import Config

    config = Config(grading_config())
    kinds = (
        steps.LockCells,
        steps.ClearSolutions,
        steps.ClearOutput,
        steps.CheckCellMetadata,
        steps.ClearHiddenTests,
        steps.ClearMarkScheme,
        steps.ComputeChecksums,
    )
    return [kind(config=config) for kind in kinds]

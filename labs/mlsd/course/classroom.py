"""A course folder for nbgrader: an assignment a lab, with the settings that the labs need."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from mlsd.course.execution import CELL_TIMEOUT_SECONDS
from mlsd.course.labs import grading_config
from mlsd.course.layout import Unit
from mlsd.course.notebooks import clear_outputs, read_notebook, write_notebook
from mlsd.runtime import InputError, atomic_path


def make_classroom(folder: Path, units: Iterable[Unit]) -> list[Path]:
    """Make ``folder`` an nbgrader course with the given labs as its assignments.

    ``nbgrader generate_assignment NAME`` then releases a lab, and with ``MLSD_GRADING=1``
    ``nbgrader autograde NAME`` grades what came back.

    Parameters
    ----------
    folder : Path
        New or empty.
    units : iterable of Unit
        Labs whose solutions are built.

    Returns
    -------
    list of Path
        The assignments' notebooks.

    Raises
    ------
    InputError
        If the folder holds something, or a solution is not built.
    """
    if folder.exists() and any(folder.iterdir()):
        raise InputError(f"{folder}: is not empty; give a new folder")
    solutions = {unit.name: read_notebook(unit.notebook) for unit in units}
    assignments = []
    for name, notebook in solutions.items():
        clear_outputs(notebook)
        assignments.append(folder / "source" / name / f"{name}.ipynb")
        write_notebook(notebook, assignments[-1])
    with atomic_path(folder / "nbgrader_config.py") as temporary:
        temporary.write_text(_config_text(), encoding="utf-8")
    return assignments


def _config_text() -> str:
    settings = {
        **grading_config(),
        "CourseDirectory": {"course_id": "mlsd"},
        "ExecutePreprocessor": {"timeout": CELL_TIMEOUT_SECONDS},
        "Execute": {"timeout": CELL_TIMEOUT_SECONDS},
    }
    lines = ["c = get_config()"]
    for name, values in settings.items():
        lines += [f"c.{name}.{key} = {value!r}" for key, value in values.items()]
    return "\n".join(lines) + "\n"

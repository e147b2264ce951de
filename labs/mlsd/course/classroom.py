"""A course folder for nbgrader: one assignment per lab, with the settings that the labs need."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from string import Template

from mlsd.course.execution import CELL_TIMEOUT_SECONDS
from mlsd.course.labs import grading_config
from mlsd.course.layout import Unit
from mlsd.course.notebooks import clear_outputs, read_notebook, write_notebook
from mlsd.runtime import InputError, atomic_path

_CONFIG = """\
import os

try:
    from mlsd.course.grading import graded_steps, require_settings, sanitizing_steps
except ImportError as error:
    raise SystemExit(f"nbgrader_config.py: {error}; use the environment of the course") from None

# A mistyped MLSD_GRADING_SEED ends nbgrader here, before anything is graded.
require_settings()

# The value of a check is its points.
os.environ["MLSD_GRADING"] = "1"

c = get_config()
c.CourseDirectory.course_id = "mlsd"

# The stubs that the labs are made with.
$settings

# A check is read from the package again before it runs, and earns nothing where it says nothing.
c.Autograde.autograde_preprocessors = graded_steps()
# A cell that a learner copied is a plain cell.
c.Autograde.sanitize_preprocessors = sanitizing_steps()

# Seconds until a cell that does not end is stopped and graded as wrong.
c.Execute.timeout = $seconds
"""


def make_classroom(folder: Path, units: Iterable[Unit]) -> list[Path]:
    """Make ``folder`` an nbgrader course with the given labs as its assignments.

    ``nbgrader generate_assignment NAME`` then releases a lab, ``nbgrader autograde NAME`` grades
    what came back; ``nbgrader_config.py`` in the folder holds all that is set, with its reasons.

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
        If there is no lab or two of one name, if the folder holds something or cannot be written,
        or a solution is not built.
    """
    units = list(units)
    _require_names(units)
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder}: is a file; give a new folder")
    if folder.is_dir() and any(folder.iterdir()):
        raise InputError(f"{folder}: is not empty; give a new folder")
    solutions = {unit.name: read_notebook(unit.notebook) for unit in units}
    assignments = []
    try:
        for name, notebook in solutions.items():
            clear_outputs(notebook)
            assignments.append(folder / "source" / name / f"{name}.ipynb")
            write_notebook(notebook, assignments[-1])
        with atomic_path(folder / "nbgrader_config.py") as temporary:
            temporary.write_text(_config_text(), encoding="utf-8")
    except OSError as error:
        raise InputError(f"{folder}: cannot be written ({error.strerror})") from None
    return assignments


def _require_names(units: list[Unit]) -> None:
    """Stop where there is no lab, or two have the name of one assignment."""
    if not units:
        raise InputError("no lab there; give labs, solutions, or a folder of them")
    cases: dict[str, str] = {}
    for unit in units:
        other = cases.setdefault(unit.name, unit.case)
        if other != unit.case:
            raise InputError(
                f"{unit.name} is a lab of {other} and of {unit.case}, and nbgrader knows an "
                "assignment by its name; make one classroom a case"
            )


def _config_text() -> str:
    settings = [
        f"c.{name}.{key} = {value!r}"
        for name, values in grading_config().items()
        for key, value in values.items()
    ]
    return Template(_CONFIG).substitute(settings="\n".join(settings), seconds=CELL_TIMEOUT_SECONDS)

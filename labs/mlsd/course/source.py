"""The maintainers' text of a notebook: percent-format Python with a YAML header."""

from __future__ import annotations

from pathlib import Path

import jupytext
import nbformat
from nbformat import NotebookNode

from mlsd.course.formatting import format_python
from mlsd.course.front_matter import FrontMatter, parse_front_matter
from mlsd.course.layout import Unit
from mlsd.course.merging import FORMAT, has_header, lasting_metadata, merge_cells
from mlsd.course.notebooks import (
    cell_tags,
    read_notebook,
    set_cell_ids,
    strip_machine_noise,
)
from mlsd.runtime import InputError, atomic_path


def read_source(unit: Unit) -> NotebookNode:
    """Return the notebook that a source describes, without outputs.

    Cells have their final ids, and the cells of a lab their nbgrader metadata.

    Raises
    ------
    InputError
        If the source is missing or its header is not YAML.
    """
    where = _where(unit)
    try:
        notebook = jupytext.reads(unit.source.read_text(encoding="utf-8"), fmt=FORMAT)
    except FileNotFoundError:
        raise InputError(f"{where}: there is no such source; see `mlsd course new`") from None
    except Exception as error:  # jupytext passes on what YAML and JSON parsers raise
        raise InputError(f"{where}: is not a percent-format notebook: {error}") from None
    header = notebook.metadata.get("mlsd")
    notebook.metadata = nbformat.from_dict({"mlsd": header} if header else {})
    for cell in notebook.cells:
        cell.metadata = lasting_metadata(cell)
    if unit.kind == "lab":
        add_grading_metadata(notebook, where)
    set_cell_ids(notebook)
    strip_machine_noise(notebook)
    return notebook


def read_front_matter(unit: Unit, notebook: NotebookNode | None = None) -> FrontMatter:
    """Return the front matter of a unit, from its source or the `notebook` read from it.

    Raises
    ------
    InputError
        See `parse_front_matter`.
    """
    notebook = read_source(unit) if notebook is None else notebook
    return parse_front_matter(notebook.metadata.get("mlsd"), kind=unit.kind, where=_where(unit))


def pull_source(unit: Unit) -> bool:
    """Write the cells that were edited in the notebook into its source; return if it changed.

    The header and the text of every other cell stay as they are.

    Raises
    ------
    InputError
        If the notebook is missing or holds no cell, or the source whose header to keep.
    """
    notebook = read_notebook(unit.notebook)
    if not notebook.cells:
        raise InputError(f"{unit.notebook}: holds no cell; take it back from git, then edit it")
    if not unit.source.is_file():
        raise InputError(f"{_where(unit)}: there is no source to pull into; see `mlsd course new`")
    old = unit.source.read_text(encoding="utf-8")
    if not has_header(old):
        raise InputError(f"{_where(unit)}: does not begin with its header; restore it first")
    new = merge_cells(old, notebook.cells)
    if new != old:
        new = format_python(new, unit.source)
    if new == old:
        return False
    with atomic_path(unit.source) as temporary:
        temporary.write_text(new, encoding="utf-8", newline="\n")
    return True


def add_grading_metadata(notebook: NotebookNode, where: str) -> None:
    """Turn an author's tags into nbgrader's metadata, in place.

    ``tags=["exercise"]`` marks a solution cell and ``tags=["check"] points=2`` the test cell of the
    exercise before it. A markdown exercise is graded by hand, so it takes the points itself.
    ``exercise="name"`` names it; without a name exercises are numbered.

    Raises
    ------
    InputError
        If a check or a prose exercise has no points, a check has no exercise before it, or two
        exercises have one name.
    """
    name, names = "", []
    for position, cell in enumerate(notebook.cells):
        tags, place = cell_tags(cell), f"{where}: cell {position + 1}"
        if "exercise" in tags:
            name = cell.metadata.get("exercise", f"exercise_{len(names) + 1}")
            if name in names:
                raise InputError(f"{place}: exercise {name!r} is there twice; rename one")
            names.append(name)
            prose = cell.cell_type == "markdown"
            points = _points(cell, place) if prose else None
            cell.metadata["nbgrader"] = _grading(name, solution=True, points=points)
        elif "check" in tags:
            if not name:
                raise InputError(f"{place}: a check before the first exercise; move it down")
            points = _points(cell, place)
            cell.metadata["nbgrader"] = _grading(f"check_{name}", solution=False, points=points)


def _points(cell: NotebookNode, place: str) -> float:
    points = cell.metadata.get("points")
    if not isinstance(points, (int, float)) or points <= 0:
        raise InputError(f'{place}: give its points, as in `# %% tags=["check"] points=2`')
    return points


def _grading(grade_id: str, *, solution: bool, points: float | None) -> NotebookNode:
    metadata = {
        "grade": points is not None,
        "grade_id": grade_id,
        "locked": not solution,
        "schema_version": 3,
        "solution": solution,
        "task": False,
    }
    if points is not None:
        metadata["points"] = points
    return nbformat.from_dict(metadata)


def _where(unit: Unit) -> str:
    return str(Path(unit.source).relative_to(unit.root))

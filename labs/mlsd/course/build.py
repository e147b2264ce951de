"""Make notebooks, solutions and labs from their sources."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from nbformat import NotebookNode

from mlsd.course.execution import execute_notebook
from mlsd.course.labs import make_lab
from mlsd.course.layout import Unit
from mlsd.course.notebooks import (
    RUN_RECORD,
    code_fingerprint,
    read_notebook,
    write_notebook,
)
from mlsd.course.source import read_front_matter, read_source
from mlsd.runtime import InputError


@dataclass(frozen=True)
class BuildResult:
    """What `build_unit` did.

    Attributes
    ----------
    unit : Unit
    executed : bool
        Whether the notebook was run; prose alone can change without.
    written : tuple of Path
        Files that changed.
    """

    unit: Unit
    executed: bool
    written: tuple[Path, ...]


def build_unit(unit: Unit, *, run: bool = True, force: bool = False) -> BuildResult:
    """Make the notebook of a unit, and of a lab its unsolved version too.

    Parameters
    ----------
    unit : Unit
    run : bool
        False takes the structure alone; outputs stay where the code did not change.
    force : bool
        Run even where the code did not change since the outputs were stored.

    Raises
    ------
    InputError
        From the source's header, a cell that fails, a solution's check that does not pass, or
        nbgrader. Nothing is written then.
    """
    where = str(unit.source.relative_to(unit.root))
    notebook = read_source(unit)
    read_front_matter(unit, notebook)
    current = _carry_outputs(notebook, unit.notebook)
    execute = run and (force or not current)
    lab = make_lab(notebook, where) if unit.kind == "lab" else None
    if execute:
        folder, is_solution = unit.notebook.parent, unit.kind == "lab"
        execute_notebook(notebook, folder=folder, root=unit.root, where=where, strict=is_solution)
    targets = [(notebook, unit.notebook), *([(lab, unit.lab)] if lab else [])]
    written = tuple(path for content, path in targets if write_notebook(content, path))
    return BuildResult(unit, execute, written)


def build_units(
    units: Iterable[Unit],
    *,
    run: bool = True,
    force: bool = False,
    report: Callable[[BuildResult], None] = lambda result: None,
) -> list[BuildResult]:
    """Build several units in order; `report` hears of each as it is done.

    Raises
    ------
    InputError
        From the first unit that fails; those before it are written.
    """
    results = []
    for unit in units:
        results.append(build_unit(unit, run=run, force=force))
        report(results[-1])
    return results


def _carry_outputs(notebook: NotebookNode, path: Path) -> bool:
    """Take the outputs of the last run over, if they are of the same code; say if they were."""
    try:
        old = read_notebook(path)
    except InputError:
        return False
    record = old.metadata.get(RUN_RECORD, {})
    if not record.get("code_sha256") == code_fingerprint(notebook) == code_fingerprint(old):
        return False
    before = [cell for cell in old.cells if cell.cell_type == "code"]
    after = [cell for cell in notebook.cells if cell.cell_type == "code"]
    for source, target in zip(before, after):
        target.outputs, target.execution_count = source.outputs, source.execution_count
    notebook.metadata[RUN_RECORD] = record
    return True

"""Gates that run something: the unsolved lab, and the checks on wrong answers."""

from __future__ import annotations

from copy import deepcopy

from mlsd.checks import accepted_wrong_answers
from mlsd.course.code import code_cells
from mlsd.course.document import Document, Problem, check_functions, load_checks
from mlsd.course.execution import execute_notebook
from mlsd.course.notebooks import cell_tags, output_text
from mlsd.runtime import InputError


def unsolved_lab_runs(document: Document) -> list[Problem]:
    """Check that the unsolved lab runs to its end, and every check says "not attempted"."""
    if document.lab is None:
        return [document.problem("the lab is not built; run `mlsd course build` on it")]
    lab, unit = deepcopy(document.lab), document.unit
    try:
        execute_notebook(lab, folder=unit.lab.parent, root=unit.root, where=document.path)
    except InputError as error:
        stopped = str(error).removeprefix(f"{document.path}: ")
        return [document.problem(f"the unsolved lab stops: {stopped}")]
    problems = []
    for position, cell in code_cells(lab):
        said = "\n".join(output_text(output) for output in cell.outputs).strip()
        if "check" in cell_tags(cell) and not said.startswith("not attempted"):
            message = f"unsolved, the check says {said[:80]!r}, not 'not attempted'"
            problems.append(document.problem(message, position))
    return problems


def wrong_answers_fail(document: Document) -> list[Problem]:
    """Check that each listed wrong answer makes its check say "wrong"."""
    try:
        module = load_checks(document.unit)
    except InputError as error:
        return [document.problem(str(error))]
    path = document.unit.checks.relative_to(document.unit.root).as_posix()
    listed = getattr(module, "WRONG_ANSWERS", ())
    amiss = accepted_wrong_answers(check_functions(module), listed)
    return [Problem(path, None, message) for message in amiss]


def points_agree(document: Document) -> list[Problem]:
    """Check that each check gives the points that its cell states, however old its output."""
    try:
        checks = check_functions(load_checks(document.unit))
    except InputError as error:
        return [document.problem(str(error))]
    problems = []
    for position, cell in code_cells(document.source):
        name = cell.metadata.get("nbgrader", {}).get("grade_id", "").removeprefix("check_")
        if "check" not in cell_tags(cell) or name not in checks:
            continue
        gives, states = checks[name](...).points, cell.metadata.nbgrader.points
        if gives != states:
            message = f"the check gives {gives:g} points, its cell states {states:g}"
            problems.append(document.problem(message, position))
    return problems

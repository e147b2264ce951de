"""Gates on labs and their solutions."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from nbformat import NotebookNode

from mlsd.course.code import code_cells, has_ellipsis, parse_cell, parsed_cells
from mlsd.course.document import Document, Problem, check_functions, load_checks
from mlsd.course.gates.code import imports_check
from mlsd.course.notebooks import cell_tags, output_text
from mlsd.runtime import InputError

WRONG_ANSWERS = 3
REGION = re.compile(r"BEGIN SOLUTION[^\n]*\n(.*?)\n[^\n]*END SOLUTION", re.DOTALL)
_TELLING_CHARACTERS = 20


def exercises_complete(document: Document) -> list[Problem]:
    """Check that an exercise in code has its prompt before it and its check after it."""
    cells, problems = document.source.cells, []
    for position, cell in exercise_cells(document.source):
        if cell.cell_type == "markdown":
            continue
        if position == 0 or cells[position - 1].cell_type != "markdown":
            problems.append(document.problem("the exercise has no prompt before it", position))
        after = next((c for p, c in code_cells(document.source) if p > position), None)
        if after is None or "check" not in cell_tags(after):
            message = 'the next code cell is not a check; tag it tags=["check"] points=1'
            problems.append(document.problem(message, position))
    return problems


def checks_imported(document: Document) -> list[Problem]:
    """Check that each check is imported in its own cell, and nowhere else.

    The cell of a check is locked, so that what an answer defines under the name of a check is
    replaced before the answer is graded.
    """
    wanted = f"from {document.unit.checks_module} import check_..."
    problems = []
    for position, tree in parsed_cells(document.source):
        imported = any(imports_check(document, node) for node in tree.body)
        is_check = "check" in cell_tags(document.source.cells[position])
        if is_check and not imported:
            problems.append(document.problem(f"import the check in its cell: {wanted}", position))
        elif imported and not is_check:
            problems.append(document.problem("import a check in the cell that calls it", position))
    return problems


def regions_inside_functions(document: Document) -> list[Problem]:
    """Check that an exercise in code has solution regions, and only inside functions."""
    problems = []
    for position, cell in exercise_cells(document.source):
        if cell.cell_type == "code":
            message = _region_complaint(cell.source)
            problems += [document.problem(message, position)] if message else []
    return problems


def stubs_documented(document: Document) -> list[Problem]:
    """Check that a stub is a function, or a class with methods, with a docstring and ``...``."""
    if document.lab is None:
        return []
    return [
        document.problem("the stub needs a signature, a docstring and `...`", position)
        for position, cell in exercise_cells(document.lab)
        if cell.cell_type == "code" and not _is_stub(cell.source)
    ]


def no_solution_left(document: Document) -> list[Problem]:
    """Check that nothing of a solution stands in the lab, and the lab has no outputs."""
    if document.lab is None:
        return []
    telling = set(_telling_lines(document.source))
    problems = []
    for position, cell in enumerate(document.lab.cells):
        lines = {line.strip() for line in cell.source.splitlines()}
        if re.search(r"(BEGIN|END) SOLUTION", cell.source) or lines & telling:
            left = next(iter(lines & telling), "a marker")
            problems.append(document.problem(f"solution left in the lab: {left!r}", position))
        if cell.get("outputs") or cell.get("execution_count"):
            problems.append(document.problem("the lab stores an output", position))
    return problems


def solution_passes(document: Document) -> list[Problem]:
    """Check that every check of the solution says "passed", with the points of its cell."""
    if document.notebook is None:
        return []
    problems = []
    for position, cell in code_cells(document.notebook):
        if "check" not in cell_tags(cell):
            continue
        said = "\n".join(output_text(output) for output in cell.outputs).strip()
        points = f"({cell.metadata.get('points', 0):g} point"
        if not said.startswith("passed"):
            problems.append(document.problem(f"the check says {said[:80]!r}", position))
        elif points not in said:
            message = f"the check says {said!r}, its cell points={cell.metadata.get('points')}"
            problems.append(document.problem(message, position))
    return problems


def wrong_answers_registered(document: Document) -> list[Problem]:
    """Check that at least three wrong answers are listed, one or more for each exercise in code."""
    try:
        module = load_checks(document.unit)
    except InputError as error:
        return [document.problem(str(error))]
    path = document.unit.checks.relative_to(document.unit.root).as_posix()
    listed = list(getattr(module, "WRONG_ANSWERS", ()))
    problems = []
    if len(listed) < WRONG_ANSWERS:
        message = f"WRONG_ANSWERS lists {len(listed)}; at least {WRONG_ANSWERS}"
        problems.append(Problem(path, None, message))
    for name in _exercise_names(document.source):
        if name not in check_functions(module):
            problems.append(Problem(path, None, f"there is no check_{name}"))
        if name not in {wrong.exercise for wrong in listed}:
            problems.append(Problem(path, None, f"WRONG_ANSWERS has none for {name!r}"))
    return problems


def exercise_cells(notebook: NotebookNode) -> Iterator[tuple[int, NotebookNode]]:
    """Yield index and cell of every exercise, in code and in prose."""
    for position, cell in enumerate(notebook.cells):
        if "exercise" in cell_tags(cell):
            yield position, cell


def _exercise_names(source: NotebookNode) -> list[str]:
    cells = [cell for _, cell in exercise_cells(source) if cell.cell_type == "code"]
    return [cell.metadata.nbgrader.grade_id for cell in cells]


def _region_complaint(text: str) -> str:
    lines = text.splitlines()
    begins = [number for number, line in enumerate(lines, start=1) if "BEGIN SOLUTION" in line]
    if not begins:
        return "the exercise has no `### BEGIN SOLUTION` region"
    try:
        tree = parse_cell(text)
    except SyntaxError:
        return ""
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    spans = [(node.lineno, node.end_lineno) for node in functions]
    outside = [
        number
        for number in begins
        if not lines[number - 1][:1].isspace()
        or not any(first < number <= last for first, last in spans)
    ]
    return "a solution region stands outside a function" if outside else ""


def _is_stub(text: str) -> bool:
    try:
        tree = parse_cell(text)
    except SyntaxError:
        return False
    kinds = (ast.FunctionDef, ast.ClassDef)
    nodes = [node for node in tree.body if isinstance(node, kinds)]
    return bool(nodes) and all(map(ast.get_docstring, nodes)) and has_ellipsis(tree)


def _telling_lines(source: NotebookNode) -> Iterator[str]:
    for _, cell in exercise_cells(source):
        for region in REGION.findall(cell.source):
            for line in map(str.strip, region.splitlines()):
                if len(line) >= _TELLING_CHARACTERS:
                    yield line

"""Gates on what a lab says: its head, the prompts of exercises, and rubrics with sample answers."""

from __future__ import annotations

import re

from mlsd.course.document import Document, Problem
from mlsd.course.gates.labs import REGION, exercise_cells

PROMPT = (("Goal", r"Goal"), ("Inputs", r"Inputs?"), ("Output", r"Outputs?"))
SAMPLES = ("Rubric", "Sample answer, full marks", "Sample answer, half marks")
_HEAD = re.compile(r"\*\*(\d+) minutes?, (\d+(?:\.\d+)?) points?\.?\*\*")


def head_states_cost(document: Document) -> list[Problem]:
    """Check that the head states the minutes of the header and the points of all exercises."""
    cells = document.source.cells
    minutes, points = document.front.minutes, document.points
    wanted = f"**{minutes} minutes, {points:g} points**"
    found = _HEAD.search(cells[0].source) if cells else None
    if found and (int(found.group(1)), float(found.group(2))) == (minutes, points):
        return []
    says = f"says {found.group(0)}, not" if found else "lacks"
    return [document.problem(f"the lab's head {says} {wanted}", 0)]


def prompts_itemised(document: Document) -> list[Problem]:
    """Check that the prompt of an exercise in code has goal, inputs and output as list items."""
    cells, problems = document.source.cells, []
    for position, cell in exercise_cells(document.source):
        if cell.cell_type != "code" or not position:
            continue
        prompt = cells[position - 1].source
        for name, pattern in PROMPT:
            if not re.search(rf"^\s*[-*]\s+\*\*{pattern}\*\*:", prompt, re.MULTILINE):
                message = f"the prompt has no line of its own '- **{name}**: ...'"
                problems.append(document.problem(message, position - 1))
    return problems


def prose_exercise(document: Document) -> list[Problem]:
    """Check that an exercise is answered in prose, with rubric and samples in the solution."""
    prose = [
        (place, cell)
        for place, cell in exercise_cells(document.source)
        if cell.cell_type == "markdown"
    ]
    if not prose:
        message = 'no exercise in prose: `# %% [markdown] tags=["exercise"] points=3`'
        return [document.problem(message)]
    problems = []
    for position, cell in prose:
        region = "\n".join(REGION.findall(cell.source)).lower()
        problems += [
            document.problem(f"the solution of the exercise in prose has no **{name}**", position)
            for name in SAMPLES
            if f"**{name.lower()}" not in region
        ]
    return problems

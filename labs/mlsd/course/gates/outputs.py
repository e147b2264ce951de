"""Gates on stored outputs."""

from __future__ import annotations

import re

from mlsd.course.code import code_cells
from mlsd.course.document import Document, Problem
from mlsd.course.measures import figure_count
from mlsd.course.notebooks import RUN_RECORD, cell_tags, code_fingerprint, output_text

CHECKED_CELLS = (2, 4)
_NOISE = re.compile(r"Traceback \(most recent call last\)|\b\w*(?:Warning|Error): ")
_ADDRESS = re.compile(r"\bat 0x[0-9a-fA-F]{6,}")


def built(document: Document) -> list[Problem]:
    """Check that the notebook exists, and so does the lab."""
    missing = document.notebook is None
    missing |= document.unit.kind == "lab" and document.lab is None
    return [document.problem("is not built; run `mlsd course build` on it")] if missing else []


def executed_in_order(document: Document) -> list[Problem]:
    """Check that every code cell was run, once, from top to bottom."""
    if document.notebook is None:
        return []
    for expected, (position, cell) in enumerate(code_cells(document.notebook), start=1):
        if not cell.source.strip():
            return [document.problem("is empty; delete it", position)]
        count = cell.get("execution_count")
        if count != expected:
            found = "was never run" if count is None else f"was run as number {count}"
            advice = "run `mlsd course build --force` on it"
            return [document.problem(f"{found}, not as number {expected}; {advice}", position)]
    return []


def outputs_fresh(document: Document) -> list[Problem]:
    """Check that the stored outputs are those of the code as it is now."""
    if document.notebook is None:
        return []
    recorded = document.notebook.metadata.get(RUN_RECORD, {}).get("code_sha256")
    if recorded == code_fingerprint(document.source):
        return []
    return [document.problem("stale outputs: the code changed; run `mlsd course build` on it")]


def tagged_cells_have_outputs(document: Document) -> list[Problem]:
    """Check that a chapter has two to four cells that nbval compares, with stored outputs."""
    tagged = [
        position
        for position, cell in code_cells(document.source)
        if "nbval-check-output" in cell_tags(cell)
    ]
    problems = []
    low, high = CHECKED_CELLS if document.unit.kind == "chapter" else (0, CHECKED_CELLS[1])
    if not low <= len(tagged) <= high:
        message = f"{len(tagged)} cells are tagged nbval-check-output; allowed: {low} to {high}"
        problems.append(document.problem(message))
    cells = document.notebook.cells if document.notebook is not None else []
    for position in tagged:
        if position < len(cells) and not cells[position].get("outputs"):
            message = "is tagged nbval-check-output and has no stored output"
            problems.append(document.problem(message, position))
    return problems


def outputs_clean(document: Document) -> list[Problem]:
    """Check for errors, warnings, text on stderr, and addresses of objects in memory."""
    if document.notebook is None:
        return []
    found = [
        (position, _complaint(output))
        for position, cell in code_cells(document.notebook)
        for output in cell.outputs
    ]
    return [document.problem(text, position) for position, text in found if text]


def figures_read(document: Document) -> list[Problem]:
    """Check that a cell that draws is followed by prose, which says how to read the figure."""
    if document.notebook is None or document.unit.kind != "chapter":
        return []
    cells = document.notebook.cells
    return [
        document.problem("draws a figure; the next cell has to say how to read it", position)
        for position, cell in code_cells(document.notebook)
        if figure_count(cell)
        and (position + 1 == len(cells) or cells[position + 1].cell_type != "markdown")
    ]


def _complaint(output: object) -> str:
    text = output_text(output)
    if output.output_type == "error":
        return f"stored an error: {output.ename}: {output.evalue}"
    if output.output_type == "stream" and output.name == "stderr":
        return f"wrote to stderr: {text.strip().splitlines()[0][:80]!r}" if text.strip() else ""
    if _NOISE.search(text):
        return f"a warning or error stands in the output: {_NOISE.search(text).group(0)!r}"
    if _ADDRESS.search(text):
        return "the output shows an object's address; assign the last value to `_`"
    return ""

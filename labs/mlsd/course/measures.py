"""The measures of a chapter and of a lab, with what we aim at and what a gate allows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf

import numpy as np
from nbformat import NotebookNode

from mlsd.course.code import code_cells, code_lines, definitions, longest_run
from mlsd.course.document import Document
from mlsd.course.notebooks import RUN_RECORD, cell_tags, render_notebook
from mlsd.course.prose import markdown_text, sentence_words, words

Range = tuple[float, float]


@dataclass(frozen=True)
class Measure:
    """One figure of one notebook beside its ranges, bounds included.

    Examples
    --------
    >>> long_cell = Measure("code cell lines, longest", 23, (0, 20), (0, 25))
    >>> long_cell.passes, long_cell.aimed
    (True, False)
    """

    name: str
    value: float
    aim: Range
    gate: Range

    @property
    def passes(self) -> bool:
        """Whether the value is inside the gate."""
        return self.gate[0] <= self.value <= self.gate[1]

    @property
    def aimed(self) -> bool:
        """Whether the value is where we aim."""
        return self.aim[0] <= self.value <= self.aim[1]


# A chapter is not trimmed to a number: gates hold what a reader would trip over.
NO_GATE: Range = (0, inf)
CHAPTER_RANGES: Mapping[str, tuple[Range, Range]] = {
    "cells": ((35, 65), NO_GATE),
    "markdown share %": ((50, 60), NO_GATE),
    "code cell lines, median": ((4, 6), NO_GATE),
    "code cell lines, p90": ((0, 12), NO_GATE),
    "code cell lines, longest": ((0, 20), (0, 25)),
    "code cells in a row": ((0, 1), (0, 2)),
    "words": ((1500, 3000), NO_GATE),
    "words in a sentence, mean": ((14, 18), NO_GATE),
    "definitions": ((0, 3), (0, 5)),
    "figures": ((3, 6), NO_GATE),
    "run CPU seconds": ((0, 45), NO_GATE),
    "longest cell CPU seconds": ((0, 30), NO_GATE),
    "file kB": ((0, 250), (0, 400)),
}
LAB_RANGES: Mapping[str, tuple[Range, Range]] = {
    "cells": ((18, 30), NO_GATE),
    "exercises": ((4, 6), (4, 6)),
    "minutes": ((30, 60), (30, 60)),
    "stub lines, longest": ((0, 12), (0, 12)),
    "code cell lines, longest": ((0, 20), (0, 25)),
    "words": ((0, 2200), NO_GATE),
    "words in a sentence, mean": ((14, 18), NO_GATE),
    "run CPU seconds": ((0, 30), NO_GATE),
    "file kB": ((0, 250), (0, 400)),
}


def measure(document: Document) -> list[Measure]:
    """Measure a chapter or a lab. What needs the notebook is left out while it is not built."""
    if document.unit.kind == "lab":
        values, ranges = _lab_values(document), LAB_RANGES
    else:
        values, ranges = _chapter_values(document.source), CHAPTER_RANGES
    if document.notebook is not None:
        values |= _cost_values(document.notebook)
    return [Measure(name, values[name], *ranges[name]) for name in ranges if name in values]


def figure_count(cell: NotebookNode) -> int:
    """Return the number of images among the outputs of a code cell."""
    kinds = ("image/png", "image/svg+xml", "image/jpeg")
    return sum(any(kind in output.get("data", {}) for kind in kinds) for output in cell.outputs)


def _chapter_values(source: NotebookNode) -> dict[str, float]:
    lengths = [code_lines(cell.source) for _, cell in code_cells(source)] or [0]
    is_code = [cell.cell_type == "code" for cell in source.cells]
    return {
        "cells": len(source.cells),
        "markdown share %": 100 * (1 - sum(is_code) / max(len(is_code), 1)),
        "code cell lines, median": float(np.median(lengths)),
        "code cell lines, p90": float(np.quantile(lengths, 0.9)),
        "code cell lines, longest": max(lengths),
        "code cells in a row": longest_run(is_code),
        **_prose_values(source),
        "definitions": definitions(source),
    }


def _lab_values(document: Document) -> dict[str, float]:
    source, lab = document.source, document.lab
    values = {
        "cells": len(source.cells),
        "exercises": sum("exercise" in cell_tags(cell) for cell in source.cells),
        "minutes": document.front.minutes,
        "code cell lines, longest": max(
            (code_lines(cell.source) for _, cell in code_cells(source)), default=0
        ),
        **_prose_values(source),
    }
    if lab is not None:
        stubs = [cell for _, cell in code_cells(lab) if "exercise" in cell_tags(cell)]
        lengths = [code_lines(cell.source) for cell in stubs]
        values["stub lines, longest"] = max(lengths, default=0)
    return values


def _prose_values(source: NotebookNode) -> dict[str, float]:
    text = markdown_text(source)
    return {"words": words(text), "words in a sentence, mean": sentence_words(text)}


def _cost_values(notebook: NotebookNode) -> dict[str, float]:
    record = notebook.metadata.get(RUN_RECORD, {})
    return {
        "figures": sum(figure_count(cell) for _, cell in code_cells(notebook)),
        "run CPU seconds": record.get("cpu_seconds", inf),
        "longest cell CPU seconds": record.get("longest_cell_cpu_seconds", inf),
        "file kB": len(render_notebook(notebook).encode()) / 1000,
    }

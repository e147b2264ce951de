"""Gates on guesses: each is compared, once, and nothing in between tells the answer."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from fnmatch import fnmatchcase

from mlsd.course.code import parsed_cells
from mlsd.course.document import Course, Document, Problem
from mlsd.course.guessed import calls
from mlsd.course.notebooks import cell_tags


def guesses_compared(document: Document) -> list[Problem]:
    """Check that a guess is compared in a later cell, and every comparison has its guess."""
    asked, told = calls(document.source, "guess"), calls(document.source, "compare")
    problems = list(_cells_without_a_call(document, asked))
    for name, position in asked:
        if not any(fnmatchcase(name, other) and place > position for other, place in told):
            message = f'guess {name!r} is compared nowhere after it: compare("{name}", ...)'
            problems.append(document.problem(message, position))
    for name, position in told:
        if not any(fnmatchcase(other, name) and place < position for other, place in asked):
            message = f"compare({name!r}) has no guess of that name before it"
            problems.append(document.problem(message, position))
    return problems


def answers_unasserted(document: Document) -> list[Problem]:
    """Check that no cell from a guess to its comparison asserts, which tells the answer."""
    told = calls(document.source, "compare")
    spans = [
        (name, position, place)
        for name, position in calls(document.source, "guess")
        for other, place in told
        if fnmatchcase(name, other) and place > position
    ]
    problems = []
    for position, tree in parsed_cells(document.source):
        names = [name for name, first, last in spans if first <= position <= last]
        if names and any(isinstance(node, ast.Assert) for node in ast.walk(tree)):
            message = f"asserts before {names[0]!r} is answered; move it after compare(...)"
            problems.append(document.problem(message, position))
    return problems


def guess_names_unique(course: Course) -> list[Problem]:
    """Check that a guess's name is asked once in the course."""
    home: dict[str, str] = {}
    problems = []
    for document in course.documents:
        for name, position in calls(document.source, "guess"):
            if name in home:
                message = f"the guess {name!r} is asked in {home[name]} already; rename it"
                problems.append(document.problem(message, position))
            home.setdefault(name, document.unit.label)
    return problems


def _cells_without_a_call(document: Document, asked: list[tuple[str, int]]) -> Iterator[Problem]:
    places = {position for _, position in asked}
    for position, cell in enumerate(document.source.cells):
        if "guess" in cell_tags(cell) and position not in places:
            message = 'is tagged as a guess and has no guess("name", ...) of mlsd.notebook'
            yield document.problem(message, position)
        elif position in places and "guess" not in cell_tags(cell):
            yield document.problem('asks for a guess; tag the cell tags=["guess"]', position)

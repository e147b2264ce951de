"""Gates on the course as a whole: concepts, and the derived parts of the README."""

from __future__ import annotations

import re

from mlsd.course.document import Course, Problem
from mlsd.course.glossary import glossary_is_current
from mlsd.course.ladder_block import outdated_figures
from mlsd.course.layout import glossary_path
from mlsd.course.prose import markdown_text
from mlsd.course.readme import outdated_blocks


def introduced_once(course: Course) -> list[Problem]:
    """Check that a concept is introduced in one chapter only, whose text names it."""
    home: dict[str, str] = {}
    problems = []
    for document in course.documents:
        text = _plain(markdown_text(document.source))
        for concept in document.front.introduces:
            key = concept.lower()
            if key in home:
                message = f"introduces {concept!r}, which {home[key]} did; move it to `needs`"
                problems.append(document.problem(message))
            elif _plain(concept) not in text:
                problems.append(document.problem(f"introduces {concept!r} and never names it"))
            home.setdefault(key, document.unit.label)
    return problems


def introduced_before_needed(course: Course) -> list[Problem]:
    """Check that a concept is needed only after it was introduced."""
    known: set[str] = set()
    problems = []
    for document in course.documents:
        for concept in document.front.needs:
            if concept.lower() not in known:
                message = f"needs {concept!r}, which no chapter before introduces"
                problems.append(document.problem(message))
        known |= {concept.lower() for concept in document.front.introduces}
    return problems


def concepts_defined(course: Course) -> list[Problem]:
    """Check that each concept has the one line that the glossary says of it."""
    return [
        document.problem(f"introduces {concept!r} without a definition; write '{concept}: ...'")
        for document in course.documents
        for concept, definition in document.front.introduces.items()
        if not definition
    ]


def labs_belong(course: Course) -> list[Problem]:
    """Check that a chapter's labs exist and bear its number, and no lab is left over."""
    labs = {(d.unit.case, d.unit.name): d for d in course.of_kind("lab")}
    problems, owned = [], set()
    for chapter in course.of_kind("chapter"):
        for name in chapter.front.labs:
            key = (chapter.unit.case, name)
            if key not in labs:
                problems.append(chapter.problem(f"its lab {name!r} does not exist"))
            elif labs[key].unit.step != chapter.unit.step:
                message = f"its lab {name!r} has to bear the number {chapter.unit.step}"
                problems.append(chapter.problem(message))
            elif key in owned:
                problems.append(chapter.problem(f"its lab {name!r} is named twice"))
            owned.add(key)
    orphans = [lab for key, lab in labs.items() if key not in owned]
    return problems + [lab.problem("no chapter names this lab in its header") for lab in orphans]


def glossary_current(course: Course) -> list[Problem]:
    """Check that the glossary is what headers and docstrings make of it."""
    if glossary_is_current(course):
        return []
    path = glossary_path(course.root).relative_to(course.root).as_posix()
    return [Problem(path, None, "is out of date; run `mlsd course readme`")]


def readme_current(course: Course) -> list[Problem]:
    """Check that the generated parts of the README are what the course makes of them."""
    problems = [
        Problem("README.md", None, f"the block '{name}' is out of date; run `mlsd course readme`")
        for name in outdated_blocks(course)
    ]
    message = "was drawn from another ledger; run `mlsd course readme`"
    return problems + [Problem(f.as_posix(), None, message) for f in outdated_figures(course)]


def _plain(text: str) -> str:
    """Return `text` in lower case, without emphasis, and with single spaces for line ends."""
    return " ".join(re.sub(r"[*_`]", "", text).lower().split())

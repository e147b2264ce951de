"""The generated parts of the README, between markers ``<!-- name -->`` and ``<!-- /name -->``."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from itertools import groupby
from pathlib import Path

from mlsd.cases import built_cases
from mlsd.course.document import Course, Document
from mlsd.course.ladder_block import ladder_block, picture_block, write_figures
from mlsd.course.routes import ROUTES, Part, Sitting
from mlsd.runtime import InputError, atomic_path

Block = Callable[[Course], str]
# A sitting of more than this is told by its ends.
LISTED_PARTS = 3


def map_block(course: Course) -> str:
    """Return the map: one row per chapter, with its case, its labs, their solutions, minutes."""
    labs = {(lab.unit.case, lab.unit.name): lab for lab in course.of_kind("lab")}
    titles = ("case", "chapter", "lab", "solution", "minutes", "you will build")
    rows = [f"| {' | '.join(titles)} |", "|" + "---|" * len(titles)]
    for chapter in course.of_kind("chapter"):
        keys = [(chapter.unit.case, name) for name in chapter.front.labs]
        own = [labs[key] for key in keys if key in labs]
        cells = (
            _case(chapter),
            _link(chapter, chapter.unit.notebook, f"{chapter.unit.step:02d} {chapter.front.title}"),
            "<br>".join(_link(lab, lab.unit.lab, lab.front.title) for lab in own),
            "<br>".join(_link(lab, lab.unit.notebook, "solution") for lab in own),
            " + ".join(str(document.front.minutes) for document in (chapter, *own)),
            chapter.front.builds,
        )
        rows.append(f"| {' | '.join(cells)} |")
    return _table(rows)


def routes_block(course: Course) -> str:
    """Return the routes by available time."""
    rows = ["| you have | do | that is |", "|---|---|---|"]
    for name, route in ROUTES.items():
        for sitting in route(course):
            hours, minutes = divmod(sitting.minutes, 60)
            rows.append(f"| {name}{sitting.label} | {_parts(sitting)} | {hours} h {minutes} min |")
    return _table(rows)


def concepts_block(course: Course) -> str:
    """Return the index of concepts: each with the chapter that introduces it."""
    entries = sorted(
        (concept.lower(), concept, document)
        for document in course.documents
        for concept in document.front.introduces
    )
    lines = [
        f"- {concept}: {_link(document, document.unit.notebook, document.unit.label)}"
        for _, concept, document in entries
    ]
    return "\n".join(lines)


BLOCKS: dict[str, Block] = {
    **{f"picture {case}": partial(picture_block, case_id=case) for case in built_cases()},
    "map": map_block,
    **{f"ladder {case}": partial(ladder_block, case_id=case) for case in built_cases()},
    "routes": routes_block,
    "concepts": concepts_block,
}


def render_readme(course: Course, text: str) -> str:
    """Return `text` with every block of `BLOCKS` made again.

    Raises
    ------
    InputError
        If the markers of a block are missing, are there twice, or stand around others: text
        between them would be lost.
    """
    for name, block in BLOCKS.items():
        pattern = _pattern(name)
        _require_markers(name, text)
        content = block(course)
        fresh = f"<!-- {name} -->\n{content}\n<!-- /{name} -->" if content else _empty(name)
        text = pattern.sub(lambda found, fresh=fresh: fresh, text)
    return text


def outdated_blocks(course: Course) -> list[str]:
    """Return the names of blocks that differ from what the course makes; none without a README."""
    path = course.root / "README.md"
    if not path.is_file():
        return []
    text = _read(path)
    broken = [name for name in BLOCKS if not _has_markers(name, text)]
    if broken:
        return broken
    fresh = render_readme(course, text)
    return [n for n in BLOCKS if _pattern(n).search(text)[0] != _pattern(n).search(fresh)[0]]


def write_readme(course: Course) -> bool:
    """Write the blocks of the README and its figures again; return whether the text changed.

    Raises
    ------
    InputError
        If there is no README, or a marker is missing.
    """
    path = course.root / "README.md"
    if not path.is_file():
        raise InputError("README.md: is missing; it holds the map between markers")
    old = _read(path)
    new = render_readme(course, old)
    write_figures(course)
    if new == old:
        return False
    with atomic_path(path) as temporary:
        temporary.write_text(new, encoding="utf-8", newline="\n")
    return True


def _pattern(name: str) -> re.Pattern[str]:
    return re.compile(rf"<!-- {name} -->\n.*?<!-- /{name} -->", re.DOTALL)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise InputError(f"{path.name}: is not UTF-8 text; save it as such") from None


def _has_markers(name: str, text: str) -> bool:
    try:
        _require_markers(name, text)
    except InputError:
        return False
    return True


def _require_markers(name: str, text: str) -> None:
    markers = f"the markers <!-- {name} --> <!-- /{name} -->"
    found = _pattern(name).findall(text)
    if not found:
        raise InputError(f"README.md: {markers} are missing")
    if text.count(f"<!-- {name} -->") != 1 or text.count(f"<!-- /{name} -->") != 1:
        raise InputError(f"README.md: {markers} are there twice; remove one pair")
    if found[0].count("<!-- ") != 2:
        raise InputError(f"README.md: {markers} stand around another marker; move it out")


def _parts(sitting: Sitting) -> str:
    """Return what to do in one go: all of it, or from where to where in each case if it is long."""
    if len(sitting.parts) <= LISTED_PARTS:
        return ", ".join(_part(part) for part in sitting.parts)
    stretches = []
    for _, group in groupby(sitting.parts, key=lambda part: part.document.unit.case):
        parts = list(group)
        ends = " to ".join(dict.fromkeys((_part(parts[0]), _part(parts[-1]))))
        stretches.append(f"{_case(parts[0].document)}: {ends}")
    return "; ".join(stretches)


def _part(part: Part) -> str:
    link = _link(part.document, _page(part.document), part.document.unit.name)
    return f"{link} up to '{part.until}'" if part.until else link


def _page(document: Document) -> Path:
    return document.unit.lab if document.unit.kind == "lab" else document.unit.notebook


def _case(document: Document) -> str:
    """Return the case in words: ``ad click prediction`` for ``01_ad_click_prediction``."""
    return document.unit.case[3:].replace("_", " ")


def _table(rows: list[str]) -> str:
    """Return the lines of a table; nothing where only its head is there."""
    return "\n".join(rows) if len(rows) > 2 else ""


def _empty(name: str) -> str:
    return f"<!-- {name} -->\n<!-- /{name} -->"


def _link(document: Document, path: Path, text: str) -> str:
    return f"[{text}]({path.relative_to(document.unit.root).as_posix()})"

"""Make the source of a new chapter or lab, small and complete, that passes its gates."""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from string import Template

from mlsd.course.formatting import format_python
from mlsd.course.layout import Unit, find_units, make_unit
from mlsd.runtime import InputError, atomic_path

_NO_LAB = "This chapter has no lab."
_NO_CHAPTER = "It belongs to no chapter yet."


def scaffold(root: Path, case: str, name: str) -> list[Path]:
    """Write the source of a new unit, and of a lab the module with its checks.

    A chapter and a lab of one number name each other, if the older one named none yet.

    Parameters
    ----------
    root : Path
        The project.
    case, name : str
        As in ``01_ad_click_prediction`` and ``20_baseline`` or ``lab_20_baseline``.

    Returns
    -------
    list of Path
        The files written.

    Raises
    ------
    InputError
        If the names do not follow the pattern, or a file is already there.
    """
    unit = make_unit(root, case, name)
    texts = _texts(unit)
    for path in texts:
        if path.exists():
            raise InputError(f"{path.relative_to(root).as_posix()}: is already there")
    if unit.kind == "lab":
        texts |= _package_marker(unit)
    texts |= _named_by_others(unit)
    for path, text in texts.items():
        with atomic_path(path) as temporary:
            temporary.write_text(format_python(text, path), encoding="utf-8", newline="\n")
    return list(texts)


def _texts(unit: Unit) -> dict[Path, str]:
    values = {
        "name": unit.label,
        "title": _title(unit),
        "concept": f"the error of {_subject(unit)}",
        "checks_module": unit.checks_module,
        "guess": f"{unit.name[3:]}_users",
        **_links(unit),
    }
    if unit.kind == "chapter":
        return {unit.source: _fill("chapter", values)}
    return {unit.source: _fill("lab", values), unit.checks: _fill("checks", values)}


def _fill(template: str, values: dict[str, str]) -> str:
    text = (
        resources.files("mlsd.course").joinpath("templates", f"{template}.txt").read_text("utf-8")
    )
    return Template(text).substitute(values)


def _subject(unit: Unit) -> str:
    words = unit.name.removeprefix("lab_")[3:].replace("_", " ")
    return f"{words} in {unit.case[3:].replace('_', ' ')}"


def _title(unit: Unit) -> str:
    verb = "Practise" if unit.kind == "lab" else "Build"
    return f"{verb} {_subject(unit)}"


def _links(unit: Unit) -> dict[str, str]:
    """Return how a new unit names the labs of its number, or its chapter."""
    others = [u for u in find_units(unit.root) if (u.case, u.step) == (unit.case, unit.step)]
    labs = [other for other in others if other.kind == "lab"]
    chapter = next((other for other in others if other.kind == "chapter"), None)
    return {
        "labs": ", ".join(lab.name for lab in labs),
        "lab_lines": "\n# ".join(map(_lab_line, labs)) or _NO_LAB,
        "chapter_line": _chapter_line(chapter) if chapter else _NO_CHAPTER,
    }


def _lab_line(lab: Unit) -> str:
    return f"Practise in [{lab.name}](../../labs/{lab.case}/{lab.name}.ipynb)."


def _chapter_line(chapter: Unit) -> str:
    address = f"../../notebooks/{chapter.case}/{chapter.name}.ipynb"
    return f"It belongs to the chapter [{chapter.name}]({address})."


def _package_marker(unit: Unit) -> dict[Path, str]:
    marker = unit.checks.parent / "__init__.py"
    subject = unit.case[3:].replace("_", " ")
    return {} if marker.exists() else {marker: f'"""Checks of the labs of {subject}."""\n'}


def _named_by_others(unit: Unit) -> dict[Path, str]:
    """Return the texts of those of its number that say that such a unit is still missing."""
    changed = {}
    for other in find_units(unit.root):
        same = (other.case, other.step) == (unit.case, unit.step) and other.kind != unit.kind
        text = other.source.read_text(encoding="utf-8") if same and other.source.is_file() else ""
        if unit.kind == "lab" and "#     labs: []\n" in text:
            named = text.replace("#     labs: []\n", f"#     labs: [{unit.name}]\n")
            changed[other.source] = named.replace(_NO_LAB, _lab_line(unit))
        elif unit.kind == "chapter" and _NO_CHAPTER in text:
            changed[other.source] = text.replace(_NO_CHAPTER, _chapter_line(unit))
    return changed

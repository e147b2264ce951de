"""Make the source of a new chapter or lab, small and complete, that passes its gates."""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from string import Template

from mlsd.course.formatting import format_python
from mlsd.course.layout import Unit, find_units, make_unit
from mlsd.runtime import InputError, atomic_path

_NO_LAB = "This chapter has no lab."


def scaffold(root: Path, case: str, name: str) -> list[Path]:
    """Write the source of a new unit, and of a lab the module with its checks.

    A new lab is named in the header of the chapter with its number, if that names none yet.

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
        texts |= _package_marker(unit) | _chapter_with_lab(unit)
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
        **_lab_of(unit),
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


def _lab_of(unit: Unit) -> dict[str, str]:
    labs = [
        other.name
        for other in find_units(unit.root)
        if other.kind == "lab" and other.case == unit.case and other.step == unit.step
    ]
    lines = "\n# ".join(map(_lab_line, labs)) or _NO_LAB
    return {"labs": ", ".join(labs), "lab_lines": lines}


def _lab_line(name: str) -> str:
    return f"Practise in `{name}`."


def _package_marker(unit: Unit) -> dict[Path, str]:
    marker = unit.checks.parent / "__init__.py"
    subject = unit.case[3:].replace("_", " ")
    return {} if marker.exists() else {marker: f'"""Checks of the labs of {subject}."""\n'}


def _chapter_with_lab(unit: Unit) -> dict[Path, str]:
    for other in find_units(unit.root):
        if other.kind == "chapter" and (other.case, other.step) == (unit.case, unit.step):
            text = other.source.read_text(encoding="utf-8") if other.source.is_file() else ""
            if "#     labs: []\n" in text:
                named = text.replace("#     labs: []\n", f"#     labs: [{unit.name}]\n")
                return {other.source: named.replace(_NO_LAB, _lab_line(unit.name))}
    return {}

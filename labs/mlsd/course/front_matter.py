"""Front matter: what a chapter or a lab says about itself, in the header of its source.

It stands under ``jupyter: mlsd:`` in jupytext's YAML header, so that it survives every conversion::

    # ---
    # jupyter:
    #   mlsd:
    #     title: Frame the click problem
    #     builds: a one-page design with numbers in it
    #     sections:
    #     - {name: What decides success, minutes: 10}
    #     - {name: Data, minutes: 15, stop: true}
    #     introduces: [click-through rate]
    #     needs: []
    #     lab: lab_20_counters
    #     discussion: Who pays for a wrong prediction?
    #     wrong_answers: [the user, nobody]
    # ---
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from mlsd.runtime import InputError

_REQUIRED = {
    "chapter": ("title", "builds", "sections", "introduces", "needs", "discussion"),
    "lab": ("title", "sections"),
}


@dataclass(frozen=True)
class Section:
    """A part of a chapter: its heading, its minutes, and whether one may stop after it."""

    name: str
    minutes: int
    stop: bool = False


@dataclass(frozen=True)
class FrontMatter:
    """What a chapter or lab says about itself.

    Attributes
    ----------
    title : str
        Starts with a verb; equals the first heading.
    builds : str
        What the reader will build, for the map.
    sections : tuple of Section
        In order; their names are headings of the second level.
    introduces, needs : tuple of str
        Concepts. One is introduced once in the course, and before it is needed.
    lab : str
        Name of the chapter's lab, or empty.
    discussion : str
        A question for a class.
    wrong_answers : tuple of str
        The two commonest wrong answers to it.
    """

    title: str
    sections: tuple[Section, ...]
    builds: str = ""
    introduces: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    lab: str = ""
    discussion: str = ""
    wrong_answers: tuple[str, ...] = ()

    @property
    def minutes(self) -> int:
        """Minutes of all sections."""
        return sum(section.minutes for section in self.sections)


def parse_front_matter(data: Any, *, kind: str, where: str) -> FrontMatter:
    """Turn the YAML of a header into front matter.

    Parameters
    ----------
    data : object
        What stands under ``mlsd:``.
    kind : str
        ``"chapter"`` or ``"lab"``; a lab needs its title and sections alone.
    where : str
        The source, for messages.

    Raises
    ------
    InputError
        For a missing or unknown key, or a value of the wrong kind.

    Examples
    --------
    >>> header = {"title": "Rank ads", "sections": [{"name": "Data", "minutes": 5}]}
    >>> parse_front_matter(header, kind="lab", where="lab.py").minutes
    5
    """
    if not isinstance(data, Mapping):
        raise InputError(f"{where}: the header has no 'mlsd:' block under 'jupyter:'; add one")
    known = [field.name for field in fields(FrontMatter)]
    for key in data:
        if key not in known:
            raise InputError(f"{where}: unknown key {key!r} in the header; use {', '.join(known)}")
    for key in _REQUIRED[kind]:
        if key not in data:
            raise InputError(f"{where}: the header lacks {key!r}; add it under 'mlsd:'")
    front = FrontMatter(
        sections=_sections(data["sections"], where),
        **{key: _text(data, key, where) for key in ("title", "builds", "lab", "discussion")},
        **{key: _texts(data, key, where) for key in ("introduces", "needs", "wrong_answers")},
    )
    if kind == "chapter" and len(front.wrong_answers) != 2:
        raise InputError(f"{where}: 'wrong_answers' has to list the two commonest ones")
    return front


def _text(data: Mapping[str, Any], key: str, where: str) -> str:
    value = data.get(key) or ""
    if not isinstance(value, str):
        raise InputError(f"{where}: {key!r} in the header has to be text, not {value!r}")
    return value.strip()


def _texts(data: Mapping[str, Any], key: str, where: str) -> tuple[str, ...]:
    values = data.get(key) or []
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise InputError(f"{where}: {key!r} in the header has to be a list of texts")
    return tuple(value.strip() for value in values)


def _sections(data: Any, where: str) -> tuple[Section, ...]:
    if not isinstance(data, list) or not data:
        raise InputError(f"{where}: 'sections' has to be a list of {{name: ..., minutes: ...}}")
    return tuple(_section(item, where) for item in data)


def _section(item: Any, where: str) -> Section:
    keys = set(item) if isinstance(item, Mapping) else set()
    if not {"name", "minutes"} <= keys <= {"name", "minutes", "stop"}:
        raise InputError(f"{where}: a section is {{name: ..., minutes: ...}}, not {item!r}")
    minutes = item["minutes"]
    if not isinstance(minutes, int) or isinstance(minutes, bool) or minutes < 1:
        raise InputError(f"{where}: section {item['name']!r} needs whole minutes, one or more")
    return Section(str(item["name"]).strip(), minutes, bool(item.get("stop", False)))

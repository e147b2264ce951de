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
    #     introduces:
    #       click-through rate: clicks per impression
    #     needs: []
    #     labs: [lab_20_counters]
    #     discussion: Who pays for a wrong prediction?
    #     answer: The advertiser at first, and we do when he leaves.
    #     wrong_answers: [the user, nobody]
    # ---
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field, fields
from typing import Annotated, Any

from pydantic import ConfigDict, Field, StrictBool, StrictInt, StrictStr, ValidationError
from pydantic.dataclasses import dataclass

from mlsd.runtime import InputError
from mlsd.runtime.faults import first_fault

_REQUIRED_OF_A_CHAPTER = ("builds", "introduces", "needs", "discussion", "answer")
_CONFIG = ConfigDict(extra="forbid", str_strip_whitespace=True)


@dataclass(frozen=True, config=_CONFIG)
class Section:
    """A part of a chapter: its heading, its minutes, and whether one may stop after it."""

    name: StrictStr
    minutes: Annotated[StrictInt, Field(ge=1)]
    stop: StrictBool = False


@dataclass(frozen=True, config=_CONFIG)
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
    introduces : mapping of str to str
        Concepts, each with the one line that the glossary says of it. One is introduced once in
        the course, and before it is needed.
    needs : tuple of str
        Concepts.
    labs : tuple of str
        Names of the chapter's labs, in the order in which they are worked.
    discussion : str
        A question for a class.
    answer : str
        What a good answer to it says, for the teacher.
    wrong_answers : tuple of str
        The two commonest wrong answers to it.
    """

    title: StrictStr
    sections: Annotated[tuple[Section, ...], Field(min_length=1)]
    builds: StrictStr = ""
    introduces: Mapping[StrictStr, StrictStr] = field(default_factory=dict)
    needs: tuple[StrictStr, ...] = ()
    labs: tuple[StrictStr, ...] = ()
    discussion: StrictStr = ""
    answer: StrictStr = ""
    wrong_answers: tuple[StrictStr, ...] = ()

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
    # A key without a value is as good as none.
    given = {str(key): value for key, value in data.items() if value is not None}
    if isinstance(given.get("introduces"), list):
        concepts = given.pop("introduces")
        if concepts:
            wanted = f"write '{concepts[0]}: what it is'"
            raise InputError(f"{where}: header: 'introduces' is a list; {wanted}")
    try:
        front = FrontMatter(**given)
    except ValidationError as error:
        known = [field.name for field in fields(FrontMatter)]
        raise InputError(f"{where}: header: {first_fault(error, known)}") from None
    lacking = [key for key in _REQUIRED_OF_A_CHAPTER if kind == "chapter" and key not in data]
    if lacking:
        raise InputError(f"{where}: the header lacks {lacking[0]!r}; add it under 'mlsd:'")
    if kind == "chapter" and len(front.wrong_answers) != 2:
        raise InputError(f"{where}: 'wrong_answers' has to list the two commonest ones")
    return front

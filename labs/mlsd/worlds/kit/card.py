"""The behaviour card of a world: its facts as measured, its parameters with their reasons."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields

from mlsd.runtime import InputError
from mlsd.worlds.base import World
from mlsd.worlds.kit.config import WorldConfig
from mlsd.worlds.kit.facts import Fact


@dataclass(frozen=True)
class CardText:
    """What a card says beside its measurements.

    Attributes
    ----------
    introduction : str
        May name ``{seed}`` and ``{days}`` of the history that is measured.
    facts : sequence of Fact
    reasons : mapping of str to str
        Why each parameter has its value, by the parameter's name.
    limits : str
        What the world cannot prove.
    """

    introduction: str
    facts: Sequence[Fact]
    reasons: Mapping[str, str]
    limits: str


def world_card(text: CardText, world: World, config: WorldConfig, days: int) -> str:
    """Simulate a history, measure the stylised facts and return the card as Markdown.

    Parameters
    ----------
    text : CardText
    world : World
    config : WorldConfig
        Parameters of the world.
    days : int
        Of the history that is measured.

    Raises
    ------
    InputError
        Where a parameter has no reason.
    """
    logs = world.history(days)
    truth = world.reveal(logs)
    measured = [
        (fact.name, fact.measure(logs, truth), fact.published, fact.source) for fact in text.facts
    ]
    names = [field.name for field in fields(config)]
    if unexplained := [name for name in names if name not in text.reasons]:
        raise InputError(f"no reason for the parameter {unexplained[0]!r}; give one in `reasons`")
    values = [(name, _show(getattr(config, name)), text.reasons[name]) for name in names]
    return "\n".join(
        [
            text.introduction.format(seed=world.seed, days=days),
            "## Stylised facts\n",
            markdown_table(("fact", "measured here", "published value", "source"), measured),
            "## Parameters and their reasons\n",
            markdown_table(("parameter", "value", "reason"), values),
            text.limits,
        ]
    )


def _show(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(_show(part) for part in value)
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def markdown_table(titles: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    """Return rows of text as a Markdown table with these titles.

    Examples
    --------
    >>> print(markdown_table(("size", "users"), [("small", "800")]).strip())
    | size | users |
    | --- | --- |
    | small | 800 |
    """
    lines = [titles, tuple("---" for _ in titles), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"

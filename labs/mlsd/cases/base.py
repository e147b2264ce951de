"""What a case study is made of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from mlsd.cases.services import CaseService
from mlsd.experiments.display import Highlights, LadderFigure, TableColumn
from mlsd.experiments.ladder import Ladder
from mlsd.experiments.sources import WorldSource
from mlsd.runtime import CaseName, InputError
from mlsd.worlds.base import World


@dataclass(frozen=True)
class OnlineMeasure:
    """The measure that a deployment is judged by: its name in the world's report, and its unit."""

    name: str
    unit: str


class WorldMaker(Protocol):
    """Makes the world of a case."""

    def __call__(self, seed: int, *, size: str = "default", variant: str | None = None) -> World:
        """Return the world of a seed; an unknown size or variant raises `InputError`."""
        ...


class SourceMaker(Protocol):
    """Makes the world source of a case's ladder."""

    def __call__(self, *, size: str = "default", variant: str | None = None) -> WorldSource:
        """Return the source; an unknown size or variant raises `InputError` when it is used."""
        ...


@dataclass(frozen=True)
class Case:
    """One case study: its world, its ladder, and how its ledger is shown.

    Attributes
    ----------
    name : CaseName
        Id and folder.
    title : str
        As a heading says it, in lower case: ``"ad click prediction"``.
    ladder : Ladder
        Rungs, protocol, policy and designs.
    printed : tuple of TableColumn
        Of ``mlsd ladder``, beside the rung; in titles and keys ``@k`` stands for the length of the
        lists that were judged.
    listed : tuple of TableColumn
        Of the README's table, beside the rung.
    figure : LadderFigure
    rows_are : str
        What a row of the log is, in the plural: ``"impressions"``.
    world : callable
        From a seed, a size and a variant to the world.
    source : callable
        From a size and a variant to what the ladder climbs in.
    sizes, variants : tuple of str
        Of the world.
    headline : OnlineMeasure
        What a deployment is judged by.
    card : callable
        Measures the world and returns its behaviour card as Markdown.
    service : CaseService or None
        What answers requests, where the case has that.
    highlights : Highlights or None
        The rungs of README's table and picture; None for all, without what they earned.
    about_oracle : str
        A sentence below tables that show the oracle: how its row is to be read.
    """

    name: CaseName
    title: str
    ladder: Ladder
    printed: tuple[TableColumn, ...]
    listed: tuple[TableColumn, ...]
    figure: LadderFigure
    rows_are: str
    world: WorldMaker
    source: SourceMaker
    sizes: tuple[str, ...]
    variants: tuple[str, ...]
    headline: OnlineMeasure
    card: Callable[[], str]
    service: CaseService | None = None
    highlights: Highlights | None = None
    about_oracle: str = ""

    @property
    def id(self) -> str:
        """Id of the case, as on the command line."""
        return self.name.id

    @property
    def world_name(self) -> str:
        """Name of the default world in ledgers, and of its card."""
        return f"{self.id}_world"

    def require_own(self, case_id: str | None, what: str) -> None:
        """Stop where a spec or data set belongs to another case; None fits every case.

        Raises
        ------
        InputError
            Names both cases.
        """
        if case_id not in (None, self.id):
            raise InputError(f"{what} belongs to case {case_id!r}, not to {self.id!r}")

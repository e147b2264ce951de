"""What a rung is: what it is called, what it reads, what it learns from, how it is tuned."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mlsd.data.log import ColumnRoles
from mlsd.runtime import InputError

Settings = Mapping[str, Any]


@dataclass(frozen=True)
class RungInputs:
    """What a rung may read.

    Attributes
    ----------
    roles : ColumnRoles
        Of the log.
    counters : tuple of str
        Counter columns; empty where the rung reads none.
    random_state : int
        Of the model.
    histories : tuple of (str, str)
        Each history beside the column it remembers; empty where the rung reads none.
    item_columns : mapping
        Keyword arguments `item_categorical` and `item_numeric` that name the columns of the table
        of items for a recommender that reads them; both empty where there is none. Numbers are the
        columns of floats.
    """

    roles: ColumnRoles
    counters: tuple[str, ...]
    random_state: int
    histories: tuple[tuple[str, str], ...] = ()
    item_columns: Mapping[str, tuple[str, ...]] = field(
        default_factory=lambda: {"item_categorical": (), "item_numeric": ()}
    )

    @property
    def columns(self) -> dict[str, tuple[str, ...]]:
        """Keyword arguments that name the columns for a model with encoders."""
        return {
            "categorical": self.roles.identifiers,
            "numeric": self.roles.numeric + self.counters,
        }


@dataclass(frozen=True)
class Outcomes:
    """What a rung learns from where that is not the label of the log.

    Attributes
    ----------
    table : str
        Table that the source has to have beside the log, such as ``"conversions"``.
    of : callable
        From a prepared log and the name of a part to the outcomes of its rows.
    """

    table: str
    of: Callable[[Any, str], np.ndarray]


@dataclass(frozen=True)
class Rung:
    """One step of a ladder.

    Attributes
    ----------
    name : str
        Fixed id, also on the command line.
    model : str
        Class name of the model, or ``"truth"`` for the oracle.
    features : str
        ``"none"``, ``"ids"``, ``"counters"``, ``"histories"`` (counters and histories of the user;
        for recommenders histories alone) or ``"truth"``: the table the rung belongs to.
    build : callable
        From inputs and one settings dictionary to an unfitted model; None for the oracle.
    settings : callable
        From roles to the settings tried; an empty tuple says that the log lacks what it needs.
    needs : str
        What a log must have, for the message when it is skipped.
    outcomes : Outcomes or None
        What it learns from; None for the label of the log.
    reads_time : bool
        Whether the model reads the time of a row.
    tables : tuple of str
        Tables that the source has to have beside the log, such as ``"items"``.
    """

    name: str
    model: str
    features: str
    build: Callable[[RungInputs, Settings], Any] | None
    settings: Callable[[ColumnRoles], tuple[Settings, ...]]
    needs: str = ""
    outcomes: Outcomes | None = None
    reads_time: bool = False
    tables: tuple[str, ...] = ()

    @property
    def is_oracle(self) -> bool:
        """Whether the rung is the world's own truth, which no model can reach."""
        return self.features == "truth"

    @property
    def uses_counters(self) -> bool:
        """Whether the rung reads as-of counters."""
        return self.features in ("counters", "histories")

    @property
    def uses_histories(self) -> bool:
        """Whether the rung reads what the user chose before."""
        return self.features == "histories"


def select_rungs(rungs: Iterable[Rung], names: Iterable[str] | None) -> list[Rung]:
    """Return the named rungs in the ladder's order; all of them for None.

    Raises
    ------
    InputError
        For a name that is not a rung.

    Examples
    --------
    >>> rung = Rung("first", "GlobalRate", "none", lambda inputs, settings: None, lambda roles: ())
    >>> [each.name for each in select_rungs([rung], None)]
    ['first']
    """
    known = {rung.name: rung for rung in rungs}
    wanted = list(known) if names is None else list(names)
    for name in wanted:
        if name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            meant = f"did you mean {close[0]!r}? " if close else ""
            raise InputError(f"unknown rung {name!r}; {meant}choose among {', '.join(known)}")
    return [rung for name, rung in known.items() if name in wanted]

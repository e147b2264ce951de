"""What a rung is: how it is called, what it reads, what it learns from, how it is tuned."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from mlsd.data.log import ColumnRoles
from mlsd.models.base import Scorer

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
    """

    roles: ColumnRoles
    counters: tuple[str, ...]
    random_state: int
    histories: tuple[tuple[str, str], ...] = ()

    @property
    def columns(self) -> dict[str, tuple[str, ...]]:
        """Keyword arguments that name the columns for a model with encoders."""
        return {
            "categorical": self.roles.identifiers,
            "numeric": self.roles.numeric + self.counters,
        }


@dataclass(frozen=True)
class Rung:
    """One step of a ladder.

    Attributes
    ----------
    name : str
        Fixed id, also on the command line.
    model : str
        Class name of the scorer, or ``"truth"`` for the oracle.
    features : str
        ``"none"``, ``"ids"``, ``"counters"``, ``"histories"`` (counters and click histories) or
        ``"truth"``: the table the rung belongs to.
    build : callable
        From inputs and one settings dictionary to an unfitted scorer.
    settings : callable
        From roles to the settings tried; an empty tuple says that the log lacks what it needs.
    needs : str
        What a log must have, for the message when it is skipped.
    labels : str
        ``"click"``, or ``"funnel"`` for click and conversion.
    reads_time : bool
        Whether the scorer reads the time of a row.
    """

    name: str
    model: str
    features: str
    build: Callable[[RungInputs, Settings], Scorer]
    settings: Callable[[ColumnRoles], tuple[Settings, ...]]
    needs: str = ""
    labels: str = "click"
    reads_time: bool = False

    @property
    def uses_counters(self) -> bool:
        """Whether the rung reads as-of counters."""
        return self.features in ("counters", "histories")

    @property
    def uses_histories(self) -> bool:
        """Whether the rung reads what the user clicked before."""
        return self.features == "histories"

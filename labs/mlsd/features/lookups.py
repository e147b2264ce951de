"""Several streaming twins behind one, for a policy that reads counters and histories."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from mlsd.features.entities import Columns


class Lookup(Protocol):
    """A streaming twin: `ServingCounters` and `ServingHistories` are two."""

    def update(self, events: Columns) -> None:
        """Take in labelled events."""
        ...

    def lookup(
        self, columns: Columns, now: np.ndarray | float | None = None
    ) -> dict[str, np.ndarray]:
        """Return features of candidates as of their moments."""
        ...


class JoinedLookups:
    """Hands every event to each of some lookups, and joins what they answer.

    Parameters
    ----------
    *lookups : Lookup
        Their columns have different names.

    Examples
    --------
    >>> class Fixed:
    ...     def __init__(self, name): self.name = name
    ...     def update(self, events): pass
    ...     def lookup(self, columns, now=None): return {self.name: np.ones(2)}
    >>> sorted(JoinedLookups(Fixed("rate"), Fixed("views")).lookup({}))
    ['rate', 'views']
    """

    def __init__(self, *lookups: Lookup) -> None:
        self.lookups = lookups

    def update(self, events: Columns) -> None:
        """Take in labelled events."""
        for each in self.lookups:
            each.update(events)

    def lookup(
        self, columns: Columns, now: np.ndarray | float | None = None
    ) -> dict[str, np.ndarray]:
        """Return the features of all lookups by name."""
        joined: dict[str, np.ndarray] = {}
        for each in self.lookups:
            joined |= each.lookup(columns, now)
        return joined

"""What a simulator has to do, so that a world can be made of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
import pandas as pd

from mlsd.worlds.base import Policy
from mlsd.worlds.kit.records import Columns
from mlsd.worlds.logs import Logs

# From users and times of requests, shape (n,) each, to the index of the policy in charge of each.
Assign = Callable[[np.ndarray, np.ndarray], np.ndarray]


class Part(NamedTuple):
    """Amounts of one measured quantity, shape (n,) each.

    Attributes
    ----------
    name : str
        One of the `parts` of the world's measures.
    user : ndarray of int
        Whose request each amount came of.
    ts : ndarray
        When that request came, seconds since the origin: it decides day, arm and unit.
    amount : ndarray
    known_at : ndarray or None
        When each amount became known; None where it is known at once. An A/B test counts what is
        known by its end.
    """

    name: str
    user: np.ndarray
    ts: np.ndarray
    amount: np.ndarray
    known_at: np.ndarray | None = None


class Step(Protocol):
    """What one stretch of time left behind."""

    @property
    def tables(self) -> Mapping[str, Columns]:
        """Event tables of the stretch, known or not."""
        ...

    def parts(self) -> Iterator[Part]:
        """Yield what is measured."""
        ...


class Simulator(Protocol):
    """One run of a world."""

    @property
    def state(self) -> Any:
        """What is carried from one day to the next; changed by `run`."""
        ...

    def run(
        self, policies: Sequence[Policy], days: range, assign: Assign | None = None
    ) -> Iterator[Step]:
        """Run whole days, asking policies to act and handing them what became known.

        Parameters
        ----------
        policies : sequence of Policy
            Used as they are; the caller copies them.
        days : range
        assign : callable or None
            None where there is one policy.
        """
        ...

    def close_day(self, day: int) -> Mapping[str, Columns]:
        """Return what is recorded once a day, when it has just ended."""
        ...


class Truth(Protocol):
    """Hidden facts of a history."""

    def add(self, step: Any) -> None:
        """Keep what a step knew."""
        ...

    def reveal(self, logs: Logs) -> pd.DataFrame:
        """Return the truth of each logged row; InputError for logs of another world."""
        ...

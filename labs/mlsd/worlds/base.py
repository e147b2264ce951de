"""What every world and everything deployed into one agree on.

A world hides the truth and shows logs. A policy is asked to act on each tick's requests and is
handed every event once, when it has become known. Reports say what happened, with intervals.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Protocol, Self, TypeVar, runtime_checkable

import numpy as np
import pandas as pd

from mlsd.metrics import Interval
from mlsd.runtime import InputError
from mlsd.worlds.logs import Logs, Tables

Columns = Mapping[str, np.ndarray]

HISTORY_DAYS = 14


@dataclass(frozen=True)
class Requests:
    """The requests of one tick, in time order: one decision each.

    Attributes
    ----------
    ts : ndarray, shape (n,)
        When each request came, seconds since the origin.
    request_id : ndarray, shape (n,)
    context : mapping of str to ndarray, shape (n,) each
        Who asks and where: user, device, amount and so on. Arrays may be computed when first
        asked for.

    Examples
    --------
    >>> payments = Requests(np.zeros(2), np.arange(2), {"amount": np.array([9.0, 12.0])})
    >>> payments.columns()["amount"]
    array([ 9., 12.])
    """

    ts: np.ndarray
    request_id: np.ndarray
    context: Columns

    def __len__(self) -> int:
        """Return the number of requests."""
        return len(self.request_id)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one score per decision: (n,), or (n, k) where there are candidates."""
        return (len(self),)

    def columns(self) -> dict[str, np.ndarray]:
        """Return one row per request, as a model that scores requests reads it.

        Returns
        -------
        dict of str to ndarray, shape (n,) each
            The context and `ts`, with the column names of the labelled log.
        """
        return dict(self.context) | {"ts": self.ts}


@dataclass(frozen=True)
class CandidateRequests(Requests):
    """Requests that each bring candidates, of which some can be shown.

    Attributes
    ----------
    candidates : mapping of str to ndarray, shape (n, k) each
        What may be shown. Arrays may be computed when first asked for.
    slots : int
        How many candidates a request can show.
    position_column : str
        Of the class: what the log calls the slot.

    Examples
    --------
    >>> two, ones = np.arange(2), np.ones((2, 3), int)
    >>> batch = CandidateRequests(np.zeros(2), two, {"device": two}, {"item_id": ones}, slots=1)
    >>> batch.columns()["device"]
    array([0, 0, 0, 1, 1, 1])
    """

    candidates: Columns
    slots: int

    position_column: ClassVar[str] = "position"

    @property
    def width(self) -> int:
        """Number of candidates of a request, k."""
        return next(iter(self.candidates.values())).shape[1]

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one score per candidate, (n, k)."""
        return len(self), self.width

    def columns(self, position: int = 0) -> dict[str, np.ndarray]:
        """Return one row per request and candidate, as a model that scores candidates reads it.

        Parameters
        ----------
        position : int
            Slot (0 = top) that every candidate is scored in: position belongs to the slot, not to
            the candidate.

        Returns
        -------
        dict of str to ndarray, shape (n * k,) each
            Request-major, with the column names of the labelled log.
        """
        width = self.width
        columns = {name: np.repeat(values, width) for name, values in super().columns().items()}
        columns |= {name: values.ravel() for name, values in self.candidates.items()}
        columns[self.position_column] = np.full(len(self) * width, position, np.int8)
        return columns


class Mergeable(Protocol):
    """Actions of which some requests can be given those of another policy."""

    def where(self, mask: np.ndarray, other: Self) -> Self:
        """Return these actions where `mask`, shape (n,), is true, and `other` elsewhere."""
        ...


RequestsType = TypeVar("RequestsType", bound=Requests, contravariant=True)
ActionsType = TypeVar("ActionsType", covariant=True)


@runtime_checkable
class Policy(Protocol[RequestsType, ActionsType]):
    """What can be deployed into a world; requests and actions are those of the world."""

    def act(self, requests: RequestsType) -> ActionsType:
        """Decide on the requests of one tick."""
        ...

    def observe(self, events: Tables) -> None:
        """Take in what became known since the last call: each event exactly once."""
        ...


@dataclass(frozen=True)
class Report:
    """What happened under one policy.

    Attributes
    ----------
    measures : dict of str to Interval
        Estimate and 95 % interval by measure.
    by_day : DataFrame
        One row per day, totals by measure.
    units : dict of str to str
        What each measure counts, in words.
    requests : int
        Number of requests behind the estimates.
    by_unit : DataFrame
        Totals of each unit (user, or window of a switchback test) that had a request, as `by_day`
        has them; the index is its number.
    """

    measures: dict[str, Interval]
    by_day: pd.DataFrame
    units: dict[str, str] = field(default_factory=dict)
    requests: int = 0
    by_unit: pd.DataFrame = field(default_factory=pd.DataFrame)


@dataclass(frozen=True)
class Lift:
    """One measure under two policies.

    Attributes
    ----------
    control, treatment : Interval
        The measure under each policy.
    difference : Interval
        Treatment minus control, in the measure's unit.
    relative : Interval
        Difference over the control's estimate.
    """

    control: Interval
    treatment: Interval
    difference: Interval
    relative: Interval


@dataclass(frozen=True)
class Comparison:
    """Two policies side by side: an A/B test, or the truth of twin worlds.

    Attributes
    ----------
    design : str
        One of the world's designs for a test, ``"twin"`` for the truth.
    lifts : dict of str to Lift
        By measure.
    control, treatment : Report
        Each side alone.
    """

    design: str
    lifts: dict[str, Lift]
    control: Report
    treatment: Report

    def changes(self, *measures: str) -> pd.DataFrame:
        """Return the change of each measure in percent of the control, with its 95 % interval.

        Parameters
        ----------
        *measures : str
            All of them where none is named.

        Returns
        -------
        DataFrame
            One row per measure; columns `estimate`, `low` and `high`, as `plot_changes` takes them.

        Raises
        ------
        InputError
            For a measure that this world does not have.
        """
        unknown = [name for name in measures if name not in self.lifts]
        if unknown:
            known = ", ".join(self.lifts)
            raise InputError(f"changes: no measure is called {unknown[0]!r}; there are {known}")
        rows = {name: vars(self.lifts[name].relative) for name in measures or self.lifts}
        table = pd.DataFrame.from_dict(rows, orient="index", columns=["estimate", "low", "high"])
        return 100 * table


@runtime_checkable
class World(Protocol):
    """A simulator whose truth stays inside. Every method is pure: call order changes nothing.

    A policy is copied before it is deployed, so the caller's object stays as it was.

    Attributes
    ----------
    seed : int
    designs : tuple of str, those that `ab_test` knows
    history_days : int
        Of a history, and before a deployment, where no other number is asked for.
    """

    seed: int
    designs: tuple[str, ...]
    history_days: int

    def history(self, days: int | None = None, *, to: Path | str | None = None) -> Logs:
        """Return what the logging policy recorded, in memory or streamed to a folder."""
        ...

    def logging_policy(self, days: int | None = None) -> Policy:
        """Return the policy that made the history, as it stood at its end."""
        ...

    def deploy(self, policy: Policy, days: int = 7, *, history_days: int | None = None) -> Report:
        """Return what would really happen from the end of the history on."""
        ...

    def ab_test(
        self,
        a: Policy,
        b: Policy,
        days: int = 7,
        *,
        design: str = "user",
        history_days: int | None = None,
    ) -> Comparison:
        """Return what a company could observe: both policies in one shared world."""
        ...

    def compare(
        self, a: Policy, b: Policy, days: int = 7, *, history_days: int | None = None
    ) -> Comparison:
        """Return the truth: each policy alone in a twin world with common luck."""
        ...

    def compare_with_logging(
        self, policy: Policy, days: int = 7, *, history_days: int | None = None
    ) -> Comparison:
        """Return the truth about a policy, its control being the one that made the history."""
        ...

    def reveal(self, logs: Logs) -> pd.DataFrame:
        """Return the hidden truth of each logged row: the only door to it."""
        ...

"""What every world and everything deployed into one agree on.

A world hides the truth and shows logs. A policy is asked to act on each tick's requests and is
handed every event once, when it has become known. Reports say what happened, with intervals.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, Self, TypeVar, runtime_checkable

import numpy as np
import pandas as pd

from mlsd.metrics import Interval

Columns = Mapping[str, np.ndarray]
Tables = Mapping[str, pd.DataFrame]
Value = TypeVar("Value")


@dataclass(frozen=True)
class RequestBatch:
    """The requests of one tick, in time order, with their candidates.

    Attributes
    ----------
    ts : ndarray, shape (n,)
        When each request came, seconds since the origin.
    request_id : ndarray, shape (n,)
    context : mapping of str to ndarray, shape (n,) each
        Who asks and where: user, device, hour and so on.
    candidates : mapping of str to ndarray, shape (n, k) each
        What may be shown. Arrays may be computed when first asked for.
    slots : int
        How many candidates a request can show.

    Examples
    --------
    >>> two, ones = np.arange(2), np.ones((2, 3), int)
    >>> batch = RequestBatch(np.zeros(2), two, {"device": two}, {"ad_id": ones}, slots=1)
    >>> batch.columns()["device"]
    array([0, 0, 0, 1, 1, 1])
    """

    ts: np.ndarray
    request_id: np.ndarray
    context: Columns
    candidates: Columns
    slots: int

    def __len__(self) -> int:
        """Return the number of requests."""
        return len(self.request_id)

    @property
    def width(self) -> int:
        """Number of candidates of a request, k."""
        return next(iter(self.candidates.values())).shape[1]

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
        columns = {name: np.repeat(values, width) for name, values in self.context.items()}
        columns["ts"] = np.repeat(self.ts, width)
        columns |= {name: values.ravel() for name, values in self.candidates.items()}
        columns["position"] = np.full(len(self) * width, position, np.int8)
        return columns


@dataclass(frozen=True)
class Actions:
    """What a policy answers to a batch of requests.

    Attributes
    ----------
    predicted_ctr : ndarray, shape (n, k)
        Click probability the policy expects of each candidate in the top slot.
    rank_score : ndarray, shape (n, k), or None
        What the world ranks candidates by, highest first. None lets the world use its own rule: in
        an ad market bid times predicted click-through rate where clicks are billed, the bid alone
        where impressions are.
    """

    predicted_ctr: np.ndarray
    rank_score: np.ndarray | None = None


@runtime_checkable
class Policy(Protocol):
    """What can be deployed into a world."""

    def act(self, requests: RequestBatch) -> Actions:
        """Decide on the requests of one tick."""
        ...

    def observe(self, events: Tables) -> None:
        """Take in what became known since the last call: each event exactly once."""
        ...


class LazyMapping(Mapping[str, Value]):
    """Named values, each made when first asked for and then kept.

    Examples
    --------
    >>> tables = LazyMapping({"users": lambda: pd.DataFrame({"user_id": [0, 1]})})
    >>> len(tables["users"])
    2
    """

    def __init__(self, makers: Mapping[str, Callable[[], Value]]) -> None:
        self._makers = dict(makers)
        self._made: dict[str, Value] = {}

    def __getitem__(self, name: str) -> Value:
        if name not in self._made:
            self._made[name] = self._makers[name]()
        return self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._makers)

    def __len__(self) -> int:
        return len(self._makers)


def known_by(table: pd.DataFrame, t: float) -> pd.DataFrame:
    """Return the rows known at time `t` (seconds): by `known_at`, or by `ts` where there is none.

    Examples
    --------
    >>> known_by(pd.DataFrame({"ts": [1, 2], "known_at": [1, 9]}), 5)["ts"].tolist()
    [1]
    """
    clock = "known_at" if "known_at" in table else "ts"
    known = table[clock].to_numpy() <= t
    return table if known.all() else table[known].reset_index(drop=True)


class Logs:
    """What a world recorded: named tables, also as attributes (``logs.impressions``).

    Parameters
    ----------
    tables : mapping of str to DataFrame
        Every table has a column `known_at`, or `ts` where a row is known as it happens.
    until : float
        End of the log, seconds since the origin.
    """

    def __init__(self, tables: Tables, *, until: float) -> None:
        self.tables = tables
        self.until = until

    def __getattr__(self, name: str) -> pd.DataFrame:
        if name.startswith("_") or name not in self.__dict__.get("tables", {}):
            raise AttributeError(f"{type(self).__name__} has no table {name!r}")
        return self.tables[name]

    def as_of(self, t: float) -> Self:
        """Return what was known at time `t`, seconds since the origin.

        A labelled row appears when its label has settled, so a row never shows half of itself.
        """
        makers = {name: lambda name=name: known_by(self.tables[name], t) for name in self.tables}
        return self._with_tables(LazyMapping(makers), until=min(t, self.until))

    def _with_tables(self, tables: Tables, *, until: float) -> Self:
        return type(self)(tables, until=until)


@dataclass(frozen=True)
class Report:
    """What happened under one policy.

    Attributes
    ----------
    measures : dict of str to Interval
        Estimate and 95 % interval by measure.
    by_day : DataFrame
        One row a day, totals by measure.
    units : dict of str to str
        What each measure counts, in words.
    requests : int
        Number of requests behind the estimates.
    """

    measures: dict[str, Interval]
    by_day: pd.DataFrame
    units: dict[str, str] = field(default_factory=dict)
    requests: int = 0


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
        ``"user"``, ``"budget"`` or ``"switchback"`` for a test, ``"twin"`` for the truth.
    lifts : dict of str to Lift
        By measure.
    control, treatment : Report
        Each side alone.
    """

    design: str
    lifts: dict[str, Lift]
    control: Report
    treatment: Report


class World(Protocol):
    """A simulator whose truth stays inside. Every method is pure: call order changes nothing.

    A policy is copied before it is deployed, so the caller's object stays as it was.
    """

    def history(self, days: int = 14, *, to: Path | str | None = None) -> Logs:
        """Return what the logging policy recorded, in memory or streamed to a folder."""
        ...

    def deploy(self, policy: Policy, days: int = 7) -> Report:
        """Return what would really happen from the end of the history on."""
        ...

    def ab_test(self, a: Policy, b: Policy, days: int = 7, *, design: str = "user") -> Comparison:
        """Return what a company could observe: both policies in one shared market."""
        ...

    def compare(self, a: Policy, b: Policy, days: int = 7) -> Comparison:
        """Return the truth: each policy alone in a twin world with common luck."""
        ...

    def reveal(self, logs: Logs) -> pd.DataFrame:
        """Return the hidden truth of each logged row: the only door to it."""
        ...

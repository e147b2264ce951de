"""A canary release: some users get the new policy, and all go back when these fare worse."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Generic, Self, TypeVar

import numpy as np
import pandas as pd

from mlsd.policies.sequential import RateGap, always_valid_limit, rate_gap
from mlsd.runtime import InputError
from mlsd.worlds.base import Mergeable, Policy, Requests
from mlsd.worlds.kit.luck import hashed_uniform
from mlsd.worlds.logs import Tables, table_of

ActionsType = TypeVar("ActionsType", bound=Mergeable)
_CLICKS = MappingProxyType({"click": 1})


def in_canary(user_id: np.ndarray, share: float, *, salt: int = 0) -> np.ndarray:
    """Return which users get the new system, shape (n,): `share` percent, chosen by a hash.

    A larger share holds the users of a smaller one, so that a ramp takes nobody back; another salt
    is another choice, so that not every release is tried on the same people.

    Parameters
    ----------
    user_id : array of int, shape (n,)
    share : float
        Percent.
    salt : int
        Of the release, non-negative.

    Examples
    --------
    >>> users = np.arange(10_000)
    >>> five, twenty = in_canary(users, 5, salt=7), in_canary(users, 20, salt=7)
    >>> five.sum(), twenty.sum(), (five & ~twenty).sum()
    (np.int64(518), np.int64(1962), np.int64(0))
    """
    return hashed_uniform(salt, "canary", np.asarray(user_id)) < share / 100


class CanaryPolicy(Generic[ActionsType]):
    """Serves some users with a new policy, and takes it back when they fare clearly worse.

    Parameters
    ----------
    control, treatment : Policy
        The old and the new one, of any world whose actions are `Mergeable`. Both observe every
        event, so that either can take over.
    share : float
        Percent of the users who get the new policy; see `in_canary`.
    promise : float
        Largest probability that a harmless policy is ever taken back. It is divided among the
        outcomes that are watched.
    harm : float
        Relative loss that is to be found fast; see `always_valid_limit`.
    limit : float or None
        A fixed number of standard errors instead of the always-valid limit, for comparison.
    start : float
        Seconds since the origin; rows that happened earlier are not counted.
    salt : int
        Of the choice of users.
    user, table : str
        Column of the user's id, and the event table that is watched.
    outcomes : mapping of str to int
        Columns of the table whose sum per row is watched: 1 where more is better, -1 where less is.

    Attributes
    ----------
    rolled_back_at : float or None
        When the new policy was taken back, seconds since the origin. Copies share it, so that it
        can be read after a deployment.

    Raises
    ------
    InputError
        For a share that is not between 0 and 100, a limit that is not positive, no outcome, or one
        whose direction is not 1 or -1.

    Notes
    -----
    Each outcome is compared per row, with users as the unit, whenever events come in.

    Examples
    --------
    >>> from mlsd.models import GlobalRate
    >>> from mlsd.policies.ad_click import ScorerPolicy
    >>> policy = ScorerPolicy(GlobalRate().fit({"ad_id": [1, 2]}, [0, 1]))
    >>> CanaryPolicy(policy, policy, share=5).rolled_back_at is None
    True
    """

    def __init__(
        self,
        control: Policy,
        treatment: Policy,
        *,
        share: float = 10,
        promise: float = 0.01,
        harm: float = 0.2,
        limit: float | None = None,
        start: float = 0.0,
        salt: int = 0,
        user: str = "user_id",
        table: str = "impressions",
        outcomes: Mapping[str, int] = _CLICKS,
    ) -> None:
        if not 0 < share < 100:
            raise InputError(f"share is {share}; give a percentage of users between 0 and 100")
        if limit is not None and not limit > 0:
            raise InputError(f"limit is {limit}; give standard errors above 0")
        if not outcomes or not set(outcomes.values()) <= {1, -1}:
            raise InputError(f"outcomes is {dict(outcomes)}; give 1 or -1 for each column")
        self.control, self.treatment = control, treatment
        self.share, self.salt, self.start = share, salt, start
        self.promise, self.harm, self.limit = promise, harm, limit
        self.user, self.table, self.outcomes = user, table, dict(outcomes)
        # Sums by user: rows, then one line per outcome.
        self.totals = np.zeros((1 + len(outcomes), 0))
        self._now = start
        self._stopped: list[tuple[float, str]] = []

    @property
    def rolled_back_at(self) -> float | None:
        """When the new policy was taken back, None if it was not."""
        return self._stopped[0][0] if self._stopped else None

    @property
    def rolled_back_for(self) -> str | None:
        """The outcome that took it back, None if nothing did."""
        return self._stopped[0][1] if self._stopped else None

    def act(self, requests: Requests) -> ActionsType:
        """Return the control's actions, with the treatment's for the users of the canary."""
        self._now = float(requests.ts[-1]) if len(requests) else self._now
        control = self.control.act(requests)
        if self._stopped:
            return control
        treatment = self.treatment.act(requests)
        return treatment.where(self._is_new(requests.context[self.user]), control)

    def observe(self, events: Tables) -> None:
        """Count the outcomes of both arms, and roll back where the new one is clearly behind."""
        self.control.observe(events)
        self.treatment.observe(events)
        rows = self.watched(events)
        if self._stopped or len(rows) == 0:
            return
        self._count(rows[rows["ts"] >= self.start])
        for name, gap in self.gaps().items():
            if self.outcomes[name] * gap.score < -self._limit(gap):
                self._stopped.append((self._now, name))
                return

    def watched(self, events: Tables) -> pd.DataFrame:
        """Return the rows whose outcomes are counted; a subclass may add columns to them."""
        return table_of(events, self.table)

    def gaps(self) -> dict[str, RateGap]:
        """Return how far the new arm lies from the old one so far, by outcome."""
        rows, *outcomes = self.totals
        is_new = self._is_new(np.arange(self.totals.shape[1]))
        return {name: rate_gap(sums, rows, is_new) for name, sums in zip(self.outcomes, outcomes)}

    def _limit(self, gap: RateGap) -> float:
        if self.limit is not None:
            return self.limit
        promise = self.promise / len(self.outcomes)
        return always_valid_limit(gap.error, promise=promise, harm=self.harm)

    def _count(self, rows: pd.DataFrame) -> None:
        user = rows[self.user].to_numpy()
        users = max(int(user.max(initial=-1)) + 1, self.totals.shape[1])
        new = [np.bincount(user, minlength=users)]
        new += [np.bincount(user, rows[name], minlength=users) for name in self.outcomes]
        missing = users - self.totals.shape[1]
        self.totals = np.pad(self.totals, ((0, 0), (0, missing))) + new

    def _is_new(self, user_id: np.ndarray) -> np.ndarray:
        return in_canary(user_id, self.share, salt=self.salt)

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        """Copy the policies and the counts; share the news of a rollback."""
        other = copy.copy(self)
        other.control = copy.deepcopy(self.control, memo)
        other.treatment = copy.deepcopy(self.treatment, memo)
        other.totals = self.totals.copy()
        return other

"""A canary release: some users get the new policy, and all go back when these fare worse."""

from __future__ import annotations

import copy
import math
from typing import Any, Generic, Self, TypeVar

import numpy as np

from mlsd.runtime import InputError
from mlsd.worlds.base import Mergeable, Policy, Requests
from mlsd.worlds.logs import Tables, table_of

_LEAST_SUCCESSES = 50

ActionsType = TypeVar("ActionsType", bound=Mergeable)


def rate_gap(successes: np.ndarray, trials: np.ndarray) -> float:
    """Return how many standard errors the second arm's rate lies above the first's.

    Two-proportion score, with the pooled rate in the error and rows taken as independent.

    Parameters
    ----------
    successes, trials : array, shape (2,)
        Such as clicks and impressions.

    Examples
    --------
    >>> round(rate_gap(np.array([200, 10]), np.array([10_000, 1_000])), 2)
    -2.2
    """
    if trials.min() == 0 or successes.sum() == 0:
        return 0.0
    pooled = successes.sum() / trials.sum()
    error = math.sqrt(pooled * (1 - pooled) * (1 / trials).sum())
    return float((successes[1] / trials[1] - successes[0] / trials[0]) / error)


class CanaryPolicy(Generic[ActionsType]):
    """Serves some users with a new policy, and takes it back when they fare clearly worse.

    Parameters
    ----------
    control, treatment : Policy
        The old and the new one, of any world whose actions are `Mergeable`. Both observe every
        event, so that either can take over.
    share : int
        Percent of the users who get the new policy, by user id.
    limit : float
        Standard errors of the success rate by which the new arm must be behind.
    start : float
        Seconds since the origin; rows that happened earlier are not counted.
    user, table, outcome : str
        Column of the user's id; event table that is watched; its column of 0/1 outcomes, of which
        more are better. The defaults are those of an ad market.

    Attributes
    ----------
    rolled_back_at : float or None
        When the new policy was taken back, seconds since the origin. Copies share it, so that it
        can be read after a deployment.
    successes, trials : ndarray, shape (2,)
        Outcomes of 1, and rows, of the old and the new arm.

    Raises
    ------
    InputError
        For a share outside 1 to 99, or a limit that is not positive.

    Notes
    -----
    The score is looked at whenever events come in. Many looks raise the chance of a false alarm
    above that of one, and rows of one user are not independent; a limit of 3.5 leaves room for
    both. The check begins with 50 successes.

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
        share: int = 10,
        limit: float = 3.5,
        start: float = 0.0,
        user: str = "user_id",
        table: str = "impressions",
        outcome: str = "click",
    ) -> None:
        if not 1 <= share <= 99:
            raise InputError(f"share is {share}; give 1 to 99 percent of the users")
        if limit <= 0:
            raise InputError(f"limit is {limit}; give standard errors above 0")
        self.control, self.treatment = control, treatment
        self.share, self.limit, self.start = share, limit, start
        self.user, self.table, self.outcome = user, table, outcome
        self.successes, self.trials = np.zeros(2), np.zeros(2)
        self._now = start
        self._stopped: list[float] = []

    @property
    def rolled_back_at(self) -> float | None:
        """When the new policy was taken back, None if it was not."""
        return self._stopped[0] if self._stopped else None

    def act(self, requests: Requests) -> ActionsType:
        """Return the control's actions, with the treatment's for the users of the canary."""
        self._now = float(requests.ts[-1]) if len(requests) else self._now
        control = self.control.act(requests)
        if self._stopped:
            return control
        treatment = self.treatment.act(requests)
        return treatment.where(self._in_canary(requests.context[self.user]), control)

    def observe(self, events: Tables) -> None:
        """Count the outcomes of both arms, and roll back where the new one is clearly behind."""
        self.control.observe(events)
        self.treatment.observe(events)
        rows = table_of(events, self.table)
        if self._stopped or len(rows) == 0:
            return
        rows = rows[rows["ts"] >= self.start]
        arm = self._in_canary(rows[self.user].to_numpy()).astype(int)
        self.successes += np.bincount(arm, rows[self.outcome], minlength=2)
        self.trials += np.bincount(arm, minlength=2)
        behind = rate_gap(self.successes, self.trials) < -self.limit
        if behind and self.successes.sum() >= _LEAST_SUCCESSES:
            self._stopped.append(self._now)

    def _in_canary(self, user_id: np.ndarray) -> np.ndarray:
        return np.asarray(user_id) % 100 < self.share

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        """Copy the policies and the counts; share the news of a rollback."""
        other = copy.copy(self)
        other.control = copy.deepcopy(self.control, memo)
        other.treatment = copy.deepcopy(self.treatment, memo)
        other.successes, other.trials = self.successes.copy(), self.trials.copy()
        return other

"""A canary release: some users get the new policy, and all go back when these fare worse."""

from __future__ import annotations

import copy
import math
from typing import Any, Self

import numpy as np

from mlsd.runtime import InputError
from mlsd.worlds.base import Mergeable, Policy, Requests
from mlsd.worlds.logs import Tables

_LEAST_CLICKS = 50


def rate_gap(clicks: np.ndarray, views: np.ndarray) -> float:
    """Return how many standard errors the second arm's click rate lies above the first's.

    Two-proportion score, with the pooled rate in the error and rows taken as independent.

    Parameters
    ----------
    clicks, views : array, shape (2,)

    Examples
    --------
    >>> round(rate_gap(np.array([200, 10]), np.array([10_000, 1_000])), 2)
    -2.2
    """
    if views.min() == 0 or clicks.sum() == 0:
        return 0.0
    pooled = clicks.sum() / views.sum()
    error = math.sqrt(pooled * (1 - pooled) * (1 / views).sum())
    return float((clicks[1] / views[1] - clicks[0] / views[0]) / error)


class CanaryPolicy:
    """Serves some users with a new policy, and takes it back when they click clearly less.

    Parameters
    ----------
    control, treatment : Policy
        The old and the new one. Both observe every event, so that either can take over.
    share : int
        Percent of the users who get the new policy, by user id.
    limit : float
        Standard errors of the click rate by which the new arm must be behind.
    start : float
        Seconds since the origin; earlier impressions are not counted.

    Attributes
    ----------
    rolled_back_at : float or None
        When the new policy was taken back, seconds since the origin. Copies share it, so that it
        can be read after a deployment.

    Raises
    ------
    InputError
        For a share outside 1 to 99, or a limit that is not positive.

    Notes
    -----
    The score is looked at whenever events come in. Many looks raise the chance of a false alarm
    above that of one, and rows of one user are not independent; a limit of 3.5 leaves room for
    both. The check begins with 50 clicks.

    Examples
    --------
    >>> from mlsd.models import GlobalRate
    >>> from mlsd.policies import ScorerPolicy
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
    ) -> None:
        if not 1 <= share <= 99:
            raise InputError(f"share is {share}; give 1 to 99 percent of the users")
        if limit <= 0:
            raise InputError(f"limit is {limit}; give standard errors above 0")
        self.control, self.treatment = control, treatment
        self.share, self.limit, self.start = share, limit, start
        self.clicks, self.views = np.zeros(2), np.zeros(2)
        self._now = start
        self._stopped: list[float] = []

    @property
    def rolled_back_at(self) -> float | None:
        """When the new policy was taken back, None if it was not."""
        return self._stopped[0] if self._stopped else None

    def act(self, requests: Requests) -> Mergeable:
        """Return the control's actions, with the treatment's for the users of the canary."""
        self._now = float(requests.ts[-1]) if len(requests) else self._now
        control = self.control.act(requests)
        if self._stopped:
            return control
        treatment = self.treatment.act(requests)
        return treatment.where(self._in_canary(requests.context["user_id"]), control)

    def observe(self, events: Tables) -> None:
        """Count the clicks of both arms, and roll back where the new one is clearly behind."""
        self.control.observe(events)
        self.treatment.observe(events)
        rows = events["impressions"]
        if self._stopped or len(rows) == 0:
            return
        rows = rows[rows["ts"] >= self.start]
        arm = self._in_canary(rows["user_id"].to_numpy()).astype(int)
        self.clicks += np.bincount(arm, rows["click"], minlength=2)
        self.views += np.bincount(arm, minlength=2)
        behind = rate_gap(self.clicks, self.views) < -self.limit
        if behind and self.clicks.sum() >= _LEAST_CLICKS:
            self._stopped.append(self._now)

    def _in_canary(self, user_id: np.ndarray) -> np.ndarray:
        return np.asarray(user_id) % 100 < self.share

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        """Copy the policies and the counts; share the news of a rollback."""
        other = copy.copy(self)
        other.control = copy.deepcopy(self.control, memo)
        other.treatment = copy.deepcopy(self.treatment, memo)
        other.clicks, other.views = self.clicks.copy(), self.views.copy()
        return other

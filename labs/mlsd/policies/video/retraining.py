"""A feed that goes on learning from the log that its own slates make."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pandas as pd

from mlsd.models.base import Recommender
from mlsd.policies.video.recommending import RecommenderPolicy
from mlsd.runtime import InputError
from mlsd.runtime.times import DAY
from mlsd.worlds.logs import Tables, table_of
from mlsd.worlds.video import FeedRequests, Slates
from mlsd.worlds.video.logs import with_watched

TrainingRows = Callable[[pd.DataFrame], pd.DataFrame]


def watched_rows(impressions: pd.DataFrame) -> pd.DataFrame:
    """Return the impressions that were watched: what a recommender learns from, nothing weighed.

    Examples
    --------
    >>> log = pd.DataFrame({"item_id": [1, 2], "watched": [0, 1]})
    >>> watched_rows(log)["item_id"].tolist()
    [2]
    """
    return impressions[impressions["watched"] == 1]


class RetrainedPolicy(RecommenderPolicy):
    """Serves a recommender's lists, and fits it again at midnights on what has become known.

    Parameters
    ----------
    recommender : Recommender
        Already fitted; a copy serves until the first refit. A refit starts afresh.
    history : DataFrame
        Impressions known before the deployment, as `VideoLogs.labelled` has them.
    every : int or None
        Days between two fits; None never fits again.
    rows : callable
        From the impressions known at a midnight, with the column `watched` and in the order in
        which they became known, to the interactions to learn from (`user_id`, `item_id`, `ts`, and
        `weight` where rows count differently).
    window_days : float or None
        Impressions older than that are forgotten; None keeps them all.

    Raises
    ------
    InputError
        If `every` is not at least 1.

    Notes
    -----
    The first fit comes at the first midnight that is a whole number of `every` days after the day
    of the first request. Where no row is left to learn from, the recommender stays as it was.

    References
    ----------
    Chaney, Stewart and Engelhardt, "How algorithmic confounding in recommendation systems increases
    homogeneity and decreases utility", RecSys 2018, for the loop of serving and retraining.
    """

    def __init__(
        self,
        recommender: Recommender,
        history: pd.DataFrame,
        *,
        every: int | None = 1,
        rows: TrainingRows = watched_rows,
        window_days: float | None = None,
    ) -> None:
        super().__init__(recommender)
        if every is not None and every < 1:
            raise InputError(f"every is {every!r}; give days, at least 1, or None")
        self.every = every
        self.rows = rows
        self.window_days = window_days
        self.fits = 0
        self._log = [history]
        self._first_day: int | None = None
        self._fitted_on: int | None = None

    def observe(self, events: Tables) -> None:
        """Keep the impressions that became known."""
        super().observe(events)
        if self.every is not None and len(seen := table_of(events, "impressions")):
            self._log.append(with_watched(seen))

    def act(self, requests: FeedRequests) -> Slates:
        """Fit again where a midnight has passed that is one for it, then fill the slates."""
        day = int(requests.ts[0] // DAY)
        if self._first_day is None:
            self._first_day = self._fitted_on = day
        due = self.every is not None and (day - self._first_day) % self.every == 0
        if due and day != self._fitted_on:
            self._refit(day * DAY)
            self._fitted_on = day
        return super().act(requests)

    def _refit(self, midnight: float) -> None:
        log = pd.concat(self._log, ignore_index=True)
        if self.window_days is not None:
            log = log[log["known_at"] > midnight - self.window_days * DAY]
        self._log = [log]
        rows = self.rows(log[log["known_at"] <= midnight])
        if len(rows):
            self.recommender = copy.deepcopy(self.recommender).fit(rows)
            self.fits += 1

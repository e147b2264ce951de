"""Who gets which policy in an A/B test."""

from __future__ import annotations

import numpy as np

from mlsd.runtime.times import DAY, HOUR
from mlsd.worlds.kit.luck import hashed_uniform

DESIGNS = ("user", "switchback")
WINDOW_HOURS = 4
WINDOWS_PER_DAY = DAY // (WINDOW_HOURS * HOUR)


class Assignment:
    """Assigns each request of a test to arm 0 (control) or 1 (treatment).

    Parameters
    ----------
    design : str
        ``"switchback"`` gives each window of time to one arm, the two windows of a pair to
        different arms in random order; where there are clusters, in each of them by itself.
        ``"cluster"`` gives all users of a cluster to one arm, the two clusters of a pair to
        different ones. Every other design splits users at random.
    seed : int
    users : int
        How many there are, numbered from 0: whoever a request comes from, such as a card holder.
    first_day : int
        Of the test.
    cluster : ndarray of int, shape (users,), or None
        What users share their fate with, such as their city; None for one for all. Clusters are
        paired in the order of their numbers, so that neighbours should be alike: of like size, say.
    window_hours : int
        Divides a day.

    Examples
    --------
    >>> assignment = Assignment("user", 0, users=4, first_day=14)
    >>> assignment.arms(np.array([2, 2, 3]), np.array([0.0, 9.0, 9.0])).tolist()
    [0, 0, 1]
    """

    def __init__(
        self,
        design: str,
        seed: int,
        *,
        users: int,
        first_day: int,
        cluster: np.ndarray | None = None,
        window_hours: int = WINDOW_HOURS,
    ) -> None:
        self.design = design
        self.users = users
        self.first_day = first_day
        self.cluster = np.zeros(users, np.intp) if cluster is None else cluster.astype(np.intp)
        self.window_hours = window_hours
        self._user_arm = (hashed_uniform(seed, "arm", np.arange(users)) < 0.5).astype(np.intp)
        self._seed = seed

    def arms(self, user: np.ndarray, ts: np.ndarray) -> np.ndarray:
        """Return the arm of each request by its user and its time, shape (n,)."""
        if self.design == "cluster":
            return self._flipped("cluster", self.cluster[user])
        if self.design != "switchback":
            return self._user_arm[user]
        return self._flipped("switch", self._window(ts) + self._offset(user))

    def units(self, user: np.ndarray, ts: np.ndarray) -> np.ndarray:
        """Return what each request is resampled with: its user, cluster, or window in a cluster."""
        if self.design == "cluster":
            return self.cluster[user]
        if self.design != "switchback":
            return user
        clusters = int(self.cluster.max(initial=0)) + 1
        return self._window(ts) * clusters + self.cluster[user]

    def count(self, days: int) -> int:
        """Return how many units there are."""
        clusters = int(self.cluster.max(initial=0)) + 1
        windows = days * (DAY // (self.window_hours * HOUR))
        return {"cluster": clusters, "switchback": clusters * windows}.get(self.design, self.users)

    def _flipped(self, stream: str, number: np.ndarray) -> np.ndarray:
        """Return arms: those of two neighbouring numbers differ, which is which is random."""
        first = hashed_uniform(self._seed, stream, number // 2) < 0.5
        return (first ^ (number % 2 == 1)).astype(np.intp)

    def _window(self, ts: np.ndarray) -> np.ndarray:
        since = ts // (self.window_hours * HOUR)
        return since.astype(np.intp) - self.first_day * (DAY // (self.window_hours * HOUR))

    def _offset(self, user: np.ndarray) -> np.ndarray:
        """Return what keeps the windows of different clusters apart: far, and even."""
        return self.cluster[user] << 20

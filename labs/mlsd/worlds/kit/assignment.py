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
        ``"switchback"`` gives each window of four hours to one arm, the two windows of a pair to
        different arms in random order. Every other design splits users at random.
    seed : int
    users : int
        How many there are, numbered from 0: whoever a request comes from, such as a card holder.
    first_day : int
        Of the test.

    Examples
    --------
    >>> assignment = Assignment("user", 0, users=4, first_day=14)
    >>> assignment.arms(np.array([2, 2, 3]), np.array([0.0, 9.0, 9.0])).tolist()
    [0, 0, 1]
    """

    def __init__(self, design: str, seed: int, *, users: int, first_day: int) -> None:
        self.design = design
        self.users = users
        self.first_day = first_day
        self._user_arm = (hashed_uniform(seed, "arm", np.arange(users)) < 0.5).astype(np.intp)
        self._seed = seed

    def arms(self, user: np.ndarray, ts: np.ndarray) -> np.ndarray:
        """Return the arm of each request by its user and its time, shape (n,)."""
        if self.design != "switchback":
            return self._user_arm[user]
        window = self._window(ts)
        first = hashed_uniform(self._seed, "switch", window // 2) < 0.5
        return (first ^ (window % 2 == 1)).astype(np.intp)

    def units(self, user: np.ndarray, ts: np.ndarray) -> np.ndarray:
        """Return the unit that each request is resampled with: its user, or its window."""
        return user if self.design != "switchback" else self._window(ts)

    def count(self, days: int) -> int:
        """Return how many units there are."""
        return days * WINDOWS_PER_DAY if self.design == "switchback" else self.users

    def _window(self, ts: np.ndarray) -> np.ndarray:
        since = ts // (WINDOW_HOURS * HOUR)
        return since.astype(np.intp) - self.first_day * WINDOWS_PER_DAY

"""Who gets which policy in an A/B test."""

from __future__ import annotations

import numpy as np

from mlsd.worlds.ad_click.config import HOURS
from mlsd.worlds.ad_click.traffic import Block
from mlsd.worlds.kit.luck import hashed_uniform

DESIGNS = ("user", "budget", "switchback")
WINDOW_HOURS = 4
WINDOWS_PER_DAY = HOURS // WINDOW_HOURS


class Assignment:
    """Assigns each request of a test to arm 0 (control) or 1 (treatment).

    Parameters
    ----------
    design : str
        ``"user"`` and ``"budget"`` split users at random; ``"switchback"`` gives each window of
        four hours to one arm, the two windows of a pair to different arms in random order.
    seed : int
    users : int
    first_day : int
        Of the test.
    """

    def __init__(self, design: str, seed: int, *, users: int, first_day: int) -> None:
        self.design = design
        self.users = users
        self.first_day = first_day
        self._user_arm = (hashed_uniform(seed, "arm", np.arange(users)) < 0.5).astype(np.intp)
        self._seed = seed

    def arms(self, block: Block, rows: slice | np.ndarray) -> np.ndarray:
        """Return the arm of each request, shape (n,)."""
        if self.design != "switchback":
            return self._user_arm[block.user[rows]]
        window = self._window(block, rows)
        first = hashed_uniform(self._seed, "switch", window // 2) < 0.5
        return (first ^ (window % 2 == 1)).astype(np.intp)

    def units(self, block: Block, rows: slice | np.ndarray) -> np.ndarray:
        """Return the unit that each request is resampled with: its user, or its window."""
        if self.design != "switchback":
            return block.user[rows]
        return self._window(block, rows)

    def count(self, days: int) -> int:
        """Return how many units there are."""
        return days * WINDOWS_PER_DAY if self.design == "switchback" else self.users

    def _window(self, block: Block, rows: slice | np.ndarray) -> np.ndarray:
        hour = block.hour[rows].astype(np.intp)
        return (block.day - self.first_day) * WINDOWS_PER_DAY + hour // WINDOW_HOURS

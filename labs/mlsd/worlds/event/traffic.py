"""Who opens the feed when: visits of a day, by habit, hour and weekday."""

from __future__ import annotations

import numpy as np

from mlsd.runtime import InputError
from mlsd.runtime.times import HOUR
from mlsd.worlds.event.config import HOURS
from mlsd.worlds.event.setup import Setup
from mlsd.worlds.kit.draws import HOUR_CURVE, WEEKDAY_CURVE

MOST_VISITS = 3
MOST_EXPECTED = 6.0


class Traffic:
    """Draws the visits of any day, given how used to the feed its users are.

    Parameters
    ----------
    setup : Setup
    """

    def __init__(self, setup: Setup) -> None:
        self.setup = setup
        self._hours = np.concatenate([[0], np.cumsum(HOUR_CURVE / HOUR_CURVE.sum())])

    def expected(self, day: int, habit: np.ndarray) -> np.ndarray:
        """Return the expected number of visits of each user on a day, shape (users,)."""
        users = self.setup.people.users
        rate = users.activity * np.exp(habit) * np.float32(WEEKDAY_CURVE[day % 7])
        return np.where(users.signup_day <= day, np.minimum(rate, MOST_EXPECTED), 0)

    def day(self, day: int, habit: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return user, number and time of the visits of a day, in order of time.

        Numbers are never used twice.

        Raises
        ------
        InputError
            For a day beyond the horizon.
        """
        horizon = self.setup.config.horizon_days
        if day >= horizon:
            raise InputError(f"day {day} is beyond the world's horizon_days={horizon}; raise it")
        expected = self.expected(day, habit)
        users = len(expected)
        draw = self.setup.luck_of("visits", day * users + np.arange(users))
        term = np.exp(-expected)
        below, count = term.copy(), np.zeros(users, np.intp)
        for number in range(1, MOST_VISITS + 1):
            count += draw >= below
            term = term * expected / number
            below += term
        user = np.repeat(np.arange(users), count)
        place = np.arange(len(user)) - np.repeat(np.cumsum(count) - count, count)
        request_id = (day * users + user) * MOST_VISITS + place
        share = self.setup.luck_of("hour", request_id)
        ts = (day * HOURS + np.interp(share, self._hours, np.arange(HOURS + 1.0))) * HOUR
        order = np.argsort(ts, kind="stable")
        return user[order], request_id[order], ts[order]

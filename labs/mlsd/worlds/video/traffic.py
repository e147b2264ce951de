"""Who opens the feed when: sessions of a day, by habit, hour and weekday."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mlsd.runtime import InputError
from mlsd.runtime.times import HOUR
from mlsd.worlds.kit.draws import HOUR_CURVE, WEEKDAY_CURVE
from mlsd.worlds.kit.luck import hashed_uniform
from mlsd.worlds.video.config import DEVICES, HOURS, MOST_SESSIONS, VideoConfig
from mlsd.worlds.video.population import Population, Users

HOME_DEVICE_SHARE = 0.85
# Sessions of one user fall into different thirds of the day's traffic, never next to its borders,
# so that hours lie between them.
BORDER = 0.06
MOST_EXPECTED = 6.0


@dataclass(frozen=True)
class DaySessions:
    """Sessions of a day in order of time; shape (n,) each. `session_id` is never used twice."""

    user: np.ndarray
    session_id: np.ndarray
    ts: np.ndarray
    device: np.ndarray

    def between(self, first_hour: int, hour: int) -> DaySessions:
        """Return the sessions that begin from one hour of the day on, before another."""
        first, last = np.searchsorted(self.ts // HOUR % HOURS, [first_hour, hour])
        names = ("user", "session_id", "ts", "device")
        return DaySessions(**{name: getattr(self, name)[first:last] for name in names})


class Traffic:
    """Draws the sessions of any day, given how used to the feed its users are.

    Parameters
    ----------
    population : Population
    config : VideoConfig
    seed : int
        Of the world.
    luck : str
        Name of the luck: twin worlds share one, an A/B test has its own.
    """

    def __init__(
        self, population: Population, config: VideoConfig, seed: int, *, luck: str
    ) -> None:
        self.users: Users = population.users
        self.config = config
        self.seed = seed
        self.luck = luck
        self._hours = np.concatenate([[0], np.cumsum(HOUR_CURVE / HOUR_CURVE.sum())])

    def expected(self, day: int, habit: np.ndarray) -> np.ndarray:
        """Return the expected number of sessions of each user on a day, shape (users,)."""
        rate = self.users.activity * np.exp(habit) * np.float32(WEEKDAY_CURVE[day % 7])
        return np.where(self.users.signup_day <= day, np.minimum(rate, MOST_EXPECTED), 0)

    def counts(self, day: int, habit: np.ndarray) -> np.ndarray:
        """Return how often each user comes on a day, 0 to 3: Poisson, all beyond 3 dropped."""
        expected = self.expected(day, habit)
        users = len(expected)
        draw = hashed_uniform(self.seed, f"{self.luck}-visits", day * users + np.arange(users))
        term = np.exp(-expected)
        below, count = term.copy(), np.zeros(users, np.int8)
        for number in range(1, MOST_SESSIONS + 1):
            count += draw >= below
            term = term * expected / number
            below += term
        return count

    def day(self, day: int, habit: np.ndarray) -> DaySessions:
        """Return the sessions of a day.

        Raises
        ------
        InputError
            For a day beyond the horizon.
        """
        horizon = self.config.horizon_days
        if day >= horizon:
            raise InputError(f"day {day} is beyond the world's horizon_days={horizon}; raise it")
        count = self.counts(day, habit)
        user = np.repeat(np.arange(len(count)), count)
        number = np.arange(len(user)) - np.repeat(np.cumsum(count) - count, count)
        visit = day * len(count) + user
        session_id = visit * MOST_SESSIONS + number
        ts = (day * HOURS + self._hour(visit, number, session_id)) * HOUR
        order = np.argsort(ts, kind="stable")
        device = self._device(user, session_id)
        return DaySessions(user[order], session_id[order], ts[order], device[order])

    def _hour(self, visit: np.ndarray, number: np.ndarray, session_id: np.ndarray) -> np.ndarray:
        """Return when sessions begin, hours of the day."""
        first = hashed_uniform(self.seed, f"{self.luck}-third", visit) * MOST_SESSIONS
        third = (first.astype(np.intp) + number) % MOST_SESSIONS
        within = hashed_uniform(self.seed, f"{self.luck}-hour", session_id)
        share = (third + BORDER + (1 - 2 * BORDER) * within) / MOST_SESSIONS
        return np.interp(share, self._hours, np.arange(HOURS + 1.0))

    def _device(self, user: np.ndarray, session_id: np.ndarray) -> np.ndarray:
        draw = hashed_uniform(self.seed, f"{self.luck}-device", session_id)
        away = (draw - HOME_DEVICE_SHARE) / (1 - HOME_DEVICE_SHARE) * DEVICES
        home = self.users.device[user]
        return np.where(draw < HOME_DEVICE_SHARE, home, away.astype(np.int8)).astype(np.int8)

"""What a feed carries from one hour to the next, and the sessions under way."""

from __future__ import annotations

import copy
from dataclasses import dataclass, fields
from typing import Self

import numpy as np

from mlsd.worlds.kit.pending import PendingEvents
from mlsd.worlds.video.config import MOST_STEPS, VideoConfig
from mlsd.worlds.video.population import Population

REMEMBERED = 64


@dataclass
class FeedState:
    """What changes while a feed runs; shape (users,) unless stated.

    Attributes
    ----------
    habit : ndarray of float32
        Logarithm of what sessions per day have grown by.
    shift : ndarray of float32, shape (users, topics)
        What views have added to taste.
    recent : ndarray of int32, shape (users, 64)
        The videos started last, as a ring; -1 where there were fewer.
    started : ndarray of int32
        How many videos each user has started: the place in the ring.
    requested : ndarray of int32
        Requests of today.
    satisfied, enjoyed : ndarray of float32
        Sum of the satisfaction of today's views, and their number.
    views : ndarray of int64, shape (videos,)
    catalogued : int
        How many videos policies have been told of.
    pending : PendingEvents
    """

    habit: np.ndarray
    shift: np.ndarray
    recent: np.ndarray
    started: np.ndarray
    requested: np.ndarray
    satisfied: np.ndarray
    enjoyed: np.ndarray
    views: np.ndarray
    catalogued: int
    pending: PendingEvents

    @classmethod
    def fresh(cls, population: Population, config: VideoConfig, observed: tuple[str, ...]) -> Self:
        """Return the state before the first day: nobody has seen anything."""
        count = len(population.users.activity)
        return cls(
            habit=np.zeros(count, np.float32),
            shift=np.zeros((count, config.topics), np.float32),
            recent=np.full((count, REMEMBERED), -1, np.int32),
            started=np.zeros(count, np.int32),
            requested=np.zeros(count, np.int32),
            satisfied=np.zeros(count, np.float32),
            enjoyed=np.zeros(count, np.float32),
            views=np.zeros(len(population.videos.topic), np.int64),
            catalogued=0,
            pending=PendingEvents(observed),
        )

    def continued(self) -> Self:
        """Return a copy to go on from."""
        return copy.deepcopy(self)

    def last_started(self, user: np.ndarray, length: int) -> np.ndarray:
        """Return the videos that users started last, shape (n, length), newest last."""
        back = np.arange(-min(length, REMEMBERED), 0)
        place = (self.started[user][:, None] + back) % REMEMBERED
        found = self.recent[user[:, None], place]
        if length > REMEMBERED:
            found = np.pad(found, ((0, 0), (length - REMEMBERED, 0)), constant_values=-1)
        return found

    def remember(self, user: np.ndarray, item: np.ndarray) -> None:
        """Add started videos, shape (m,) each; a user's own in order, next to each other."""
        first = np.concatenate([[True], user[1:] != user[:-1]]) if len(user) else np.zeros(0, bool)
        start = np.flatnonzero(first)
        count = np.diff(np.append(start, len(user)))
        within = np.arange(len(user)) - np.repeat(start, count)
        self.recent[user, (self.started[user] + within) % REMEMBERED] = item
        self.started[user[start]] += count.astype(np.int32)


@dataclass
class Batch:
    """Sessions that began in the same hour and go on in lock-step; shape (n,) each.

    `ts` is the time of the next request; `satiation` has shape (n, topics) and `shown`
    (n, slots * steps).
    """

    user: np.ndarray
    session_id: np.ndarray
    began: np.ndarray
    ts: np.ndarray
    device: np.ndarray
    mood: np.ndarray
    seconds: np.ndarray
    satiation: np.ndarray
    shown: np.ndarray
    step: int = 0

    def __len__(self) -> int:
        """Return the number of sessions."""
        return len(self.user)

    @property
    def request_id(self) -> np.ndarray:
        """Number of the next request of each session."""
        return self.session_id * MOST_STEPS + self.step

    def keep(self, rows: np.ndarray) -> Batch:
        """Return the sessions that go on, one step later."""
        kept = {
            each.name: getattr(self, each.name)[rows]
            for each in fields(self)
            if each.name != "step"
        }
        return Batch(**kept, step=self.step + 1)

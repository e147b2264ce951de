"""What the event world carries from one hour to the next."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from typing import Self

import numpy as np

from mlsd.worlds.event.catalogue import Catalogue
from mlsd.worlds.event.config import MOST_EVENTS, EventConfig
from mlsd.worlds.event.pairs import PairTable
from mlsd.worlds.event.population import Population
from mlsd.worlds.kit.pending import PendingEvents
from mlsd.worlds.kit.records import Columns

YES, MAYBE, NO, WAITING = 1, 2, 3, 4
ANSWERS = ("", "yes", "maybe", "no", "waiting")
FEED, GROUP, INVITATION, PUSH = range(4)
VISIT_SOURCES = ("feed", "group", "invitation", "push")


@dataclass
class WorldState:
    """What changes while the world runs; shape (users,) unless stated.

    Attributes
    ----------
    habit : ndarray of float32
        Logarithm of what visits per day have grown by.
    city, home_x, home_y : ndarray
        Where users live now.
    moved : int
        How many homes have come into force.
    opted_out : ndarray of bool
    pushed : ndarray of int8, shape (7, users)
        Pushes sent on the last seven days, as a ring by day.
    yes : ndarray of int32, shape (events,)
        Seats taken.
    published : int
        How many events policies have been told of.
    answered : PairTable
        Answer of a user to an event, by key.
    busy : PairTable
        Yeses of a user by stretch of time.
    friends_yes : PairTable
        Friends of a user who said yes to an event.
    shown : PairTable
        How often a user was shown an event.
    visits : list of Columns
        Looks at pages that are still to come.
    going : list of Columns
        Yeses and maybes whose event has not begun.
    pending : PendingEvents
    """

    habit: np.ndarray
    city: np.ndarray
    home_x: np.ndarray
    home_y: np.ndarray
    moved: int
    opted_out: np.ndarray
    pushed: np.ndarray
    yes: np.ndarray
    published: int
    pending: PendingEvents
    answered: PairTable = field(default_factory=PairTable)
    busy: PairTable = field(default_factory=PairTable)
    friends_yes: PairTable = field(default_factory=PairTable)
    shown: PairTable = field(default_factory=PairTable)
    visits: list[Columns] = field(default_factory=list)
    going: list[Columns] = field(default_factory=list)

    @classmethod
    def fresh(
        cls, config: EventConfig, people: Population, catalogue: Catalogue, names: tuple[str, ...]
    ) -> Self:
        """Return the state before the first day: nobody has seen anything."""
        users, homes = len(people.users.activity), people.homes
        return cls(
            habit=np.zeros(users, np.float32),
            city=homes.city[:users].copy(),
            home_x=homes.x[:users].copy(),
            home_y=homes.y[:users].copy(),
            moved=users,
            opted_out=np.zeros(users, bool),
            pushed=np.zeros((7, users), np.int8),
            yes=np.zeros(len(catalogue.events), np.int32),
            published=0,
            pending=PendingEvents(names),
        )

    def settle(self, is_open: np.ndarray) -> None:
        """Forget what was kept of events that are over; `is_open` has shape (events,)."""
        kept = np.zeros(MOST_EVENTS, bool)
        kept[: len(is_open)] = is_open
        for table in (self.answered, self.friends_yes, self.shown):
            table.settle(kept, MOST_EVENTS)
        self.busy.settle()

    def continued(self) -> Self:
        """Return a copy to go on from."""
        return copy.deepcopy(self)


def pair_keys(user: np.ndarray, event: np.ndarray) -> np.ndarray:
    """Return the number of users with events, of one shape or broadcast."""
    return user.astype(np.int64) * MOST_EVENTS + event

"""What stays the same while the event world runs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Self

import numpy as np

from mlsd.worlds.event.behaviour import Behaviour, Company
from mlsd.worlds.event.catalogue import Catalogue
from mlsd.worlds.event.config import EventConfig
from mlsd.worlds.event.population import NO_GROUP, Population
from mlsd.worlds.event.state import WorldState, pair_keys
from mlsd.worlds.kit.luck import hashed_uniform


@dataclass(frozen=True)
class Setup:
    """A world and the rules of one run of it.

    Attributes
    ----------
    config : EventConfig
    people : Population
    catalogue : Catalogue
    seed : int
        Of the world.
    luck : str
        Name of the luck of visits, clicks and what follows: twin worlds share one.
    """

    config: EventConfig
    people: Population
    catalogue: Catalogue
    seed: int
    luck: str = "nature"

    def of_test(self) -> Self:
        """Return the set-up of an A/B test, which has luck of its own."""
        return replace(self, luck="test")

    def luck_of(self, event: str, key: np.ndarray) -> np.ndarray:
        """Return one uniform number in (0, 1) per key, those of an event being its own."""
        return hashed_uniform(self.seed, f"{self.luck}-{event}", key.ravel()).reshape(key.shape)

    @cached_property
    def behaviour(self) -> Behaviour:
        """How people choose."""
        return Behaviour(self.config, self.people.users, self.catalogue.events)

    @cached_property
    def _memberships(self) -> tuple[np.ndarray, np.ndarray]:
        """Sorted numbers of users with their groups, and since when."""
        members = self.people.members
        count = np.diff(members.start)
        user = np.repeat(np.arange(len(count)), count)
        return user * len(self.people.groups.topic) + members.to, members.since

    def is_member(self, user: np.ndarray, event: np.ndarray, ts: np.ndarray) -> np.ndarray:
        """Return whether users belong to the groups of events at times; arrays of one shape."""
        group = self.catalogue.events.group[event]
        known, since = self._memberships
        key = user * len(self.people.groups.topic) + group
        place = np.minimum(np.searchsorted(known, key), len(known) - 1)
        return (group != NO_GROUP) & (known[place] == key) & (since[place] <= ts)

    def company(
        self, state: WorldState, user: np.ndarray, event: np.ndarray, ts: np.ndarray
    ) -> Company:
        """Return what others have to do with users and events now; arrays of one shape."""
        keys = pair_keys(user, event)
        return Company(
            friends=state.friends_yes.get(keys),
            member=self.is_member(user, event, ts),
            shown=state.shown.get(keys),
            full=state.yes[event] >= self.catalogue.events.capacity[event],
        )

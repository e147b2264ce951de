"""A policy that knows what people like: how far any policy could get."""

from __future__ import annotations

import numpy as np

from mlsd.runtime.times import DAY
from mlsd.worlds.event.behaviour import Behaviour, Company
from mlsd.worlds.event.catalogue import Catalogue
from mlsd.worlds.event.config import EventConfig
from mlsd.worlds.event.population import Population
from mlsd.worlds.event.requests import EventRequests
from mlsd.worlds.event.state import YES
from mlsd.worlds.kit.slates import NO_ITEM, Slates
from mlsd.worlds.logs import Tables

CHUNK = 256


class TasteOracle:
    """Shows the open events whose showing is expected to bring most people through the door.

    Parameters
    ----------
    config : EventConfig
    people : Population
    catalogue : Catalogue

    Notes
    -----
    It knows tastes, hype and how people choose, and counts the seats that are left; it does not
    know who is friends with whom, nor what a user was shown before. It decides for each user alone:
    a policy that shares seats out between users could do better.
    """

    def __init__(self, config: EventConfig, people: Population, catalogue: Catalogue) -> None:
        self.behaviour = Behaviour(config, people.users, catalogue.events)
        self.events = catalogue.events
        self._yes = np.zeros(len(catalogue.events), np.int64)

    def observe(self, events: Tables) -> None:
        """Count seats; it knows the rest."""
        answers = events["rsvps"]
        if len(answers):
            said_yes = answers["status"].to_numpy() == YES
            event = answers["event_id"].to_numpy()[said_yes]
            self._yes += np.bincount(event, minlength=len(self._yes))

    def act(self, requests: EventRequests) -> Slates:
        """Return the pages of highest expected value."""
        items = np.full((len(requests), requests.slots), NO_ITEM, np.int32)
        city = np.asarray(requests.context["city"])
        free = requests.open[self._yes[requests.open] < self.events.capacity[requests.open]]
        for place in np.unique(city):
            rows = np.flatnonzero(city == place)
            pool = free[self.events.city[free] == place]
            for part in np.array_split(rows, len(rows) // CHUNK + 1):
                items[part] = self._best(requests.take(part), pool)
        return Slates(items)

    def scores(self, requests: EventRequests, pool: np.ndarray) -> np.ndarray:
        """Return what showing each event of a pool is worth, shape (n, pool); -inf out of reach."""
        user = np.asarray(requests.context["user_id"], np.intp)[:, None]
        x, y = (np.asarray(requests.context[name])[:, None] for name in ("home_x", "home_y"))
        pairs = np.broadcast_to(pool, (len(requests), len(pool)))
        who = np.broadcast_to(user, pairs.shape)
        km = self.behaviour.distance(x, y, pairs)
        match = self.behaviour.match(who, pairs, km)
        none = np.zeros(pairs.shape, np.float32)
        company = Company(none, none, none, none)
        click = self.behaviour.click(pairs, match, company)
        yes = self.behaviour.yes(pairs, match, company, none, none)
        lead = (self.events.starts_at[pairs] - requests.ts[:, None]) / DAY
        comes = self.behaviour.comes(pairs, match, km, none, lead)
        return np.where(km <= requests.reach_km, click * yes * comes, -np.inf)

    def _best(self, requests: EventRequests, pool: np.ndarray) -> np.ndarray:
        score = self.scores(requests, pool)
        slots = min(requests.slots, len(pool))
        items = np.full((len(requests), requests.slots), NO_ITEM, np.int32)
        if not slots:
            return items
        best = np.argsort(-score, axis=1, kind="stable")[:, :slots]
        reached = np.isfinite(np.take_along_axis(score, best, axis=1))
        items[:, :slots] = np.where(reached, pool[best], NO_ITEM)
        return items

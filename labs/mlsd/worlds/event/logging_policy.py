"""The policy that made the history: near, soon, popular and one's own groups, and chance."""

from __future__ import annotations

import numpy as np

from mlsd.runtime.times import DAY, HOUR
from mlsd.worlds.event.config import MOST_EVENTS
from mlsd.worlds.event.requests import EventRequests, Pushes
from mlsd.worlds.event.state import YES
from mlsd.worlds.kit.luck import hashed_uniform
from mlsd.worlds.kit.slates import NO_ITEM, Slates
from mlsd.worlds.logs import Tables

REFRESH = 6 * HOUR
POOL = 320
UNIFORM_SHARE = 0.15
HALF_KM = 4.0
SEND = 0.5


class LoggingPolicy:
    """Draws pages by weight among the open events that can be reached, and pushes at random.

    An event weighs more the nearer it is, the sooner it begins and the more people have said yes.
    Each slot is drawn in proportion to these weights, mixed with 15 % of chance over all events of
    the pool, among those not drawn yet. A city's pool holds its open events, at most 320 of them
    drawn at random, and is renewed every six hours.

    A push in question is one event drawn with equal chance among those of the pool that the user
    can reach; a user is considered with probability `push_share` on a day, and half of the pushes
    considered are sent.

    Parameters
    ----------
    seed : int
        Of the draws.
    push_share : float

    Notes
    -----
    `propensity` is exact: the probability of this event in this slot, given the slots above and the
    pool. A draw depends on seed, request and event alone, so that twin worlds share it.
    """

    def __init__(self, seed: int, *, push_share: float = 0.25) -> None:
        self.seed = seed
        self.push_share = push_share
        self._x = self._y = np.zeros(0, np.float32)
        self._starts_at = np.zeros(0)
        self._city = np.zeros(0, np.int16)
        self._yes = np.zeros(0, np.int64)
        self._pool = np.zeros((0, 0), np.int32)
        self._refreshed = -np.inf

    def observe(self, events: Tables) -> None:
        """Take in new events, and count those who said yes."""
        new = events["events"]
        if len(new):
            self._x = np.append(self._x, new["x"].to_numpy())
            self._y = np.append(self._y, new["y"].to_numpy())
            self._starts_at = np.append(self._starts_at, new["starts_at"].to_numpy())
            self._city = np.append(self._city, new["city"].to_numpy())
            self._yes = np.append(self._yes, np.zeros(len(new), np.int64))
        answers = events["rsvps"]
        if len(answers):
            said_yes = answers["status"].to_numpy() == YES
            event = answers["event_id"].to_numpy()[said_yes]
            self._yes += np.bincount(event, minlength=len(self._yes))

    def act(self, requests: EventRequests) -> Slates:
        """Return pages with propensities."""
        pool, weight = self._weighted(requests)
        keys = requests.request_id[:, None] * MOST_EVENTS + pool
        uniform = hashed_uniform(self.seed, "logging-order", keys.ravel()).reshape(keys.shape)
        # An exponential race: the smallest of exponential / weight is a draw by weight.
        with np.errstate(divide="ignore"):
            race = -np.log(uniform.astype(np.float32)) / weight
        slots = min(requests.slots, pool.shape[1])
        first = np.argpartition(race, slots - 1, axis=1)[:, :slots]
        order = np.take_along_axis(race, first, axis=1).argsort(axis=1)
        place = np.take_along_axis(first, order, axis=1)
        chosen = np.take_along_axis(weight, place, axis=1)
        above = np.cumsum(chosen, axis=1) - chosen
        left = np.maximum(weight.sum(axis=1)[:, None] - above, 1e-12)
        items = np.where(chosen > 0, np.take_along_axis(pool, place, axis=1), NO_ITEM)
        return Slates(
            _padded(items, requests.slots, NO_ITEM),
            _padded((chosen / left).astype(np.float32), requests.slots, 1),
        )

    def push(self, requests: EventRequests) -> Pushes:
        """Return pushes in question, of which half are sent."""
        draw = {
            name: hashed_uniform(self.seed, f"logging-push-{name}", requests.request_id)
            for name in ("user", "event", "sent")
        }
        rows = np.flatnonzero(draw["user"] < self.push_share)
        items = np.full(len(requests), NO_ITEM, np.int32)
        pool, weight = self._weighted(requests.take(rows))
        can = weight > 0
        count = can.sum(axis=1)
        wanted = np.floor(draw["event"][rows] * count)
        place = ((np.cumsum(can, axis=1) - 1 == wanted[:, None]) & can).argmax(axis=1)
        found = np.take_along_axis(pool, place[:, None], axis=1)[:, 0]
        items[rows] = np.where(count > 0, found, NO_ITEM)
        sent = (items != NO_ITEM) & (draw["sent"] < SEND)
        return Pushes(items, sent, np.full(len(items), SEND, np.float32))

    def _weighted(self, requests: EventRequests) -> tuple[np.ndarray, np.ndarray]:
        """Return the pool of each request's city and how much each event weighs, (n, pool)."""
        now = float(requests.ts.min()) if len(requests) else 0.0
        if now - self._refreshed >= REFRESH or now < self._refreshed:
            self._refresh(requests.open, now)
        pool = self._pool[np.asarray(requests.context["city"])]
        there = np.maximum(pool, 0)
        x, y = (np.asarray(requests.context[name])[:, None] for name in ("home_x", "home_y"))
        km = np.sqrt((x - self._x[there]) ** 2 + (y - self._y[there]) ** 2)
        is_open = np.zeros(len(self._x), bool)
        is_open[requests.open] = True
        can = (pool != NO_ITEM) & is_open[there] & (km <= requests.reach_km)
        wait = np.maximum(self._starts_at - now, 0) / DAY
        of_event = ((1 + np.sqrt(self._yes)) / (2 + wait)).astype(np.float32)
        weight = np.where(can, of_event[there] / (1 + km * np.float32(1 / HALF_KM)), 0)
        count = np.maximum(can.sum(axis=1, keepdims=True), 1).astype(np.float32)
        total = np.maximum(weight.sum(axis=1, keepdims=True), np.float32(1e-12))
        mixed = np.float32(1 - UNIFORM_SHARE) / total * weight + np.float32(UNIFORM_SHARE) / count
        return pool, np.where(can, mixed, np.float32(0))

    def _refresh(self, is_open: np.ndarray, now: float) -> None:
        self._refreshed = now
        cities = int(self._city.max(initial=0)) + 1
        drawn = hashed_uniform(self.seed, "logging-pool", is_open + int(now // HOUR) * MOST_EVENTS)
        order = np.lexsort((drawn, self._city[is_open]))
        event, city = is_open[order], self._city[is_open[order]]
        rank = np.arange(len(event)) - np.searchsorted(city, city)
        width = max(min(int(rank.max(initial=0)) + 1, POOL), 1)
        self._pool = np.full((cities, width), NO_ITEM, np.int32)
        kept = rank < width
        self._pool[city[kept], rank[kept]] = event[kept]


def _padded(values: np.ndarray, width: int, fill: float) -> np.ndarray:
    missing = width - values.shape[1]
    return np.pad(values, ((0, 0), (0, missing)), constant_values=fill) if missing else values

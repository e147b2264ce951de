"""What there is to go to: venues, hosts and the events of each day."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from mlsd.runtime.times import DAY, HOUR
from mlsd.worlds.event.config import EventConfig
from mlsd.worlds.event.population import NO_GROUP, Population
from mlsd.worlds.event.text import make_texts
from mlsd.worlds.kit.draws import draw_codes, draw_normal, zipf_shares
from mlsd.worlds.kit.luck import generator

# Events that were published before the first day and are open on it.
DAYS_BEFORE = 30
HOST_EXPONENT = 0.7
OWN_TOPIC, OWN_GROUP, SECOND_TOPIC_SHARE = 0.85, 0.7, 0.4
LEAST_LEAD_DAYS, MOST_LEAD_DAYS = 0.5, 60.0
SATURDAY = 5
WEEKEND_PULL = 0.3


@dataclass(frozen=True)
class Hosts:
    """All hosts until the horizon; shape (hosts,) unless stated.

    `since_day` is negative for the first; `style` has shape (hosts, style_dim).
    """

    city: np.ndarray
    group: np.ndarray
    topic: np.ndarray
    since_day: np.ndarray
    busy: np.ndarray
    hype: np.ndarray
    quality: np.ndarray
    style: np.ndarray


@dataclass(frozen=True)
class Venues:
    """Shape (venues,) each."""

    city: np.ndarray
    x: np.ndarray
    y: np.ndarray


@dataclass(frozen=True)
class Events:
    """All events until the horizon, in order of publication; shape (events,) unless stated.

    Times are seconds since the origin. `style` has shape (events, style_dim). `group` is -1 where
    an event belongs to none.
    """

    host: np.ndarray
    group: np.ndarray
    venue: np.ndarray
    city: np.ndarray
    x: np.ndarray
    y: np.ndarray
    topic: np.ndarray
    second: np.ndarray
    second_share: np.ndarray
    price: np.ndarray
    capacity: np.ndarray
    published_at: np.ndarray
    starts_at: np.ndarray
    ends_at: np.ndarray
    hype: np.ndarray
    quality: np.ndarray
    style: np.ndarray
    seed: int

    def __len__(self) -> int:
        """Return the number of events."""
        return len(self.host)

    def open(self, ts: float) -> np.ndarray:
        """Return the ids of the events that are published and have not begun, sorted."""
        return np.flatnonzero((self.published_at <= ts) & (ts < self.starts_at)).astype(np.int32)

    @cached_property
    def texts(self) -> tuple[list[str], list[str]]:
        """Title and description of each event; made when first read."""
        rng = generator(self.seed, "texts")
        return make_texts(rng, self.topic, self.second, self.second_share, self.style)


@dataclass(frozen=True)
class Catalogue:
    """Hosts, venues and events."""

    hosts: Hosts
    venues: Venues
    events: Events


def make_catalogue(config: EventConfig, seed: int, people: Population) -> Catalogue:
    """Draw what a world has to offer.

    Parameters
    ----------
    config : EventConfig
    seed : int
        Of the world.
    people : Population
        Hosts run the groups of their city.

    Examples
    --------
    >>> from mlsd.worlds.event.population import make_population
    >>> config = EventConfig().scaled("small")
    >>> events = make_catalogue(config, 0, make_population(config, 0)).events
    >>> bool((events.published_at < events.starts_at).all())
    True
    """
    hosts = _make_hosts(config, seed, people)
    venues = _make_venues(config, seed, people)
    return Catalogue(hosts, venues, _make_events(config, seed, hosts, venues))


def _make_hosts(config: EventConfig, seed: int, people: Population) -> Hosts:
    rng = generator(seed, "hosts")
    joining = max(1, round(config.hosts * config.new_hosts_per_day))
    count = config.hosts + joining * config.horizon_days
    groups, part = people.groups, np.sqrt(config.host_share)
    city = draw_codes(rng, people.cities.share, count, np.int16)
    # So that every city has a host from the first day on.
    city[: config.cities] = np.arange(config.cities)
    group = np.full(count, NO_GROUP, np.int32)
    for place in range(config.cities):
        here, there = np.flatnonzero(city == place), np.flatnonzero(groups.city == place)
        if len(there):
            group[here] = there[rng.integers(0, len(there), len(here))]
    topic = draw_codes(rng, zipf_shares(config.topics, 0.4), count, np.int16)
    topic = np.where(group == NO_GROUP, topic, groups.topic[group]).astype(np.int16)
    old = -rng.integers(30, 720, config.hosts)
    new = np.repeat(np.arange(config.horizon_days), joining)
    return Hosts(
        city=city,
        group=group,
        topic=topic,
        since_day=np.concatenate([np.sort(old), new]).astype(np.int32),
        busy=rng.permutation(zipf_shares(count, HOST_EXPONENT)),
        hype=draw_normal(rng, config.hype_sd * part, count),
        quality=draw_normal(rng, config.quality_sd * part, count),
        style=draw_normal(rng, 0.7, count, config.style_dim),
    )


def _make_venues(config: EventConfig, seed: int, people: Population) -> Venues:
    rng, cities = generator(seed, "venues"), people.cities
    count = max(config.venues, config.cities)
    city = draw_codes(rng, cities.share, count, np.int16)
    city[: config.cities] = np.arange(config.cities)
    # Venues lie closer to the centre than homes do.
    spread = 0.6 * cities.spread[city]
    return Venues(
        city=city,
        x=(cities.x[city] + spread * rng.standard_normal(count)).astype(np.float32),
        y=(cities.y[city] + spread * rng.standard_normal(count)).astype(np.float32),
    )


def _make_events(config: EventConfig, seed: int, hosts: Hosts, venues: Venues) -> Events:
    rng = generator(seed, "events")
    days = config.horizon_days + DAYS_BEFORE
    count = config.events_per_day * days
    day = np.repeat(np.arange(-DAYS_BEFORE, config.horizon_days), config.events_per_day)
    published_at = (day + rng.random(count)) * DAY
    order = np.argsort(published_at, kind="stable")
    published_at, day = published_at[order], day[order]
    host = _pick_hosts(rng, hosts, day)
    topic, group = _topics_of(config, rng, hosts, host)
    starts_at = _starts(config, rng, published_at)
    venue = _pick_venues(rng, venues, hosts.city[host])
    own = np.sqrt(1 - config.host_share)
    price = config.price_median * np.exp(draw_normal(rng, 0.7, count))
    seats = config.capacity_median * np.exp(draw_normal(rng, config.capacity_sd, count))
    style = hosts.style[host] + draw_normal(rng, 0.7, count, config.style_dim)
    return Events(
        host=host,
        group=group,
        venue=venue,
        city=hosts.city[host],
        x=venues.x[venue],
        y=venues.y[venue],
        topic=topic,
        second=rng.integers(0, config.topics, count, dtype=np.int16),
        second_share=np.float32(SECOND_TOPIC_SHARE) * rng.random(count, dtype=np.float32),
        price=np.where(rng.random(count) < config.free_share, 0, np.round(price)).astype(
            np.float32
        ),
        capacity=np.maximum(np.round(seats), 4).astype(np.int32),
        published_at=published_at,
        starts_at=starts_at,
        ends_at=starts_at + (1.5 + 2 * rng.random(count)) * HOUR,
        hype=hosts.hype[host] + draw_normal(rng, config.hype_sd * own, count),
        quality=hosts.quality[host] + draw_normal(rng, config.quality_sd * own, count),
        style=style,
        seed=seed,
    )


def _pick_hosts(rng: np.random.Generator, hosts: Hosts, day: np.ndarray) -> np.ndarray:
    """Return the host of each event among those that are there on its day, sorted by day."""
    host = np.zeros(len(day), np.int32)
    for each in np.unique(day):
        # Hosts come in the order of their first day; the first ones were there before the log.
        there = max(int(np.searchsorted(hosts.since_day, each, side="right")), 1)
        rows = np.flatnonzero(day == each)
        shares = hosts.busy[:there] / hosts.busy[:there].sum()
        host[rows] = draw_codes(rng, shares, len(rows), np.int32)
    return host


def _topics_of(
    config: EventConfig, rng: np.random.Generator, hosts: Hosts, host: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    count = len(host)
    other = draw_codes(rng, zipf_shares(config.topics, 0.4), count, np.int16)
    topic = np.where(rng.random(count) < OWN_TOPIC, hosts.topic[host], other).astype(np.int16)
    grouped = (rng.random(count) < OWN_GROUP) & (topic == hosts.topic[host])
    return topic, np.where(grouped, hosts.group[host], NO_GROUP).astype(np.int32)


def _starts(config: EventConfig, rng: np.random.Generator, published_at: np.ndarray) -> np.ndarray:
    """Return when events begin: evenings on workdays, any hour from ten on at weekends."""
    count = len(published_at)
    lead = config.lead_days * np.exp(draw_normal(rng, config.lead_sd, count))
    day = (published_at // DAY + np.clip(lead, LEAST_LEAD_DAYS, MOST_LEAD_DAYS)).astype(np.intp) + 1
    # Some are put off to the next Saturday or Sunday.
    waits = np.maximum(SATURDAY - day % 7, 0) + rng.integers(0, 2, count)
    day = np.where((rng.random(count) < WEEKEND_PULL) & (day % 7 < SATURDAY), day + waits, day)
    evening = 17.5 + 3 * rng.random(count)
    hour = np.where(day % 7 >= SATURDAY, 10 + 10.5 * rng.random(count), evening)
    return day * float(DAY) + np.round(2 * hour) / 2 * HOUR


def _pick_venues(rng: np.random.Generator, venues: Venues, city: np.ndarray) -> np.ndarray:
    order = np.argsort(venues.city, kind="stable")
    first = np.searchsorted(venues.city[order], city)
    last = np.searchsorted(venues.city[order], city, side="right")
    return order[first + (rng.random(len(city)) * (last - first)).astype(np.intp)].astype(np.int32)

"""Who lives where and knows whom: cities, users with homes that move, friends and groups."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from mlsd.runtime.times import DAY
from mlsd.worlds.event.config import AGE_BANDS, EventConfig
from mlsd.worlds.kit.draws import draw_codes, draw_normal, zipf_shares
from mlsd.worlds.kit.luck import generator

COUNTRY_KM, LEAST_GAP_KM = 1_800.0, 120.0
OLDEST_ACCOUNT_DAYS = 720
FAVOURITES, FAVOURITE_GAIN = 3, 1.2
TO_ANOTHER_CITY = 0.2
FRIENDS_ALIKE = 0.5
NO_GROUP = -1


@dataclass(frozen=True)
class Cities:
    """Shape (cities,) each: share of the users, centre and spread of homes in kilometres."""

    share: np.ndarray
    x: np.ndarray
    y: np.ndarray
    spread: np.ndarray


@dataclass(frozen=True)
class Users:
    """All users until the horizon, in order of signing up; shape (users,) unless stated.

    `taste` has shape (users, topics), `style` (users, style_dim). `hour` is the favourite hour of
    the day, `weekend` from -1 to 1 how much a user prefers weekends.
    """

    age_band: np.ndarray
    cluster: np.ndarray
    signup_day: np.ndarray
    activity: np.ndarray
    taste: np.ndarray
    style: np.ndarray
    price_loss: np.ndarray
    hour: np.ndarray
    weekend: np.ndarray
    sociable: np.ndarray


@dataclass(frozen=True)
class Homes:
    """Where users live from when on; shape (n,) each.

    The first home of each user, in order of users, and then the moves in order of time.
    """

    user: np.ndarray
    ts: np.ndarray
    city: np.ndarray
    x: np.ndarray
    y: np.ndarray


@dataclass(frozen=True)
class Links:
    """Dated links from users to others (friends) or to groups, sorted by their first end.

    The links of user u are those from ``start[u]`` to ``start[u + 1]``.
    """

    start: np.ndarray
    to: np.ndarray
    since: np.ndarray

    @classmethod
    def of(cls, users: int, user: np.ndarray, to: np.ndarray, since: np.ndarray) -> Links:
        """Return links sorted by user, each pair once and by its earliest date."""
        order = np.lexsort((since, to, user))
        user, to, since = user[order], to[order], since[order]
        first = np.ones(len(user), bool)
        first[1:] = (user[1:] != user[:-1]) | (to[1:] != to[:-1])
        user, to, since = user[first], to[first], since[first]
        return cls(np.searchsorted(user, np.arange(users + 1)), to, since)

    def of_users(self, user: np.ndarray, ts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return place in `user` and target of each link that exists at times, shape (n,)."""
        count = self.start[user + 1] - self.start[user]
        place = np.repeat(np.arange(len(user)), count)
        before = np.repeat(np.cumsum(count) - count, count)
        link = np.repeat(self.start[user], count) + np.arange(len(place)) - before
        there = self.since[link] <= ts[place]
        return place[there], self.to[link[there]]


@dataclass(frozen=True)
class Groups:
    """Groups of people with one topic in one city; shape (groups,) each."""

    city: np.ndarray
    topic: np.ndarray


@dataclass(frozen=True)
class Population:
    """People, their homes, friends and groups: all that does not depend on what is shown."""

    cities: Cities
    users: Users
    homes: Homes
    groups: Groups
    friends: Links
    members: Links

    @cached_property
    def members_by_group(self) -> Links:
        """Memberships the other way round: links from groups to their users."""
        count = np.diff(self.members.start)
        user = np.repeat(np.arange(len(count)), count)
        groups = len(self.groups.topic)
        return Links.of(groups, self.members.to, user, self.members.since)


def make_population(config: EventConfig, seed: int) -> Population:
    """Draw the people of a world.

    Parameters
    ----------
    config : EventConfig
    seed : int
        Of the world.

    Examples
    --------
    >>> people = make_population(EventConfig().scaled("small"), seed=0)
    >>> bool((people.friends.to >= 0).all())
    True
    """
    cities = _make_cities(config, seed)
    users = _make_users(config, seed)
    homes = _make_homes(config, seed, cities, users)
    groups = _make_groups(config, seed, cities)
    city = homes.city[: len(users.activity)]
    return Population(
        cities=cities,
        users=users,
        homes=homes,
        groups=groups,
        friends=_make_friends(config, seed, users, city),
        members=_make_members(config, seed, users, city, groups),
    )


def _make_cities(config: EventConfig, seed: int) -> Cities:
    rng = generator(seed, "cities")
    share = zipf_shares(config.cities, config.city_exponent)
    centres = rng.random((1, 2)) * COUNTRY_KM
    while len(centres) < config.cities:
        place = rng.random(2) * COUNTRY_KM
        if np.hypot(*(centres - place).T).min() > LEAST_GAP_KM:
            centres = np.vstack([centres, place])
    spread = config.city_km * (share / share[0]) ** 0.4
    return Cities(share, centres[:, 0], centres[:, 1], spread)


def _make_users(config: EventConfig, seed: int) -> Users:
    joining = round(config.users * config.signups_per_day)
    count = config.users + joining * config.horizon_days
    rng = generator(seed, "users")
    shape = (config.clusters, config.topics)
    liked = rng.random(shape).argsort(axis=1).argsort(axis=1) < FAVOURITES
    taste = draw_normal(rng, config.topic_sd / 2, *shape) + np.float32(FAVOURITE_GAIN) * liked
    ages = rng.dirichlet(2 * np.ones(AGE_BANDS), config.clusters)
    cluster = draw_codes(rng, zipf_shares(config.clusters, 0.4), count)
    below = np.cumsum(ages[cluster], axis=1)[:, :-1] < rng.random(count)[:, None]
    activity = np.exp(draw_normal(rng, config.activity_sd, count))
    old = -rng.integers(1, OLDEST_ACCOUNT_DAYS, config.users)
    new = np.repeat(np.arange(config.horizon_days), joining)
    return Users(
        age_band=below.sum(axis=1).astype(np.int8),
        cluster=cluster,
        signup_day=np.concatenate([np.sort(old), new]).astype(np.int32),
        activity=activity * np.float32(config.visits_per_day / activity.mean()),
        taste=taste[cluster] + draw_normal(rng, config.personal_sd, count, config.topics),
        style=draw_normal(rng, 1.0, count, config.style_dim),
        price_loss=np.float32(config.price_loss) * np.exp(draw_normal(rng, 0.6, count)),
        hour=np.clip(18.5 + draw_normal(rng, 2.5, count), 9, 22),
        weekend=np.clip(draw_normal(rng, 0.6, count), -1, 1),
        sociable=np.exp(draw_normal(rng, 0.7, count)),
    )


def _make_homes(config: EventConfig, seed: int, cities: Cities, users: Users) -> Homes:
    rng = generator(seed, "homes")
    count = len(users.activity)
    moving = rng.poisson(config.moves_per_day * count, config.horizon_days)
    mover = rng.integers(0, count, moving.sum())
    day = np.repeat(np.arange(config.horizon_days), moving)
    there = users.signup_day[mover] < day
    mover, day = mover[there], day[there]
    user = np.concatenate([np.arange(count), mover])
    city = draw_codes(rng, cities.share, len(user), np.int16)
    stays = rng.random(len(user)) >= TO_ANOTHER_CITY
    for place in np.flatnonzero(stays[count:]) + count:
        # A move within the city; an earlier move of the same user decides which.
        city[place] = city[np.flatnonzero(user[:place] == user[place])[-1]]
    spread = cities.spread[city]
    began = np.concatenate([users.signup_day * float(DAY), (day + rng.random(len(day))) * DAY])
    order = np.concatenate([np.arange(count), count + np.argsort(began[count:], kind="stable")])
    return Homes(
        user=user[order],
        ts=began[order],
        city=city[order],
        x=(cities.x[city] + spread * rng.standard_normal(len(user)))[order].astype(np.float32),
        y=(cities.y[city] + spread * rng.standard_normal(len(user)))[order].astype(np.float32),
    )


def _since(config: EventConfig, rng: np.random.Generator, signup: np.ndarray) -> np.ndarray:
    """Return when links began: most before the log, none before both of its ends signed up."""
    early = rng.random(len(signup)) < config.friends_before
    before = -rng.random(len(signup)) * OLDEST_ACCOUNT_DAYS
    after = rng.random(len(signup)) * config.horizon_days
    return np.maximum(np.where(early, before, after), signup) * DAY


def _make_friends(config: EventConfig, seed: int, users: Users, city: np.ndarray) -> Links:
    rng = generator(seed, "friends")
    count = len(city)
    pairs = round(count * config.friends / 2)
    one = rng.choice(count, pairs, p=users.sociable / users.sociable.sum())
    # Partners come from the same city, half of them from the same cluster too.
    alike = rng.random(pairs) < FRIENDS_ALIKE
    other = np.where(
        alike,
        _partner(rng, city.astype(np.int64) * config.clusters + users.cluster, one),
        _partner(rng, city.astype(np.int64), one),
    )
    real = one != other
    one, other = one[real], other[real]
    since = _since(config, rng, np.maximum(users.signup_day[one], users.signup_day[other]))
    return Links.of(
        count, np.concatenate([one, other]), np.concatenate([other, one]), np.tile(since, 2)
    )


def _partner(rng: np.random.Generator, block: np.ndarray, one: np.ndarray) -> np.ndarray:
    """Return a random member of the block of each user of `one`."""
    order = np.argsort(block, kind="stable")
    sorted_block = block[order]
    first = np.searchsorted(sorted_block, block[one])
    last = np.searchsorted(sorted_block, block[one], side="right")
    return order[first + (rng.random(len(one)) * (last - first)).astype(np.intp)]


def _make_groups(config: EventConfig, seed: int, cities: Cities) -> Groups:
    rng = generator(seed, "groups")
    city = draw_codes(rng, cities.share, config.groups, np.int16)
    topic = draw_codes(rng, zipf_shares(config.topics, 0.4), config.groups, np.int16)
    return Groups(city=city, topic=topic)


def _make_members(
    config: EventConfig, seed: int, users: Users, city: np.ndarray, groups: Groups
) -> Links:
    """Let users join groups of their city, those of liked topics more often."""
    rng = generator(seed, "members")
    wanted = rng.poisson(config.groups_per_user, len(city))
    size = draw_normal(rng, 1.0, len(groups.topic))
    found_user, found_group = [], []
    for place in range(config.cities):
        here, there = np.flatnonzero(city == place), np.flatnonzero(groups.city == place)
        if not len(there):
            continue
        for part in np.array_split(here, len(here) // 4_000 + 1):
            lure = users.taste[part][:, groups.topic[there]] + size[there]
            lure = lure + rng.gumbel(size=lure.shape).astype(np.float32)
            rank = (-lure).argsort(axis=1).argsort(axis=1)
            row, column = np.nonzero(rank < wanted[part][:, None])
            found_user.append(part[row])
            found_group.append(there[column])
    user, group = np.concatenate(found_user), np.concatenate(found_group)
    return Links.of(len(city), user, group, _since(config, rng, users.signup_day[user]))

"""What comes from outside, whatever the policy does: requests, their candidates and their luck."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from mlsd.runtime import InputError
from mlsd.runtime.times import HOUR
from mlsd.worlds.ad_click.config import AGE_BANDS, DEVICES, HOURS, AdClickConfig
from mlsd.worlds.ad_click.population import Population
from mlsd.worlds.kit.draws import HOUR_CURVE, WEEKDAY_CURVE
from mlsd.worlds.kit.luck import generator

BLOCK_REQUESTS = 60_000
MEAN_TICKETS = 16
PUBLISHER_TICKETS = 4_096
PLACE_TICKETS = 1_024
HOME_DEVICE_SHARE = 0.85
BOT_DAY_SHARE, BOT_BURST = 0.3, 8
FRAUD_HOUR_SHARE, FRAUD_REQUEST_SHARE = 0.2, 0.5


@dataclass(frozen=True)
class Block:
    """Requests of a few hours, in time order; shape (n,) unless stated.

    `ad` and `click_uniform` have shape (n, candidates); `hour_start` cuts the rows into hours.
    """

    day: int
    ts: np.ndarray
    request_id: np.ndarray
    user: np.ndarray
    publisher: np.ndarray
    device: np.ndarray
    hour: np.ndarray
    is_spam: np.ndarray
    ad: np.ndarray
    click_uniform: np.ndarray
    explore_uniform: np.ndarray
    hours: tuple[int, ...]
    hour_start: np.ndarray

    @property
    def weekday(self) -> int:
        """Day of the week, 0 = Monday; the world begins on a Monday."""
        return self.day % 7


@dataclass(frozen=True)
class _DayTables:
    """Lookup tables of a day: a uniform integer drawn into one picks by weight."""

    users: np.ndarray
    places: np.ndarray
    bot_active: np.ndarray
    fraud_hour: np.ndarray


def _tickets(shares: np.ndarray, count: int) -> np.ndarray:
    grid = (np.arange(count) + 0.5) / count
    return np.searchsorted(np.cumsum(shares) / shares.sum(), grid)


class Traffic:
    """Draws the requests of any day of a world.

    Parameters
    ----------
    population : Population
    config : AdClickConfig
    seed : int
        Of the world.
    luck : str
        Name of the luck: twin worlds share one, an A/B test has its own.
    """

    def __init__(
        self, population: Population, config: AdClickConfig, seed: int, *, luck: str
    ) -> None:
        self.population = population
        self.config = config
        self.seed = seed
        self.luck = luck
        days = np.arange(config.horizon_days)
        curve = HOUR_CURVE / HOUR_CURVE.sum() * WEEKDAY_CURVE[days % 7, None]
        self.volume = self._generator("volume").poisson(config.requests_per_day * curve)
        shares = population.publishers.cluster_share
        self._publishers = np.concatenate([_tickets(row, PUBLISHER_TICKETS) for row in shares])

    def blocks(self, day: int) -> Iterator[Block]:
        """Yield the day's requests in blocks of whole hours, in time order.

        Raises
        ------
        InputError
            For a day beyond the horizon.
        """
        horizon = self.config.horizon_days
        if day >= horizon:
            raise InputError(f"day {day} is beyond the world's horizon_days={horizon}; raise it")
        tables = self._day_tables(day)
        first_id = int(self.volume[:day].sum())
        volume = self.volume[day]
        part = (np.cumsum(volume) - volume) // BLOCK_REQUESTS
        for number in np.unique(part):
            hours = np.flatnonzero(part == number)
            yield self._block(day, hours, tables, first_id)
            first_id += int(volume[hours].sum())

    def _generator(self, stream: str, *key: int) -> np.random.Generator:
        return generator(self.seed, f"{self.luck}-{stream}", *key)

    def _day_tables(self, day: int) -> _DayTables:
        rng = self._generator("day", day)
        users, publishers = self.population.users, self.population.publishers
        bot_active = users.is_bot & (rng.random(len(users.is_bot)) < BOT_DAY_SHARE)
        activity = users.activity * np.where(bot_active, BOT_BURST, 1)
        tickets = np.maximum(np.round(activity * (MEAN_TICKETS / users.activity.mean())), 1)
        tickets[users.signup_day > day] = 0
        fraud_hour = rng.random((HOURS, len(publishers.is_fraudulent))) < FRAUD_HOUR_SHARE
        return _DayTables(
            users=np.repeat(np.arange(len(tickets), dtype=np.int32), tickets.astype(np.intp)),
            places=self._place_table(rng),
            bot_active=bot_active,
            fraud_hour=fraud_hour & publishers.is_fraudulent,
        )

    def _place_table(self, rng: np.random.Generator) -> np.ndarray:
        """Return ad places by age band, stratum and ticket, flattened.

        Places are dealt at random into one stratum per candidate, so that the candidates of a
        request differ.
        """
        campaigns, ads = self.population.campaigns, self.population.ads
        owner = ads.campaign[: self.config.live_ads]
        per_place = 1 / np.bincount(owner, minlength=len(campaigns.popularity))
        weights = (campaigns.popularity * per_place * campaigns.targeting)[:, owner]
        strata = np.array_split(rng.permutation(len(owner)), self.config.candidates)
        table = np.empty((AGE_BANDS, self.config.candidates, PLACE_TICKETS), np.intp)
        for band in range(AGE_BANDS):
            for stratum, places in enumerate(strata):
                table[band, stratum] = places[_tickets(weights[band, places], PLACE_TICKETS)]
        return table.ravel()

    def _block(self, day: int, hours: np.ndarray, tables: _DayTables, first_id: int) -> Block:
        rng = self._generator("block", day, int(hours[0]))
        volume = self.volume[day, hours]
        n, width = int(volume.sum()), self.config.candidates
        hour = np.repeat(hours, volume)
        within = rng.random(n) + hour
        within.sort()
        user = tables.users[rng.integers(0, len(tables.users), n)]
        publisher = self._draw_publishers(rng, user)
        robot = rng.random(n, dtype=np.float32) < FRAUD_REQUEST_SHARE
        return Block(
            day=day,
            ts=(day * HOURS + within) * HOUR,
            request_id=np.arange(first_id, first_id + n),
            user=user,
            publisher=publisher,
            device=self._draw_devices(rng, user),
            hour=hour.astype(np.int8),
            is_spam=tables.bot_active[user] | (tables.fraud_hour[hour, publisher] & robot),
            ad=self._draw_candidates(rng, user, tables, day),
            click_uniform=rng.random((n, width), dtype=np.float32),
            explore_uniform=rng.random(n, dtype=np.float32),
            hours=tuple(hours.tolist()),
            hour_start=np.concatenate([[0], np.cumsum(volume)]),
        )

    def _draw_publishers(self, rng: np.random.Generator, user: np.ndarray) -> np.ndarray:
        ticket = rng.integers(0, PUBLISHER_TICKETS, len(user), dtype=np.uint16)
        cluster = self.population.users.cluster[user]
        return self._publishers[cluster * PUBLISHER_TICKETS + ticket]

    def _draw_devices(self, rng: np.random.Generator, user: np.ndarray) -> np.ndarray:
        away = rng.random(len(user), dtype=np.float32) > HOME_DEVICE_SHARE
        other = rng.integers(0, DEVICES, len(user), dtype=np.int8)
        return np.where(away, other, self.population.users.device[user])

    def _draw_candidates(
        self, rng: np.random.Generator, user: np.ndarray, tables: _DayTables, day: int
    ) -> np.ndarray:
        width = self.config.candidates
        ticket = rng.integers(0, PLACE_TICKETS, (len(user), width), dtype=np.uint16)
        stratum = np.arange(width) * PLACE_TICKETS
        band = self.population.users.age_band[user].astype(np.intp) * (width * PLACE_TICKETS)
        flat = (band[:, None] + stratum) + ticket
        return np.take(self.population.ads.live[day], np.take(tables.places, flat))

"""From what happened in a block of requests to the columns of the logged tables."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields

import numpy as np

from mlsd.worlds.ad_click.behaviour import Behaviour, Shown, conversion_delay
from mlsd.worlds.ad_click.setup import Setup
from mlsd.worlds.ad_click.traffic import Block
from mlsd.worlds.kit.luck import hashed_uniform
from mlsd.worlds.kit.records import Columns

CLICK_WINDOW = 600.0
MEAN_CLICK_DELAY = 8.0
# What policies are handed when it becomes known, and what a history records.
OBSERVED_TABLES = ("impressions", "clicks", "hides", "conversions")
LOGGED_TABLES = ("requests", "candidates", *OBSERVED_TABLES, "budgets")
EVENT_KEYS = ("impression_id", "user_id", "ad_id", "campaign_id")

Makers = dict[str, Callable[[], np.ndarray]]


@dataclass(frozen=True)
class TickRecord:
    """What one tick showed and what came of it; shape (m,) each but the last two, (n, k)."""

    shown: Shown
    predicted: np.ndarray
    bid: np.ndarray
    price: np.ndarray
    propensity: np.ndarray
    explored: np.ndarray
    clicked: np.ndarray
    due: np.ndarray
    hidden: np.ndarray
    attraction: np.ndarray
    candidate_prediction: np.ndarray
    candidate_bid: np.ndarray


def join_ticks(ticks: list[TickRecord]) -> TickRecord:
    """Return the records of consecutive ticks as one."""
    if len(ticks) == 1:
        return ticks[0]
    shown = Shown(*(_join([tick.shown for tick in ticks], f.name) for f in fields(Shown)))
    others = [f.name for f in fields(TickRecord) if f.name != "shown"]
    return TickRecord(shown, **{name: _join(ticks, name) for name in others})


def _join(parts: list, name: str) -> np.ndarray:
    return np.concatenate([getattr(part, name) for part in parts])


def context_columns(block: Block, rows: slice | np.ndarray, setup: Setup) -> Makers:
    """Return makers of what is known of requests: (n,) arrays by column name."""
    users, user = setup.population.users, block.user[rows]
    makers = {"user_id": lambda: user} if setup.config.user_ids_logged else {}
    makers |= {
        "publisher_id": lambda: block.publisher[rows].astype(np.int32),
        "device": lambda: block.device[rows],
        "hour": lambda: block.hour[rows],
        "weekday": lambda: np.full(len(user), block.weekday, np.int8),
        "age_band": lambda: users.age_band[user],
        "region": lambda: users.region[user],
        "account_age_days": lambda: (block.day - users.signup_day[user]).astype(np.float32),
    }
    if setup.config.interest_codes:
        makers["interest"] = lambda: users.interest[user]
    return makers


def ad_columns(ad: np.ndarray, day: int, setup: Setup) -> Makers:
    """Return makers of what is known of ads: arrays of the shape of `ad` by column name."""
    ads, campaigns = setup.population.ads, setup.population.campaigns
    makers = {
        "ad_id": lambda: ad.astype(np.int32),
        "campaign_id": lambda: ads.campaign[ad].astype(np.int32),
        "advertiser_id": lambda: campaigns.advertiser[ads.campaign[ad]],
        "category": lambda: ads.category[ad].astype(np.int16),
        "format": lambda: ads.format[ad],
        "ad_age_days": lambda: (day - ads.birth_day[ad]).astype(np.float32),
    }
    if setup.config.topics:
        makers["topic"] = lambda: ads.topic[ad]
    return makers


def _made(makers: Makers) -> Columns:
    return {name: make() for name, make in makers.items()}


class Recorder:
    """Makes the columns of every event table from a block and its tick records.

    Parameters
    ----------
    setup : Setup
    behaviour : Behaviour
    """

    def __init__(self, setup: Setup, behaviour: Behaviour) -> None:
        self.setup = setup
        self.behaviour = behaviour

    def tables(self, block: Block, tick: TickRecord, rows: slice) -> dict[str, Columns]:
        """Return the tables of the requests `rows` of a block: column arrays by table."""
        impressions = self._impressions(block, tick)
        clicks = self._after(impressions, tick.clicked, "click", "price")
        return {
            "requests": self._requests(block, rows),
            "candidates": self._candidates(block, tick, rows),
            "impressions": impressions,
            "clicks": clicks,
            "hides": self._after(impressions, tick.hidden, "hide"),
            "conversions": self._conversions(clicks, block, tick.shown.row[tick.clicked]),
        }

    def _requests(self, block: Block, rows: slice) -> Columns:
        known = {"request_id": block.request_id[rows], "ts": block.ts[rows]}
        return known | _made(context_columns(block, rows, self.setup))

    def _candidates(self, block: Block, tick: TickRecord, rows: slice) -> Columns:
        """Return one row per request with (n, k) arrays; made long when the table is read."""
        position = np.full(block.ad[rows].shape, -1, np.int8)
        shown = tick.shown
        position[shown.row - rows.start, shown.column] = shown.position
        return {
            "request_id": block.request_id[rows],
            "ts": block.ts[rows],
            "ad_id": block.ad[rows].astype(np.int32),
            "bid": tick.candidate_bid,
            "predicted_ctr": tick.candidate_prediction,
            "position": position,
        }

    def _impressions(self, block: Block, tick: TickRecord) -> Columns:
        shown, row = tick.shown, tick.shown.row
        ts = block.ts[row]
        request_id = block.request_id[row]
        return {
            "impression_id": request_id * self.setup.config.slots + shown.position,
            "request_id": request_id,
            "ts": ts,
            "known_at": ts + CLICK_WINDOW,
            **_made(context_columns(block, row, self.setup)),
            **_made(ad_columns(shown.ad, block.day, self.setup)),
            "position": shown.position,
            "bid": tick.bid,
            "predicted_ctr": tick.predicted,
            "price": tick.price,
            "propensity": tick.propensity,
            "explored": tick.explored,
            "click": tick.clicked.astype(np.int8),
        }

    def _after(self, impressions: Columns, happened: np.ndarray, event: str, *more: str) -> Columns:
        names = ("request_id", *EVENT_KEYS, *more)
        columns = {name: impressions[name][happened] for name in names if name in impressions}
        luck = self._luck(event, columns["impression_id"])
        delay = np.minimum(-MEAN_CLICK_DELAY * np.log(luck), CLICK_WINDOW)
        columns["ts"] = impressions["ts"][happened] + delay
        columns["known_at"] = columns["ts"]
        return columns

    def _luck(self, event: str, key: np.ndarray) -> np.ndarray:
        return hashed_uniform(self.setup.seed, f"{self.setup.luck}-{event}", key)

    def _conversions(self, clicks: Columns, block: Block, row: np.ndarray) -> Columns:
        # Twin worlds may show the same ad in different slots, so luck belongs to request and ad.
        key = clicks["request_id"] * np.int64(1 << 20) + clicks["ad_id"]
        probability = self.behaviour.conversion_probability(block.user[row], clicks["ad_id"])
        delay = conversion_delay(self.setup.seed, self.setup.luck, key)
        happens = (self._luck("conversion", key) < probability) & np.isfinite(delay)
        happens &= ~block.is_spam[row]
        value = self.setup.population.campaigns.value[clicks["campaign_id"]]
        value = value * -np.log(self._luck("value", key))
        columns = {name: clicks[name][happens] for name in EVENT_KEYS if name in clicks}
        columns["click_ts"] = clicks["ts"][happens]
        columns["ts"] = columns["known_at"] = columns["click_ts"] + delay[happens]
        columns["value"] = value[happens]
        return columns

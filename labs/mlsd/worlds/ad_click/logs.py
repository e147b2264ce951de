"""The logs of the ad click world: who is there, what happened, and a log to learn from."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from mlsd.data.log import ColumnRoles, LabelledLog
from mlsd.runtime import InputError
from mlsd.runtime.times import DAY
from mlsd.worlds.ad_click.config import AdClickConfig
from mlsd.worlds.ad_click.population import Population
from mlsd.worlds.kit.records import Columns
from mlsd.worlds.logs import LazyMapping, Logs, split_by_time

CONTEXT = ("publisher_id", "device", "hour", "weekday", "position", "age_band", "region")
AD = ("campaign_id", "advertiser_id", "category", "format")
CODES = ("interest", "topic")
ENTITIES = (
    ("ad_id",),
    ("campaign_id",),
    ("publisher_id", "category"),
    ("user_id",),
    ("user_id", "category"),
    ("user_id", "ad_id"),
    ("interest",),
    ("topic",),
    ("interest", "topic"),
)


class AdClickLogs(Logs):
    """Logs of the ad click world.

    Tables: `users` (where they are identified), `advertisers`, `campaigns`, `ads`, `publishers`;
    `requests`, `candidates` (one row per candidate of a request, losing ones too, `position` -1 for
    those), `impressions`, `clicks`, `hides`, `conversions` (in the order of their clicks),
    `budgets` (one row per campaign and day). All times are seconds since the origin, a Monday at
    midnight.
    """

    def as_of(self, t: float) -> AdClickLogs:
        """Return what was known at `t`: an ad's retirement too is only known once it happened."""
        known = super().as_of(t)
        earlier = known.tables
        makers = {name: lambda name=name: earlier[name] for name in earlier}
        makers["ads"] = lambda: _hide_retirement(earlier["ads"], t)
        return AdClickLogs(LazyMapping(makers), until=known.until)

    def labelled(
        self, *, split: tuple[float, float, float] = (0.8, 0.1, 0.1), name: str = "ad_click_world"
    ) -> LabelledLog:
        """Return the impressions with their clicks as a log to learn from.

        Parameters
        ----------
        split : tuple of float
            Shares of the training, validation and test part, in time order.
        name : str
            For tables and messages.

        Returns
        -------
        LabelledLog
            What a model must not read (price, the logging policy's prediction, propensity) is in
            the frame and has no role.
        """
        frame = self.impressions
        if frame.empty:
            raise InputError("the logs hold no settled impression; take more days or a later time")
        codes = tuple(column for column in CODES if column in frame)
        roles = ColumnRoles(
            label="click",
            time="ts",
            known_at="known_at",
            user="user_id" if "user_id" in frame else None,
            item="ad_id",
            categorical=AD + CONTEXT + codes,
            numeric=("ad_age_days", "account_age_days"),
            entities=tuple(keys for keys in ENTITIES if set(keys) <= set(frame.columns)),
        )
        return LabelledLog(name, frame, roles, split_by_time(len(frame), split))

    # What chapters call it.
    labelled_log = labelled


def _hide_retirement(ads: pd.DataFrame, t: float) -> pd.DataFrame:
    return ads.assign(retired_at=ads["retired_at"].where(ads["retired_at"] <= t))


def entity_tables(
    population: Population, config: AdClickConfig, until: float
) -> dict[str, Callable[[], pd.DataFrame]]:
    """Return makers of the tables that say who is there, as known at `until`."""
    campaigns, ads, users = population.campaigns, population.ads, population.users
    joined, born = users.signup_day * DAY <= until, ads.birth_day * DAY <= until

    def make_users() -> pd.DataFrame:
        columns = {name: getattr(users, name)[joined] for name in ("age_band", "region")}
        if config.interest_codes:
            columns["interest"] = users.interest[joined]
        columns["known_at"] = users.signup_day[joined] * float(DAY)
        return _with_id("user_id", columns)

    def make_ads() -> pd.DataFrame:
        campaign = ads.campaign[born]
        columns = {
            "campaign_id": campaign.astype(np.int32),
            "advertiser_id": campaigns.advertiser[campaign],
            "category": ads.category[born].astype(np.int16),
            "format": ads.format[born],
        }
        if config.topics:
            columns["topic"] = ads.topic[born]
        columns["known_at"] = ads.birth_day[born] * float(DAY)
        columns["retired_at"] = ads.death_day[born] * float(DAY)
        return _hide_retirement(_with_id("ad_id", columns), until)

    def make_campaigns() -> pd.DataFrame:
        columns = {
            "advertiser_id": campaigns.advertiser,
            "category": campaigns.category.astype(np.int16),
            "bid": campaigns.bid,
            "daily_budget": campaigns.daily_budget,
        }
        return _always("campaign_id", columns)

    return ({"users": make_users} if config.user_ids_logged else {}) | {
        "advertisers": lambda: _always("advertiser_id", {}, config.advertisers),
        "campaigns": make_campaigns,
        "ads": make_ads,
        "publishers": lambda: _always("publisher_id", {}, config.publishers),
    }


def _with_id(name: str, columns: Columns) -> pd.DataFrame:
    count = len(next(iter(columns.values())))
    return pd.DataFrame({name: np.arange(count, dtype=np.int32)} | columns)


def _always(name: str, columns: Columns, count: int | None = None) -> pd.DataFrame:
    count = len(next(iter(columns.values()))) if count is None else count
    return _with_id(name, columns | {"known_at": np.full(count, -np.inf)})

"""Who lives in the ad click world: users, publishers, campaigns and the ads of each day."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mlsd.worlds.ad_click.config import (
    AGE_BANDS,
    DAYPARTS,
    DEVICES,
    FORMATS,
    AdClickConfig,
)
from mlsd.worlds.kit.draws import draw_codes, draw_normal, zipf_shares
from mlsd.worlds.kit.luck import generator

AGE_BAND_SHARES = (0.16, 0.25, 0.22, 0.17, 0.12, 0.08)
REGION_SHARES = (0.34, 0.25, 0.18, 0.13, 0.10)
DEVICE_SHARES = (0.62, 0.32, 0.06)
FORMAT_SHARES = (0.4, 0.3, 0.2, 0.1)
OLDEST_ACCOUNT_DAYS = 720
# No campaign's budget pays for fewer clicks per day than this.
LEAST_BUDGET_CLICKS = 5


@dataclass(frozen=True)
class Users:
    """All users until the horizon, in order of signing up; shape (users,) unless stated.

    `taste` has shape (users, categories); `signup_day` is negative for the first users.
    """

    age_band: np.ndarray
    region: np.ndarray
    device: np.ndarray
    interest: np.ndarray
    signup_day: np.ndarray
    cluster: np.ndarray
    activity: np.ndarray
    bias: np.ndarray
    conversion_bias: np.ndarray
    taste: np.ndarray
    is_bot: np.ndarray


@dataclass(frozen=True)
class Publishers:
    """`cluster_share` has shape (clusters, publishers): where each cluster's requests come from."""

    cluster_share: np.ndarray
    category_effect: np.ndarray
    is_fraudulent: np.ndarray


@dataclass(frozen=True)
class Campaigns:
    """Shape (campaigns,) each, but `targeting` (age bands, campaigns): weights of being found."""

    advertiser: np.ndarray
    category: np.ndarray
    popularity: np.ndarray
    targeting: np.ndarray
    effect: np.ndarray
    bid: np.ndarray
    daily_budget: np.ndarray
    value: np.ndarray
    conversion_logit: np.ndarray

    @property
    def click_value(self) -> np.ndarray:
        """What an average click is worth to its campaign, shape (campaigns,)."""
        return self.value / (1 + np.exp(-self.conversion_logit))


@dataclass(frozen=True)
class Ads:
    """All ads until the horizon; an ad occupies a place, and its successor the same place.

    `live` has shape (days, places) and holds ad ids; `birth_day` is negative for the first ads.
    """

    place: np.ndarray
    campaign: np.ndarray
    category: np.ndarray
    format: np.ndarray
    topic: np.ndarray
    quality: np.ndarray
    birth_day: np.ndarray
    death_day: np.ndarray
    live: np.ndarray


@dataclass(frozen=True)
class Tastes:
    """Effects shared by many: see `mlsd.worlds.ad_click.behaviour`."""

    cluster: np.ndarray
    cluster_later: np.ndarray
    cluster_daypart: np.ndarray
    event: np.ndarray
    device_format: np.ndarray
    interest: np.ndarray
    topic: np.ndarray


@dataclass(frozen=True)
class Population:
    """Everything about a world that does not depend on what is shown."""

    users: Users
    publishers: Publishers
    campaigns: Campaigns
    ads: Ads
    tastes: Tastes


def _make_users(config: AdClickConfig, seed: int) -> Users:
    joining = round(config.users * config.signups_per_day)
    count = config.users + joining * config.horizon_days
    rng = generator(seed, "users")
    # A cluster leans towards some ages and regions, so attributes tell a little about taste.
    age_shares = rng.dirichlet(8 * np.array(AGE_BAND_SHARES), config.clusters)
    cluster = draw_codes(rng, zipf_shares(config.clusters, 0.4), count)
    age_band = (np.cumsum(age_shares, axis=1)[cluster] < rng.random(count)[:, None]).sum(axis=1)
    old = -rng.integers(1, OLDEST_ACCOUNT_DAYS, config.users)
    new = np.repeat(np.arange(config.horizon_days), joining)
    return Users(
        age_band=np.minimum(age_band, AGE_BANDS - 1).astype(np.int8),
        region=draw_codes(rng, np.array(REGION_SHARES), count),
        device=draw_codes(rng, np.array(DEVICE_SHARES), count),
        interest=rng.integers(0, max(config.interest_codes, 1), count, dtype=np.int32),
        signup_day=np.concatenate([np.sort(old), new]).astype(np.int32),
        cluster=cluster.astype(np.intp),
        activity=np.exp(draw_normal(rng, config.activity_sd, count)),
        bias=draw_normal(rng, config.user_bias_sd, count),
        conversion_bias=draw_normal(rng, 0.5, count),
        taste=draw_normal(rng, config.user_taste_sd, count, config.categories),
        is_bot=rng.random(count) < config.bot_share,
    )


def _make_publishers(config: AdClickConfig, seed: int) -> Publishers:
    rng = generator(seed, "publishers")
    count = config.publishers
    share = zipf_shares(count, config.publisher_exponent)
    leaning = np.exp(draw_normal(rng, 0.8, config.clusters, count)) * share
    main = draw_normal(rng, config.publisher_sd, count, 1)
    match = draw_normal(rng, config.publisher_category_sd, count, config.categories)
    return Publishers(
        cluster_share=leaning / leaning.sum(axis=1, keepdims=True),
        category_effect=main + match,
        is_fraudulent=rng.random(count) < config.fraud_publisher_share,
    )


def _make_campaigns(config: AdClickConfig, seed: int) -> Campaigns:
    rng = generator(seed, "campaigns")
    count = config.campaigns
    advertiser = rng.integers(0, config.advertisers, count, dtype=np.int32)
    popularity = rng.permutation(zipf_shares(count, config.popularity_exponent))
    logit = np.log(config.conversion_rate / (1 - config.conversion_rate))
    conversion_logit = logit - 0.2 + draw_normal(rng, 0.5, count)
    value = config.conversion_value * np.exp(draw_normal(rng, 0.5, count) - 0.125)
    # Advertisers shade what a click is worth to them by 15 to 55 %.
    worth = value / (1 + np.exp(-conversion_logit))
    bid = np.maximum(worth * rng.uniform(0.45, 0.85, count), 1.2 * config.reserve_price)
    mean_budget = config.budget_per_impression * config.requests_per_day * config.slots
    spread = np.exp(draw_normal(rng, config.budget_sd, count) - config.budget_sd**2 / 2)
    return Campaigns(
        advertiser=advertiser,
        category=rng.integers(0, config.categories, count, dtype=np.intp),
        popularity=popularity,
        targeting=rng.choice([0.2, 1.0, 3.0], (AGE_BANDS, count)),
        effect=draw_normal(rng, config.campaign_sd, count),
        bid=bid.astype(np.float32),
        daily_budget=np.maximum(mean_budget * popularity * spread, LEAST_BUDGET_CLICKS * bid),
        value=value,
        conversion_logit=conversion_logit,
    )


def _campaign_of_place(config: AdClickConfig, popularity: np.ndarray) -> np.ndarray:
    # Every campaign has one place; the others go to campaigns by the root of their popularity.
    extra = config.live_ads - config.campaigns
    root = np.sqrt(popularity)
    grown = np.floor(np.cumsum(root / root.sum()) * extra + 1e-9)
    places = 1 + np.diff(grown, prepend=0).astype(np.intp)
    return np.resize(np.repeat(np.arange(config.campaigns), places), config.live_ads)


def _succession(config: AdClickConfig, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
    """Return live ads (days, places), and place, birth day and death day of each ad."""
    days, places = config.horizon_days, config.live_ads
    dies = rng.random((days, places)) < config.churn
    dies[0] = False
    births = np.cumsum(dies.ravel()).reshape(days, places)
    born_day, born_place = np.nonzero(dies)
    live = np.where(dies, places - 1 + births, 0)
    live[0] = np.arange(places)
    live = np.maximum.accumulate(live, axis=0)
    place = np.concatenate([np.arange(places), born_place])
    age = rng.geometric(max(config.churn, 1e-3), places)
    birth = np.concatenate([-age, born_day])
    death = np.full(len(place), days)
    # The ad that dies at a succession is the one that was live the night before.
    death[live[born_day - 1, born_place]] = born_day
    return live, place, birth.astype(np.int32), death.astype(np.int32)


def _make_ads(config: AdClickConfig, seed: int, campaigns: Campaigns) -> Ads:
    rng = generator(seed, "ads")
    live, place, birth, death = _succession(config, rng)
    campaign = _campaign_of_place(config, campaigns.popularity)[place]
    count = len(place)
    return Ads(
        place=place,
        campaign=campaign,
        category=campaigns.category[campaign],
        format=draw_codes(rng, np.array(FORMAT_SHARES), count),
        topic=rng.integers(0, max(config.topics, 1), count, dtype=np.int32),
        quality=campaigns.effect[campaign] + draw_normal(rng, config.ad_quality_sd, count),
        birth_day=birth,
        death_day=death,
        live=live,
    )


def _make_tastes(config: AdClickConfig, seed: int) -> Tastes:
    rng = generator(seed, "tastes")
    clusters, categories, rank = config.clusters, config.categories, config.interest_topic_rank
    sd = config.cluster_taste_sd
    factor_sd = np.sqrt(config.interest_topic_sd) / rank**0.25
    shift = np.float32(config.interest_topic_mean * factor_sd)
    return Tastes(
        cluster=draw_normal(rng, sd, clusters, 1, categories),
        cluster_later=draw_normal(rng, sd, clusters, 1, categories),
        cluster_daypart=draw_normal(rng, config.daypart_taste_sd, clusters, DAYPARTS, categories),
        # A stream of its own: an event changes nothing else about the world.
        event=draw_normal(generator(seed, "event"), config.event_sd, categories),
        device_format=draw_normal(rng, config.device_format_sd, DEVICES, FORMATS),
        interest=draw_normal(rng, factor_sd, max(config.interest_codes, 1), rank) + shift,
        topic=draw_normal(rng, factor_sd, max(config.topics, 1), rank) + shift,
    )


def make_population(config: AdClickConfig, seed: int) -> Population:
    """Draw the population of a world.

    Parameters
    ----------
    config : AdClickConfig
    seed : int
        Of the world.

    Examples
    --------
    >>> population = make_population(AdClickConfig().scaled("small"), seed=0)
    >>> population.ads.live.shape
    (60, 200)
    """
    campaigns = _make_campaigns(config, seed)
    return Population(
        users=_make_users(config, seed),
        publishers=_make_publishers(config, seed),
        campaigns=campaigns,
        ads=_make_ads(config, seed, campaigns),
        tastes=_make_tastes(config, seed),
    )

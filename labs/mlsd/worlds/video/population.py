"""Who watches and what there is to watch: users, creators and the videos of each day."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mlsd.runtime.times import DAY
from mlsd.worlds.kit.draws import draw_codes, draw_normal, zipf_shares
from mlsd.worlds.kit.luck import generator
from mlsd.worlds.video.config import AGE_BANDS, DEVICES, VideoConfig

COUNTRY_SHARES = (0.45, 0.25, 0.18, 0.12)
DEVICE_SHARES = (0.68, 0.2, 0.12)
PHONE, DESKTOP, TELEVISION = range(DEVICES)
OLDEST_ACCOUNT_DAYS, OLDEST_VIDEO_DAYS = 720, 365
NEVER = np.inf
TOPIC_EXPONENT, CREATOR_EXPONENT = 0.6, 1.0
FAVOURITE_GAIN = 1.2
SECOND_TOPIC_SHARE = 0.35


@dataclass(frozen=True)
class Users:
    """All users until the horizon, in order of signing up; shape (users,) unless stated.

    `taste` and `taste_later` have shape (users, topics), `style` (users, style_dim); `signup_day`
    is negative for the first users.
    """

    age_band: np.ndarray
    country: np.ndarray
    device: np.ndarray
    signup_day: np.ndarray
    activity: np.ndarray
    bias: np.ndarray
    patience: np.ndarray
    minutes: np.ndarray
    taste: np.ndarray
    taste_later: np.ndarray
    style: np.ndarray


@dataclass(frozen=True)
class Videos:
    """All videos until the horizon, in order of upload; shape (videos,) unless stated.

    Times are seconds since the origin; `removed_at` is infinite for those that stay. `second` is a
    further topic with the weight `second_share`; `style` has shape (videos, style_dim) and `text`
    (videos, text_dim).
    """

    creator: np.ndarray
    topic: np.ndarray
    second: np.ndarray
    second_share: np.ndarray
    uploaded_at: np.ndarray
    removed_at: np.ndarray
    duration: np.ndarray
    appeal: np.ndarray
    quality: np.ndarray
    thumbnail: np.ndarray
    style: np.ndarray
    text: np.ndarray

    def live(self, ts: float) -> np.ndarray:
        """Return the ids of the videos that can be shown at a time, sorted."""
        return np.flatnonzero((self.uploaded_at <= ts) & (ts < self.removed_at)).astype(np.int32)


@dataclass(frozen=True)
class Population:
    """Everything about a world that does not depend on what is shown.

    `news_decay` has shape (topics,): how fast the videos of a topic age.
    """

    users: Users
    videos: Videos
    news_decay: np.ndarray


def _cluster_tastes(config: VideoConfig, rng: np.random.Generator) -> np.ndarray:
    """Return how much each cluster likes each topic, shape (clusters, topics)."""
    shape = (config.clusters, config.topics)
    liked = rng.random(shape).argsort(axis=1).argsort(axis=1) < config.favourite_topics
    return draw_normal(rng, config.topic_sd / 2, *shape) + np.float32(FAVOURITE_GAIN) * liked


def _make_users(config: VideoConfig, seed: int) -> Users:
    joining = round(config.users * config.signups_per_day)
    count = config.users + joining * config.horizon_days
    rng = generator(seed, "users")
    # A cluster leans towards some ages and countries, so attributes tell a little about taste.
    ages = rng.dirichlet(2 * np.ones(AGE_BANDS), config.clusters)
    countries = rng.dirichlet(6 * np.array(COUNTRY_SHARES), config.clusters)
    cluster = draw_codes(rng, zipf_shares(config.clusters, 0.4), count)
    other = draw_codes(rng, zipf_shares(config.clusters, 0.4), count)
    now, later = _cluster_tastes(config, rng), _cluster_tastes(config, rng)
    # Several tastes: those of two clusters, the second weaker, and one's own.
    own = draw_normal(rng, config.personal_sd, 2, count, config.topics)
    activity = np.exp(draw_normal(rng, config.activity_sd, count))
    old = -rng.integers(1, OLDEST_ACCOUNT_DAYS, config.users)
    new = np.repeat(np.arange(config.horizon_days), joining)
    return Users(
        age_band=_pick(rng, ages[cluster]),
        country=_pick(rng, countries[cluster]),
        device=draw_codes(rng, np.array(DEVICE_SHARES), count),
        signup_day=np.concatenate([np.sort(old), new]).astype(np.int32),
        activity=activity * np.float32(config.sessions_per_day / activity.mean()),
        bias=draw_normal(rng, config.user_bias_sd, count),
        patience=np.float32(config.patience) * np.exp(draw_normal(rng, config.patience_sd, count)),
        minutes=np.float32(config.minutes) * np.exp(draw_normal(rng, config.minutes_sd / 2, count)),
        taste=now[cluster] + np.float32(0.5) * now[other] + own[0],
        taste_later=later[cluster] + np.float32(0.5) * later[other] + own[1],
        style=draw_normal(rng, 1.0, count, config.style_dim),
    )


def _pick(rng: np.random.Generator, shares: np.ndarray) -> np.ndarray:
    """Return a code per row of shares, shape (n, codes)."""
    below = np.cumsum(shares, axis=1)[:, :-1] < rng.random(len(shares))[:, None]
    return below.sum(axis=1).astype(np.int8)


def _make_videos(config: VideoConfig, seed: int) -> Videos:
    rng = generator(seed, "videos")
    uploads = config.uploads_per_day * config.horizon_days
    count = config.videos + uploads
    creators = _Creators.make(config, rng)
    creator = draw_codes(rng, creators.share, count, np.int32)
    topic = np.where(
        rng.random(count) < 0.8,
        creators.topic[creator],
        draw_codes(rng, zipf_shares(config.topics, TOPIC_EXPONENT), count),
    ).astype(np.int16)
    second = rng.integers(0, config.topics, count, dtype=np.int16)
    share = np.float32(SECOND_TOPIC_SHARE) * rng.random(count, dtype=np.float32)
    style = creators.style[creator] + draw_normal(rng, 0.8, count, config.style_dim)
    style /= np.sqrt(np.float32(0.6**2 + 0.8**2))
    old = -np.sort(rng.exponential(OLDEST_VIDEO_DAYS / 3, config.videos))[::-1] * DAY
    new = np.sort(rng.random(uploads)) * config.horizon_days * DAY
    uploaded_at = np.concatenate([old, new])
    life = rng.exponential(1 / max(config.removals_per_day, 1e-9), count) * DAY
    own = np.sqrt(1 - config.creator_share)
    duration = config.duration_median * np.exp(
        draw_normal(rng, config.duration_sd * 0.8, count) + creators.duration[creator]
    )
    return Videos(
        creator=creator,
        topic=topic,
        second=second,
        second_share=share,
        uploaded_at=uploaded_at,
        removed_at=np.maximum(uploaded_at, 0) + life,
        duration=np.clip(duration, 10, 7_200).astype(np.float32),
        appeal=creators.appeal[creator] + draw_normal(rng, config.appeal_sd * own, count),
        quality=creators.quality[creator] + draw_normal(rng, config.quality_sd * own, count),
        thumbnail=draw_normal(rng, config.thumbnail_sd, count),
        style=style,
        text=_make_text(config, rng, (topic, second, share), style),
    )


@dataclass(frozen=True)
class _Creators:
    """Shape (creators,) each, but `style` (creators, style_dim)."""

    share: np.ndarray
    topic: np.ndarray
    appeal: np.ndarray
    quality: np.ndarray
    duration: np.ndarray
    style: np.ndarray

    @classmethod
    def make(cls, config: VideoConfig, rng: np.random.Generator) -> _Creators:
        count, part = config.creators, np.sqrt(config.creator_share)
        return cls(
            share=zipf_shares(count, CREATOR_EXPONENT),
            topic=draw_codes(rng, zipf_shares(config.topics, TOPIC_EXPONENT), count, np.int16),
            appeal=draw_normal(rng, config.appeal_sd * part, count),
            quality=draw_normal(rng, config.quality_sd * part, count),
            duration=draw_normal(rng, config.duration_sd * 0.6, count),
            style=draw_normal(rng, 0.6, count, config.style_dim),
        )


def _make_text(
    config: VideoConfig,
    rng: np.random.Generator,
    topics: tuple[np.ndarray, np.ndarray, np.ndarray],
    style: np.ndarray,
) -> np.ndarray:
    """Return text features: a mixture of topics and style, rotated at random, with noise."""
    topic, second, share = topics
    rows = np.arange(len(topic))
    mixture = np.zeros((len(topic), config.topics), np.float32)
    mixture[rows, topic] += 1 - share
    mixture[rows, second] += share
    hidden = np.concatenate([2 * mixture, style], axis=1)
    mixing = draw_normal(rng, 1.0, hidden.shape[1], config.text_dim)
    text = hidden @ mixing / np.sqrt(np.float32(config.style_dim))
    return text + draw_normal(rng, config.text_noise, *text.shape)


def make_population(config: VideoConfig, seed: int) -> Population:
    """Draw the population of a world.

    Parameters
    ----------
    config : VideoConfig
    seed : int
        Of the world.

    Examples
    --------
    >>> population = make_population(VideoConfig().scaled("small"), seed=0)
    >>> population.videos.live(0.0).shape
    (600,)
    """
    rng = generator(seed, "topics")
    # A quarter of the topics are news, which age; the others hardly do.
    speed = rng.random(config.topics) ** 3
    return Population(
        users=_make_users(config, seed),
        videos=_make_videos(config, seed),
        news_decay=(config.news_decay * speed / speed.max()).astype(np.float32),
    )

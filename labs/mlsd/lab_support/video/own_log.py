"""A feed that learns every night from the log of its own slates, and what that brings.

The reader says what each video is worth, given the log; the feed shows videos in that order. One
slot in twenty is left to chance. The world is that of the feedback loop: people click what many
have watched.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Self

import numpy as np
import pandas as pd

from mlsd.lab_support.deployed import market_seeds
from mlsd.lab_support.video.feed_loops import RANDOM_SOURCE, run_feed
from mlsd.policies.video import RandomSlotsPolicy, RetrainedPolicy
from mlsd.runtime.times import DAY
from mlsd.worlds.base import Policy
from mlsd.worlds.video import FeedRequests, Slates, VideoConfig, VideoWorld
from mlsd.worlds.video.logs import VideoLogs, with_watched

HISTORY_DAYS, DAYS, WORLDS = 3, 14, 4
# Probability that a slot is left to chance.
CHANCE = 0.05
# An upload that was shown so often has found an audience; the youngest have had no time for it.
LEAST_IMPRESSIONS, YOUNGEST_DAYS = 50, 2
# Points for each percent of the uploads that found an audience, beside one per percent of views.
AUDIENCE_POINTS = 0.5
COLUMNS = ("day", "user_id", "item_id", "position", "explored", "propensity", "watched")

# The feed's log, the catalogue, and the day that begins; returns what each video is worth, by
# `item_id`. What is left out is shown last.
ScoreVideos = Callable[[pd.DataFrame, pd.DataFrame, float], pd.Series]


def as_log(impressions: pd.DataFrame) -> pd.DataFrame:
    """Return impressions in the columns that an answer reads.

    Parameters
    ----------
    impressions : DataFrame
        As a world logs them, with `watched`.

    Returns
    -------
    DataFrame
        `day` (days since the origin, with the time of day as its fraction), `user_id`, `item_id`,
        `position` (0 is the top), `explored` (True where chance chose), `propensity` and `watched`
        (1 if it was seen for 30 seconds or to its end).
    """
    by_chance = np.where(_of_mixed_feed(impressions), RANDOM_SOURCE, 1)
    explored = impressions["source"] == by_chance
    log = impressions.assign(day=impressions["ts"] / DAY, explored=explored)
    return log[list(COLUMNS)].reset_index(drop=True)


def _of_mixed_feed(impressions: pd.DataFrame) -> pd.Series:
    """Return which rows the feed of the first days made; some of its sessions outlast midnight."""
    session = impressions.groupby("session_id")
    began = session["ts"].transform("min") < HISTORY_DAYS * DAY
    return began | (session["step"].transform("min") > 0)


class ScoredVideos:
    """A recommender that shows everybody the live videos in the order that a function gives them.

    Parameters
    ----------
    score_videos : callable
        See `ScoreVideos`.
    videos : DataFrame
        The catalogue so far.

    Attributes
    ----------
    day : float
        Whoever deploys it keeps the clock.
    """

    takes_items = True

    def __init__(self, score_videos: ScoreVideos, videos: pd.DataFrame) -> None:
        self.score_videos = score_videos
        self.day = float(HISTORY_DAYS)
        self.videos = as_catalogue(videos)

    def add_items(self, items: pd.DataFrame) -> Self:
        """Take uploads in."""
        both = pd.concat([self.videos, as_catalogue(items)])
        self.videos = both.drop_duplicates("item_id", ignore_index=True)
        return self

    def fit(self, impressions: pd.DataFrame) -> Self:
        """Ask the function for scores.

        Raises
        ------
        ValueError
            If it returns anything but a Series of numbers by `item_id`, each video once.
        """
        scores = self.score_videos(as_log(impressions), self.videos.copy(), self.day)
        if not isinstance(scores, pd.Series) or scores.index.has_duplicates:
            raise ValueError("return a Series of scores whose index is item_id, each video once")
        self.scores_ = scores.astype(float)
        return self

    def recommend(
        self, user_ids: np.ndarray, k: int, *, candidates: np.ndarray, **_: object
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the best candidates and their scores, shape (users, k); ties to the newer one."""
        pool = np.unique(candidates)[::-1]
        scores = self.scores_.reindex(pool).fillna(-np.inf).to_numpy()
        best = np.argsort(-scores, kind="stable")[:k]
        users = len(user_ids)
        return np.tile(pool[best], (users, 1)), np.tile(scores[best], (users, 1))


def as_catalogue(videos: pd.DataFrame) -> pd.DataFrame:
    """Return what an answer reads of videos: who made them, what they are, and the day they came.

    Examples
    --------
    >>> row = {"item_id": 4, "creator_id": 2, "topic": 0, "duration": 60.0, "ts": 43_200.0}
    >>> as_catalogue(pd.DataFrame([row]))["uploaded"].tolist()
    [0.5]
    """
    columns = videos[["item_id", "creator_id", "topic", "duration"]]
    return columns.assign(uploaded=videos["ts"] / DAY).reset_index(drop=True)


class NightlyPolicy(RetrainedPolicy):
    """Asks for scores every night, of a recommender that knows what day begins."""

    def act(self, requests: FeedRequests) -> Slates:
        """Return slates."""
        self.recommender.day = float(requests.ts[0] // DAY)
        return super().act(requests)


@dataclass(frozen=True)
class Start:
    """Where a feed begins to learn from itself: a world and its first days.

    Attributes
    ----------
    world : VideoWorld
        Small; events come three times a day, which is enough for a feed that learns at night.
    logs : VideoLogs
        Of the first days.
    history : DataFrame
        Impressions of these days.
    """

    world: VideoWorld
    logs: VideoLogs
    history: pd.DataFrame

    def nightly(
        self,
        score_videos: ScoreVideos,
        rows: Callable[[pd.DataFrame], pd.DataFrame] = lambda log: log,
    ) -> RetrainedPolicy:
        """Return the policy that asks a function every night, about some rows of its log or all."""
        recommender = ScoredVideos(score_videos, self.logs.videos).fit(self.history)
        return NightlyPolicy(recommender, self.history, rows=rows)

    def run(self, policy: Policy) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Return the log, as `as_log` has it, and the catalogue of two weeks under a policy."""
        run = run_feed(self.world, policy, self.logs, days=DAYS)
        rows = with_watched(run.rows[~_of_mixed_feed(run.rows)])
        return as_log(rows), run.videos.assign(uploaded=run.videos["ts"] / DAY)


@lru_cache(maxsize=6)
def start(seed: int, *, loop: bool = True) -> Start:
    """Return the start of a seed, in a world with the feedback loop or without it."""
    config = VideoConfig.variant("feedback") if loop else VideoConfig()
    config = replace(config.scaled("small"), hours_between_events=8)
    world = VideoWorld(seed=seed, config=config)
    logs = world.history(days=HISTORY_DAYS)
    return Start(world, logs, logs.labelled().frame)


def deployed(seed: int, score_videos: ScoreVideos) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return what a feed that learned from itself left after two weeks.

    Parameters
    ----------
    seed : int
        Of the world.
    score_videos : callable
        See `ScoreVideos`; asked on the first day and every night.

    Returns
    -------
    log : DataFrame
        As `as_log` describes it, from the first day of the deployment on.
    videos : DataFrame
        `item_id` and `uploaded`, in days.
    """
    begin = start(seed)
    nightly = begin.nightly(score_videos)
    return begin.run(RandomSlotsPolicy(nightly, CHANCE, seed=seed))


def found_audience(log: pd.DataFrame, videos: pd.DataFrame) -> float:
    """Return what share of the log's uploads was shown at least fifty times, in percent.

    Uploads of the last two days have had too little time and do not count.

    Parameters
    ----------
    log, videos : DataFrame
        As `deployed` gives them.

    Examples
    --------
    >>> log = pd.DataFrame({"day": [3.0] * 60 + [16.5], "item_id": [1] * 60 + [2]})
    >>> found_audience(log, pd.DataFrame({"item_id": [1, 2, 3], "uploaded": [3.5, 4.0, 15.5]}))
    50.0
    """
    first, end = np.floor(log["day"].min()), np.ceil(log["day"].max())
    counted = videos["uploaded"].between(first, end - YOUNGEST_DAYS, inclusive="left")
    shown = log["item_id"].value_counts().reindex(videos.loc[counted, "item_id"], fill_value=0)
    return 100 * float((shown >= LEAST_IMPRESSIONS).mean())


def count_of_views(log: pd.DataFrame, videos: pd.DataFrame, day: float) -> pd.Series:
    """Return the naive score: how often each video was watched, in the whole log.

    Examples
    --------
    >>> log = pd.DataFrame({"item_id": [5, 5, 8], "watched": [1, 1, 0]})
    >>> count_of_views(log, pd.DataFrame(), 3.0).to_dict()
    {5: 2, 8: 0}
    """
    return log.groupby("item_id")["watched"].sum()


def quota_then_count(log: pd.DataFrame, videos: pd.DataFrame, day: float) -> pd.Series:
    """Return the score that is to be beaten: uploads first for fifty impressions, then the count.

    Examples
    --------
    >>> log = pd.DataFrame({"item_id": [5, 5, 8], "watched": [1, 1, 0]})
    >>> videos = pd.DataFrame({"item_id": [5, 8, 9], "uploaded": [0.5, 3.5, 4.5]})
    >>> quota_then_count(log, videos, 5.0).to_dict()
    {5: 2.0, 8: inf, 9: inf}
    """
    counts = log.groupby("item_id")["watched"].agg(["sum", "size"])
    counts = counts.reindex(videos["item_id"], fill_value=0)
    is_upload = (videos["uploaded"] >= HISTORY_DAYS).to_numpy()
    owed = is_upload & (counts["size"] < LEAST_IMPRESSIONS)
    return counts["sum"].astype(float).mask(owed, np.inf)


@lru_cache(maxsize=256)
def _views_and_audience(seed: int, score_videos: ScoreVideos) -> tuple[int, float]:
    log, videos = deployed(seed, score_videos)
    return int(log["watched"].sum()), found_audience(log, videos)


def outcome(seed: int, score_videos: ScoreVideos) -> dict[str, float]:
    """Return what two weeks of a feed that learned from itself brought in one world.

    Returns
    -------
    dict
        ``views`` in percent of those by `quota_then_count`, ``audience`` as `found_audience` has
        it, and ``points``: the views, and 0.5 for each percent of audience.
    """
    views, audience = _views_and_audience(seed, score_videos)
    percent = 100 * views / _views_and_audience(seed, quota_then_count)[0]
    points = percent + AUDIENCE_POINTS * audience
    return {"views": percent, "audience": audience, "points": points}


def mean_points(seed: int, score_videos: ScoreVideos) -> float:
    """Return the points of a score, the mean over four worlds."""
    worlds = market_seeds(seed, WORLDS)
    return float(np.mean([outcome(own, score_videos)["points"] for own in worlds]))

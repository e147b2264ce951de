"""Feeds of the slate lab: the log of sessions, and the minutes that a video is expected to bring.

Feeds are of three kinds, which differ in how much a video loses by those above it on the slate that
resemble it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pandas as pd
from sklearn.linear_model import PoissonRegressor
from sklearn.model_selection import KFold
from sklearn.preprocessing import TargetEncoder

from mlsd.worlds.video import VideoConfig, VideoWorld

HISTORY_DAYS = 10
SLOTS = 6
UPLOAD_DAYS = 2
# The third and every further video of a creator in a session counts as crowded.
FREE_PER_CREATOR = 2
# What a look-alike above costs in the feeds of each kind, on the scale of log-odds.
SAMENESS = (0.0, 0.25, 0.6)
# Longer watches count as much as this one, so that no single evening decides.
MOST_MINUTES = 15.0
COLUMNS = ("user_id", "session_id", "request_id", "step", "position", "item_id", "creator_id")
COLUMNS += ("topic", "ts", "is_upload", "alike", "crowded", "minutes")
_KEYS = ("item_id", "creator_id", "user_id", "topic")
_SMOOTHING, _LEAST_MINUTES = 20.0, 1e-3
_CODES = 1_000
# Columns of the keys: item, creator and topic; viewer, and viewer with topic.
_OF_ITEM, _OF_USER = [0, 1, 3], [2, 4]


class ExpectedMinutes:
    """Minutes that a viewer is expected to watch a video at the top of a slate.

    The mean minutes of the video, its creator, its topic, the viewer, and the viewer with the
    topic, each pulled towards the mean of all, enter a Poisson regression by their logarithms,
    beside the slot.

    Parameters
    ----------
    log : DataFrame
        As `seen_rows` returns it.
    """

    def __init__(self, log: pd.DataFrame) -> None:
        folds = KFold(3, shuffle=True, random_state=0)
        self.encoder = TargetEncoder(target_type="continuous", smooth=_SMOOTHING, cv=folds)
        keys, minutes = _keys(*(log[name].to_numpy() for name in _KEYS)), log["minutes"].to_numpy()
        means = self.encoder.fit_transform(keys, minutes)
        slot = np.eye(SLOTS)[log["position"].to_numpy()][:, 1:]
        columns = np.concatenate([_logarithms(means), slot], axis=1)
        self.model = PoissonRegressor(alpha=1e-4, max_iter=200).fit(columns, minutes)

    def predict(
        self, users: np.ndarray, items: np.ndarray, creators: np.ndarray, topics: np.ndarray
    ) -> np.ndarray:
        """Return the minutes of each viewer and video at the top of a slate, (users, items).

        Logarithms add up, so videos and pairs of viewer and topic are looked up once each.
        """
        anybody = np.full(len(items), users[0])
        of_item = self._sum(_keys(items, creators, anybody, topics), _OF_ITEM)
        kinds, place = np.unique(topics, return_inverse=True)
        user, kind = np.repeat(users, len(kinds)), np.tile(kinds, len(users))
        any_item = np.full((2, len(user)), -1)
        of_user = self._sum(_keys(*any_item, user, kind), _OF_USER).reshape(len(users), -1)
        return np.exp(self.model.intercept_ + of_item + of_user[:, place])

    def _sum(self, keys: np.ndarray, columns: list[int]) -> np.ndarray:
        means = _logarithms(self.encoder.transform(keys)[:, columns])
        return means @ self.model.coef_[columns]


def _keys(item: np.ndarray, creator: np.ndarray, user: np.ndarray, topic: np.ndarray) -> np.ndarray:
    both = user.astype(np.int64) * _CODES + topic
    return np.stack([item, creator, user, topic, both], axis=1)


def _logarithms(means: np.ndarray) -> np.ndarray:
    return np.log(np.maximum(means, _LEAST_MINUTES))


@dataclass(frozen=True)
class SessionFeed:
    """A world at the end of its history.

    Attributes
    ----------
    world : VideoWorld
    videos : DataFrame
        The catalogue.
    log : DataFrame
        What the history showed, as `seen_rows` returns it.
    model : ExpectedMinutes
        Fitted on the log.
    """

    world: VideoWorld
    videos: pd.DataFrame
    log: pd.DataFrame
    model: ExpectedMinutes


@lru_cache(maxsize=2 * len(SAMENESS) + 1)
def session_feed(seed: int) -> SessionFeed:
    """Return the feed of a seed; three seeds that follow each other are of the three kinds."""
    config = VideoConfig(sameness=SAMENESS[seed % len(SAMENESS)])
    world = VideoWorld(seed=seed, size="small", config=config)
    logs = world.history(days=HISTORY_DAYS)
    log = seen_rows(logs.impressions)
    return SessionFeed(world, logs.videos, log, ExpectedMinutes(log))


def seen_rows(impressions: pd.DataFrame) -> pd.DataFrame:
    """Return impressions as the lab shows them, sessions in order and slates from the top down.

    Returns
    -------
    DataFrame
        `COLUMNS`. `minutes` are watched, at most 15; an upload is up to two days old; `alike` says
        how many videos above it on the slate have its topic, and `crowded` whether the session had
        been shown two videos of its creator before.

    Examples
    --------
    >>> rows = pd.DataFrame({"position": [0, 1, 2], "topic": [7, 2, 7], "creator_id": [3, 3, 3]})
    >>> rows = rows.assign(watch_seconds=[60.0, 0.0, 1800.0], video_age_days=[1.0, 9.0, 40.0])
    >>> ids = {name: 1 for name in ("user_id", "session_id", "request_id", "step", "item_id")}
    >>> found = seen_rows(rows.assign(**ids, ts=0.0))
    >>> found[["alike", "crowded", "is_upload", "minutes"]].to_numpy().tolist()[2]
    [1, True, False, 15.0]
    """
    rows = impressions.sort_values(["session_id", "step", "position"], ignore_index=True)
    of_topic = rows.groupby(["request_id", "topic"], sort=False)
    of_creator = rows.groupby(["session_id", "creator_id"], sort=False)
    rows = rows.assign(
        minutes=np.minimum(rows["watch_seconds"] / 60, MOST_MINUTES).astype(float),
        is_upload=rows["video_age_days"] < UPLOAD_DAYS,
        alike=of_topic.cumcount(),
        crowded=of_creator.cumcount() >= FREE_PER_CREATOR,
    )
    return rows[list(COLUMNS)]

"""The logs of the video world: who is there, what there is to watch, and what happened."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from mlsd.data.log import ColumnRoles, LabelledLog
from mlsd.runtime import InputError
from mlsd.runtime.times import DAY
from mlsd.worlds.logs import LazyMapping, Logs, split_by_time
from mlsd.worlds.video.population import Population
from mlsd.worlds.video.records import video_columns

WATCHED_SECONDS = 30.0
LABELS = ("watched", "click", "like", "completed")
CATEGORICAL = ("creator_id", "topic", "device", "hour", "weekday", "position", "age_band")
CATEGORICAL += ("country",)
NUMERIC = ("duration", "video_age_days", "account_age_days")
ENTITIES = (
    ("item_id",),
    ("creator_id",),
    ("topic",),
    ("user_id",),
    ("user_id", "topic"),
    ("user_id", "creator_id"),
)


class VideoLogs(Logs):
    """Logs of the video world.

    Tables: `users` and `videos` (with `removed_at`, missing while it is live), `requests`,
    `candidates` (one row per recorded candidate, `position` -1 where it was not shown),
    `impressions`, `surveys`, `sessions`, `returns` (one row per visitor and day). All times are
    seconds since the origin, a Monday at midnight. An impression is known when its slate is over.
    """

    def as_of(self, t: float) -> VideoLogs:
        """Return what was known at `t`: a video's removal too is only known once it happened."""
        known = super().as_of(t)
        earlier = known.tables
        makers = {name: lambda name=name: earlier[name] for name in earlier}
        makers["videos"] = lambda: _hide_removal(earlier["videos"], t)
        return VideoLogs(LazyMapping(makers), until=known.until)

    def labelled(
        self,
        *,
        label: str = "watched",
        split: tuple[float, float, float] = (0.8, 0.1, 0.1),
        name: str = "video_world",
    ) -> LabelledLog:
        """Return the impressions as a log to learn from.

        Parameters
        ----------
        label : str
            ``"watched"``: seen to the end or for 30 seconds, which leaves out what started by
            itself; ``"click"``, ``"like"`` or ``"completed"``.
        split : tuple of float
            Shares of the training, validation and test part, in time order.
        name : str
            For tables and messages.

        Raises
        ------
        InputError
            For another label, or logs without an impression.
        """
        if label not in LABELS:
            raise InputError(f"labelled: unknown label {label!r}; choose among {LABELS}")
        frame = self.impressions
        if frame.empty:
            raise InputError("the logs hold no settled impression; take more days or a later time")
        frame = with_watched(frame).sort_values("ts", kind="stable", ignore_index=True)
        roles = ColumnRoles(
            label=label,
            time="ts",
            known_at="known_at",
            user="user_id",
            item="item_id",
            categorical=CATEGORICAL,
            numeric=NUMERIC,
            entities=ENTITIES,
        )
        return LabelledLog(name, frame, roles, split_by_time(len(frame), split))


def with_watched(impressions: pd.DataFrame) -> pd.DataFrame:
    """Return impressions with the column `watched`: seen for 30 seconds, or to the end.

    Examples
    --------
    >>> rows = pd.DataFrame({"watch_seconds": [40.0, 5.0, 9.0], "completed": [0, 0, 1]})
    >>> with_watched(rows)["watched"].tolist()
    [1, 0, 1]
    """
    long = impressions["watch_seconds"] >= WATCHED_SECONDS
    return impressions.assign(watched=(long | (impressions["completed"] == 1)).astype("int8"))


def _hide_removal(videos: pd.DataFrame, t: float) -> pd.DataFrame:
    return videos.assign(removed_at=videos["removed_at"].where(videos["removed_at"] <= t))


def entity_tables(population: Population, until: float) -> dict[str, Callable[[], pd.DataFrame]]:
    """Return makers of the tables that say who is there, as known at `until`."""
    users, videos = population.users, population.videos

    def make_users() -> pd.DataFrame:
        here = np.flatnonzero(users.signup_day * DAY <= until)
        columns = {
            "user_id": here.astype(np.int32),
            "ts": users.signup_day[here] * float(DAY),
            "age_band": users.age_band[here],
            "country": users.country[here],
        }
        return pd.DataFrame(columns)

    def make_videos() -> pd.DataFrame:
        here = np.flatnonzero(videos.uploaded_at <= until)
        removed_at = videos.removed_at[here]
        table = pd.DataFrame(video_columns(population, here))
        table["removed_at"] = np.where(removed_at <= until, removed_at, np.nan)
        return table

    return {"users": make_users, "videos": make_videos}

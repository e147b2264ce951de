"""Feeds that learn from their own logs: rows to learn from, runs, and how unequal views become."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from mlsd.metrics import Interval, gini
from mlsd.models.base import Recommender
from mlsd.monitoring import RecordedPolicy
from mlsd.policies.video import watched_rows
from mlsd.runtime.times import DAY, HOUR
from mlsd.worlds import VideoWorld
from mlsd.worlds.base import Policy, Report
from mlsd.worlds.video.logs import VideoLogs

NOBODY = -1
PRIOR_IMPRESSIONS = 20.0
LARGEST_WEIGHT = 500.0
SHOWN_OFTEN = 20
RANDOM_SOURCE = 3  # of the logging policy: a slot left to chance


def anonymous_rows(impressions: pd.DataFrame) -> pd.DataFrame:
    """Return what was watched without who watched it: the counts of a popularity list, no more.

    A recommender that is fitted on these rows has no viewer's past to leave out of a list.
    """
    return watched_rows(impressions).assign(user_id=NOBODY)


def weighted_rows(impressions: pd.DataFrame) -> pd.DataFrame:
    """Return what was watched, each row weighing one over its propensity, 500 at the most."""
    rows = watched_rows(impressions)
    return rows.assign(weight=np.minimum(1 / rows["propensity"], LARGEST_WEIGHT))


def rate_rows(impressions: pd.DataFrame) -> pd.DataFrame:
    """Return what was watched, weighed so that a video's rows add up to its rate per impression.

    The rate is shrunk to everybody's by twenty imagined impressions.
    """
    rows = watched_rows(impressions)
    shown, watched = (part.groupby("item_id").size() for part in (impressions, rows))
    prior = PRIOR_IMPRESSIONS * len(rows) / len(impressions)
    rate = (watched + prior) / (shown[watched.index] + PRIOR_IMPRESSIONS)
    return rows.assign(weight=(rate / watched)[rows["item_id"]].to_numpy())


def views_of(rows: pd.DataFrame, videos: pd.DataFrame) -> pd.Series:
    """Return the views (starts) of each of some videos in the log, 0 where there was none."""
    views = rows.groupby("item_id")["click"].sum()
    return views.reindex(videos["item_id"], fill_value=0)


@dataclass(frozen=True)
class FeedRun:
    """A deployment and the log that it left.

    Attributes
    ----------
    report : Report
    rows : DataFrame
        Impressions of the deployment.
    videos : DataFrame
        `item_id` and `ts`, the time of upload, of every video there was.
    """

    report: Report
    rows: pd.DataFrame
    videos: pd.DataFrame

    def weekly(self) -> pd.DataFrame:
        """Return one row per week, from 1 on, of how views spread over the catalogue.

        `gini` of views (starts) over all videos uploaded by the week's end; the `top_share` of
        views that go to one video in a hundred; hours per thousand sessions, `watch_hours`.
        """
        week = (self.rows["ts"] - self.rows["ts"].min()) // (7 * DAY) + 1
        found = {}
        for number, rows in self.rows.groupby(week.astype(int)):
            views = views_of(rows, self.videos[self.videos["ts"] <= rows["ts"].max()])
            top = np.sort(views)[-max(len(views) // 100, 1) :].sum()
            hours = 1_000 * rows["watch_seconds"].sum() / HOUR / rows["session_id"].nunique()
            found[number] = (gini(views), top / views.sum(), hours)
        columns = ["gini", "top_share", "watch_hours"]
        return pd.DataFrame.from_dict(found, orient="index", columns=columns)

    def known_share(self) -> float:
        """Return the share of the videos that the log shows at least twenty times."""
        shown = self.rows["item_id"].value_counts().reindex(self.videos["item_id"], fill_value=0)
        return float((shown >= SHOWN_OFTEN).mean())

    def hours_change(self, base: FeedRun, *, repetitions: int = 500) -> Interval:
        """Return the change of hours per session against another run of the world, in percent.

        The interval resamples users, the same ones in both runs.
        """
        sums = [_sums_of_users(run.rows) for run in (base, self)]
        both = pd.concat(sums, axis=1).fillna(0).to_numpy()
        random = np.random.default_rng(0)
        drawn = random.multinomial(len(both), np.full(len(both), 1 / len(both)), repetitions)
        totals = np.vstack([both.sum(axis=0), drawn @ both])
        change = 100 * (totals[:, 2] / totals[:, 3] / (totals[:, 0] / totals[:, 1]) - 1)
        return Interval(float(change[0]), *np.quantile(change[1:], [0.025, 0.975]).tolist())


def _sums_of_users(rows: pd.DataFrame) -> pd.DataFrame:
    """Return seconds watched and sessions of each user."""
    users = rows.groupby("user_id")
    return pd.DataFrame(
        {"seconds": users["watch_seconds"].sum(), "sessions": users["session_id"].nunique()}
    )


def run_feed(world: VideoWorld, policy: Policy, logs: VideoLogs, *, days: int) -> FeedRun:
    """Deploy a policy from the end of a history on, and keep its log.

    Parameters
    ----------
    world : VideoWorld
    policy : Policy
    logs : VideoLogs
        The history of the world, of whole days.
    days : int
    """
    history_days = round(logs.until / DAY)
    videos = RecordedPolicy(policy, table="videos")
    record = RecordedPolicy(videos)
    report = world.deploy(record, days=days, history_days=history_days)
    rows = record.rows()
    rows = rows[rows["ts"] >= history_days * DAY].reset_index(drop=True)
    catalogue = pd.concat([logs.videos, videos.rows()])[["item_id", "ts"]]
    return FeedRun(report, rows, catalogue.drop_duplicates("item_id", ignore_index=True))


def summarise_runs(runs: Mapping[str, FeedRun], base: FeedRun) -> pd.DataFrame:
    """Return of each run the Gini coefficient of its last week, what its log knows, and its hours.

    Parameters
    ----------
    runs : mapping of str to FeedRun
    base : FeedRun
        Of the same world: what hours are compared with.
    """
    rows = {}
    for name, run in runs.items():
        hours = run.hours_change(base)
        rows[name] = {
            "Gini, last week": round(run.weekly()["gini"].iloc[-1], 2),
            "known videos, %": round(100 * run.known_share(), 1),
            "hours, %": f"{hours.estimate:+.1f} [{hours.low:+.1f}, {hours.high:+.1f}]",
        }
    return pd.DataFrame.from_dict(rows, orient="index")


def arm_changes(
    study: pd.DataFrame, base: str, arms: Sequence[str], measures: Sequence[str]
) -> pd.DataFrame:
    """Return the changes of arms of a study against another arm in the same world, in percent.

    Parameters
    ----------
    study : DataFrame
        Columns `arm`, `seed` and the measures, each pair of arm and seed once.
    base : str
        The arm to compare with.
    arms, measures : sequence of str

    Returns
    -------
    DataFrame
        One row per arm and seed.
    """
    levels = study.set_index(["arm", "seed"])[list(measures)]
    base_levels = levels.loc[base]
    found = {arm: 100 * (levels.loc[arm] / base_levels - 1) for arm in arms}
    return pd.concat(found, names=["arm"])


def discoveries(rows: pd.DataFrame, known: pd.DataFrame, videos: np.ndarray) -> pd.DataFrame:
    """Return what was watched and could have been foretold, each pair of viewer and video once.

    Parameters
    ----------
    rows, known : DataFrame
        Impressions with `watched`; what a viewer watched in `known` is no discovery any more.
    videos : ndarray of int
        What the models know; other videos are left out.
    """
    pairs = ["user_id", "item_id"]
    watched = watched_rows(rows).drop_duplicates(pairs)
    watched = watched[watched["item_id"].isin(videos)]
    seen = pd.MultiIndex.from_frame(watched_rows(known)[pairs])
    return watched[~pd.MultiIndex.from_frame(watched[pairs]).isin(seen)]


def percentiles(model: Recommender, watched: pd.DataFrame, videos: np.ndarray) -> np.ndarray:
    """Return where each watched video stands in its viewer's order, 1 at the top and 0 at the end.

    Parameters
    ----------
    model : Recommender
    watched : DataFrame
        Rows with `user_id` and `item_id`, the latter among `videos`.
    videos : ndarray of int, shape (m,)
        All that could have been shown, sorted; videos of equal score share the middle of their
        places.

    Returns
    -------
    ndarray, shape (rows,)
    """
    users, row = np.unique(watched["user_id"], return_inverse=True)
    pairs = np.repeat(users, len(videos)), np.tile(videos, len(users))
    scores = np.asarray(model.score(*pairs)).reshape(len(users), len(videos))
    place = (rankdata(scores, axis=1) - 1) / (len(videos) - 1)
    return place[row, np.searchsorted(videos, watched["item_id"])]

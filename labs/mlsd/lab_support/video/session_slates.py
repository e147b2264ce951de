"""Slates of the slate lab: chosen by a function, deployed, and worth so many minutes a session."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pandas as pd

from mlsd.lab_support.deployed import market_seeds
from mlsd.lab_support.video.session_feeds import (
    HISTORY_DAYS,
    SAMENESS,
    SLOTS,
    UPLOAD_DAYS,
    SessionFeed,
    seen_rows,
    session_feed,
)
from mlsd.metrics import Interval
from mlsd.metrics.resampling import resampled_weights
from mlsd.monitoring import RecordedPolicy
from mlsd.policies.reranking import top_scores
from mlsd.policies.video.overnight import Overnight
from mlsd.policies.video.recommending import HISTORY, passed_over
from mlsd.runtime.times import DAY
from mlsd.worlds.logs import Tables, table_of
from mlsd.worlds.video import FeedRequests, Slates

# Two feeds of each kind.
DAYS, WORLDS = 3, 2 * len(SAMENESS)
CANDIDATES, DEPTH = 40, 200
# What a minute of an upload counts for beyond itself, and what a crowded video takes off, minutes.
UPLOAD_EXTRA, CROWDING_FEE = 1.0, 0.4
PARTS = ("sessions", "minutes", "upload_minutes", "crowded")
REPETITIONS = 200


@dataclass(frozen=True)
class Candidates:
    """What may be shown to one viewer now, the most minutes first.

    Attributes
    ----------
    minutes : ndarray, shape (c,)
        How long the viewer is expected to watch the video if it stands at the top of the slate.
    topic, creator : ndarray of int, shape (c,)
    is_upload : ndarray of bool, shape (c,)
        Uploaded within the last two days.
    seen_creator : ndarray of int, shape (m,)
        Of each video that earlier slates of this session have shown.
    """

    minutes: np.ndarray
    topic: np.ndarray
    creator: np.ndarray
    is_upload: np.ndarray
    seen_creator: np.ndarray


Choose = Callable[[Candidates], np.ndarray]
MakeSlates = Callable[[pd.DataFrame], Choose]


class SlatePolicy:
    """Lists the videos of most expected minutes overnight, and lets a chooser fill each slate.

    Parameters
    ----------
    feed : SessionFeed
    choose : callable
        From the `Candidates` of a request to the places of those that are shown, from the top down.
    """

    def __init__(self, feed: SessionFeed, choose: Choose) -> None:
        self.model = feed.model
        self.choose = choose
        self._overnight = Overnight()
        self._catalogue = pd.DataFrame()
        self._add(feed.videos)

    def observe(self, events: Tables) -> None:
        """Take new videos in."""
        self._add(table_of(events, "videos"))

    def _add(self, videos: pd.DataFrame) -> None:
        if not len(videos):
            return
        new = videos.set_index("item_id")[["topic", "creator_id", "ts"]]
        known = new.index.isin(self._catalogue.index)
        self._catalogue = pd.concat([self._catalogue, new[~known]])
        # Columns in which the id of a video is its place.
        table = self._catalogue.reindex(np.arange(self._catalogue.index.max() + 1), fill_value=-1)
        self.topic, self.creator, self.uploaded = (table[name].to_numpy() for name in new)

    def act(self, requests: FeedRequests) -> Slates:
        """Return the slates of the chooser."""
        users = np.asarray(requests.context["user_id"])
        items, minutes = self._overnight.find(
            users, float(requests.ts[0]), lambda new: self._list(new, requests.live)
        )
        gone = passed_over(items, requests, requests.history(HISTORY))
        order = np.argsort(gone, axis=1, kind="stable")[:, :CANDIDATES]
        items, minutes = (np.take_along_axis(each, order, axis=1) for each in (items, minutes))
        is_upload = requests.ts[:, None] - self.uploaded[items] < UPLOAD_DAYS * DAY
        slates = np.zeros((len(items), requests.slots), np.int32)
        for row, (item, shown) in enumerate(zip(items, requests.shown)):
            offered = Candidates(
                minutes[row],
                self.topic[item],
                self.creator[item],
                is_upload[row],
                self.creator[shown],
            )
            places = self.places(offered, int(requests.request_id[row]))
            slates[row] = item[require_places(places)]
        return Slates(slates)

    def places(self, offered: Candidates, request_id: int) -> np.ndarray:
        """Return which candidates of a request are shown, from the top down."""
        return self.choose(offered)

    def _list(self, users: np.ndarray, live: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        minutes = self.model.predict(users, live, self.creator[live], self.topic[live])
        best = top_scores(minutes, DEPTH)
        return live[best], np.take_along_axis(minutes, best, axis=1)


def require_places(places: object) -> np.ndarray:
    """Return the places of a slate as an array.

    Raises
    ------
    ValueError
        If they are not six different whole numbers from 0 to 39.

    Examples
    --------
    >>> require_places([3, 0, 1, 2, 9, 4]).tolist()
    [3, 0, 1, 2, 9, 4]
    """
    chosen = np.asarray(places)
    if chosen.shape != (SLOTS,) or not np.issubdtype(chosen.dtype, np.integer):
        raise ValueError(f"a slate is {SLOTS} whole numbers, not {places!r}")
    if len(set(chosen.tolist())) < SLOTS or chosen.min() < 0 or chosen.max() >= CANDIDATES:
        raise ValueError(f"places are 0 to {CANDIDATES - 1}, each once, not {chosen.tolist()}")
    return chosen


@lru_cache(maxsize=128)
def sums_by_viewer(seed: int, make_slates: MakeSlates) -> pd.DataFrame:
    """Return what some days under a chooser brought each viewer.

    Returns
    -------
    DataFrame
        One row per `user_id`, and `PARTS`: sessions, minutes watched, those of uploads among them,
        and crowded videos shown.
    """
    feed = session_feed(seed)
    record = RecordedPolicy(SlatePolicy(feed, make_slates(feed.log.copy())))
    feed.world.deploy(record, days=DAYS, history_days=HISTORY_DAYS)
    rows = record.rows()
    rows = seen_rows(rows[rows["ts"] >= HISTORY_DAYS * DAY])
    rows["upload_minutes"] = rows["minutes"] * rows["is_upload"]
    viewers = rows.groupby("user_id")
    sums = viewers[["minutes", "upload_minutes", "crowded"]].sum()
    return sums.assign(sessions=viewers["session_id"].nunique())[list(PARTS)]


def session_value(totals: np.ndarray) -> np.ndarray:
    """Return the value of a session in minutes, shape (...), from totals of `PARTS`, (..., 4).

    Examples
    --------
    >>> float(session_value(np.array([2.0, 22.0, 2.0, 5.0])))
    11.0
    """
    sessions, minutes, of_uploads, crowded = np.moveaxis(np.asarray(totals, float), -1, 0)
    return (minutes + UPLOAD_EXTRA * of_uploads - CROWDING_FEE * crowded) / sessions


def deployed(seed: int, make_slates: MakeSlates) -> dict[str, float]:
    """Return what some days under a chooser brought per session, and its value in minutes."""
    total = sums_by_viewer(seed, make_slates).sum()
    per_session = (total / total["sessions"]).drop("sessions")
    return per_session.to_dict() | {"value": float(session_value(total.to_numpy()))}


def top_slates(log: pd.DataFrame) -> Choose:
    """Return the chooser of the baseline: the videos of most expected minutes, best first."""
    return lambda candidates: np.arange(SLOTS)


def value_of_slates(seed: int, make_slates: MakeSlates) -> Interval:
    """Return the value of a session in percent of the baseline's, mean of the feeds of a seed.

    The 95 % interval resamples viewers, the same under the chooser and the baseline.
    """
    markets = market_seeds(seed, WORLDS)
    shares = [_shares(own, make_slates) for own in markets]
    low, high = np.quantile(np.mean([draws for _, draws in shares], axis=0), [0.025, 0.975])
    return Interval(float(np.mean([share for share, _ in shares])), float(low), float(high))


def _shares(seed: int, make_slates: MakeSlates) -> tuple[float, np.ndarray]:
    """Return a feed's value in percent of the baseline's, and the same of resampled viewers."""
    own, base = (sums_by_viewer(seed, each) for each in (make_slates, top_slates))
    viewers = own.index.union(base.index)
    own, base = (each.reindex(viewers, fill_value=0).to_numpy() for each in (own, base))
    weights = np.stack(list(resampled_weights(len(viewers), REPETITIONS, seed)))
    draws = session_value(weights @ own) / session_value(weights @ base)
    return 100 * float(
        session_value(own.sum(axis=0)) / session_value(base.sum(axis=0))
    ), 100 * draws

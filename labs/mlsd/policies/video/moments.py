"""What a viewer had seen at the moment of a request, and what that says about candidates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import pandas as pd

from mlsd.worlds.kit.slates import NO_ITEM
from mlsd.worlds.video import FeedRequests
from mlsd.worlds.video.sources import contains

STARTS = 20
NAMES = (
    "recent_starts",
    "recent_topic_share",
    "recent_creator_share",
    "started_before",
    "session_topic_shown",
    "session_topic_started",
    "session_creator_shown",
)
# Seconds that no world lasts: an owner and a moment in one number.
_SPAN = 2.0**23


@dataclass(frozen=True)
class ViewerMoments:
    """What viewers had been shown and had started when they asked for a slate.

    Attributes
    ----------
    started : ndarray of int, shape (n, STARTS)
        Videos started last, in any session, the newest last; -1 where there were fewer.
    shown : ndarray of int, shape (n, m)
        Videos that the session had been shown; -1 where there were fewer.

    Examples
    --------
    >>> moment = ViewerMoments(np.array([[-1, 4, 5]]), np.array([[5, 6]]))
    >>> topic = creator = np.array([0, 0, 0, 0, 1, 2, 2, 2])
    >>> columns = moment.columns(np.array([[7, 4]]), topic, creator)
    >>> columns["session_topic_shown"].tolist(), columns["recent_topic_share"].tolist()
    ([[2.0, 0.0]], [[0.5, 0.5]])
    """

    started: np.ndarray
    shown: np.ndarray

    @classmethod
    def of_requests(cls, requests: FeedRequests) -> Self:
        """Return the moments of requests that a feed asks now."""
        return cls(requests.history(STARTS), requests.shown)

    @classmethod
    def of_log(cls, impressions: pd.DataFrame, requests: pd.DataFrame) -> Self:
        """Return the moments of past requests, from the impressions that came before each.

        Parameters
        ----------
        impressions : DataFrame
            All of them, from the first on.
        requests : DataFrame
            One row each, with `user_id`, `session_id` and `ts`.
        """
        started = impressions[impressions["click"] == 1]
        return cls(
            _before(started, requests, "user_id", STARTS),
            _before(impressions, requests, "session_id", None),
        )

    def take(self, rows: np.ndarray) -> Self:
        """Return some of the moments, by position."""
        return type(self)(self.started[rows], self.shown[rows])

    def columns(
        self, items: np.ndarray, topic: np.ndarray, creator: np.ndarray
    ) -> dict[str, np.ndarray]:
        """Return what the past says about candidates.

        Parameters
        ----------
        items : ndarray of int, shape (n, k)
        topic, creator : ndarray of int, shape (videos,)
            Of every video.

        Returns
        -------
        dict of str to ndarray of float32, shape (n, k)
            `recent_starts` videos started (up to 20); the share of them with the candidate's topic
            and creator; whether the candidate is one of them; videos of the topic that the session
            has been shown, and of those the ones started; videos of the creator shown.
        """
        started = np.where(contains(self.started, self.shown), self.shown, NO_ITEM)
        count = (self.started != NO_ITEM).sum(axis=1, keepdims=True)
        known = np.maximum(count, 1)
        values = (
            np.broadcast_to(count, items.shape),
            _count(self.started, items, topic) / known,
            _count(self.started, items, creator) / known,
            contains(self.started, items),
            _count(self.shown, items, topic),
            _count(started, items, topic),
            _count(self.shown, items, creator),
        )
        return {name: each.astype(np.float32) for name, each in zip(NAMES, values)}


def _count(past: np.ndarray, items: np.ndarray, code: np.ndarray) -> np.ndarray:
    """Return how many past videos, shape (n, m), share a code with each of `items`, (n, k)."""
    own = code[items]
    found = np.zeros(items.shape, np.int16)
    for column in past.T:
        there = column != NO_ITEM
        found += (code[np.where(there, column, 0)][:, None] == own) & there[:, None]
    return found


def _before(
    rows: pd.DataFrame, requests: pd.DataFrame, owner: str, length: int | None
) -> np.ndarray:
    """Return the items of an owner's rows before each request, the newest last and -1 first.

    The last `length` of them, or all.
    """
    order = np.lexsort((rows["position"], rows["ts"], rows[owner]))
    item = rows["item_id"].to_numpy()[order]
    key = _moment(rows, owner)[order]
    asked = _moment(requests, owner)
    end = np.searchsorted(key, asked, side="left")
    first = np.searchsorted(key, np.floor(asked / _SPAN) * _SPAN, side="left")
    width = int((end - first).max(initial=0)) if length is None else length
    place = end[:, None] + np.arange(-width, 0)
    there = place >= first[:, None]
    return np.where(there, item[np.where(there, place, 0)] if len(item) else NO_ITEM, NO_ITEM)


def _moment(rows: pd.DataFrame, owner: str) -> np.ndarray:
    code = rows[owner].to_numpy().astype(np.float64)
    return code * _SPAN + rows["ts"].to_numpy()

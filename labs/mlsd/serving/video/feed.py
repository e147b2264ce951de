"""What an artifact of the video case holds: catalogue, viewers, sources, rungs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from mlsd.serving.compiled import SAVED_FORMS
from mlsd.serving.video.ranker import FeedRanker
from mlsd.serving.video.sources import SOURCE_FORMS, FeedSource

FUNNEL = "funnel"
TRENDING = "trending"
HISTORY = 50


@dataclass(frozen=True, eq=False)
class FeedCatalogue:
    """The videos of the artifact's moment; shape (videos,) each, by id.

    Attributes
    ----------
    topic, creator : ndarray of int
    duration : ndarray of float32
        Seconds.
    uploaded_at : ndarray of float64
        Seconds since the origin.
    live : ndarray of bool
        Whether it may be shown.
    """

    topic: np.ndarray
    creator: np.ndarray
    duration: np.ndarray
    uploaded_at: np.ndarray
    live: np.ndarray


@dataclass(frozen=True, eq=False)
class FeedViewers:
    """The viewers of the artifact's moment; the last row answers for every other one.

    Attributes
    ----------
    recent : ndarray of int32, shape (users + 1, 50)
        Videos started last, newest last, -1 where there were fewer.
    starts : ndarray of int64, shape (users + 2,)
        Where each viewer's profile begins in `watched`; the last row's is empty.
    watched : ndarray of int32
        Videos of all profiles: watched for long or to the end, each once for a viewer.
    by_activity : ndarray of int
        Viewers seen in the log, the most active first.
    """

    recent: np.ndarray
    starts: np.ndarray
    watched: np.ndarray
    by_activity: np.ndarray

    def row(self, user_id: int) -> int:
        """Return the row of a viewer, -1 for one that is not known."""
        return user_id if user_id < len(self.recent) - 1 else -1

    def profile(self, row: int) -> np.ndarray:
        """Return the profile of a row, shape (m,)."""
        row = row if row >= 0 else len(self.recent) - 1
        return self.watched[self.starts[row] : self.starts[row + 1]]


@dataclass(frozen=True, eq=False)
class ServedFeed:
    """Everything that a page is made from, so that it can only be swapped whole.

    Attributes
    ----------
    moment : float
        Seconds since the origin.
    catalogue : FeedCatalogue
    viewers : FeedViewers
    sources : mapping of str to FeedSource
        By name; one of them is ``"trending"``, which answers when nothing else can.
    quotas : mapping of str to int
        How many candidates each source may bring to the funnel.
    rungs : mapping of str to str
        The source that each rung besides the funnel shows as it is.
    default_rung : str
    ranker : FeedRanker or None
        Orders the funnel's candidates; the ranks that sources gave them where None.
    creator_cap : int
        Videos of one creator on a page, at most.
    golden : mapping of str to ndarray
        A viewer and the page that was made for it where the artifact was made.
    """

    moment: float
    catalogue: FeedCatalogue
    viewers: FeedViewers
    sources: Mapping[str, FeedSource]
    quotas: Mapping[str, int]
    rungs: Mapping[str, str]
    default_rung: str
    ranker: FeedRanker | None
    creator_cap: int
    golden: Mapping[str, np.ndarray]


FEED_FORMS = (
    *SAVED_FORMS,
    *SOURCE_FORMS,
    FeedCatalogue,
    FeedRanker,
    FeedViewers,
    ServedFeed,
)
"""All classes that the files of a feed may name."""

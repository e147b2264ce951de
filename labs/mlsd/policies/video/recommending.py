"""Deploy a recommender: lists made overnight or on request, filled into slates."""

from __future__ import annotations

import numpy as np

from mlsd.models.base import Recommender
from mlsd.policies.video.overnight import Overnight
from mlsd.runtime import InputError
from mlsd.runtime.times import DAY
from mlsd.worlds.kit.slates import NO_ITEM
from mlsd.worlds.logs import Tables, table_of
from mlsd.worlds.video import FeedRequests, Slates
from mlsd.worlds.video.sources import contains

HISTORY = 50
VIEWS_UNTIL = ("request", "session", "day")


class RecommenderPolicy:
    """Fills slates from the top of each viewer's list, without what was shown or watched.

    Parameters
    ----------
    recommender : Recommender
        Already fitted; deployment does not refit it.
    depth : int
        Length of a list. What a session has been shown, what the viewer started last and what is
        not live any more is passed over, so a list is much longer than a slate.
    at_request : bool
        False makes a viewer's list once a day, when it is first asked for (batch precompute); True
        makes it for each request, from the videos that the viewer started last.
    views_until : str
        Which of these videos a list made on request reads: those started before the ``"request"``,
        or before the ``"session"`` or the viewer's ``"day"`` began. What is passed over is the
        same.

    Raises
    ------
    InputError
        For another `views_until`.

    Notes
    -----
    A list that runs out is filled up with live videos in order of their ids, the latest first.

    Uploads reach a recommender that takes items in (`add_items`, with `takes_items` true) as soon
    as they are known; any other scores them by its rule for unknown ids. A list that was made
    overnight does not hold what was uploaded since.
    """

    def __init__(
        self,
        recommender: Recommender,
        *,
        depth: int = 200,
        at_request: bool = False,
        views_until: str = "request",
    ) -> None:
        if views_until not in VIEWS_UNTIL:
            raise InputError(f"views_until is {views_until!r}; choose among {VIEWS_UNTIL}")
        self.recommender = recommender
        self.depth = depth
        self.at_request = at_request
        self.views_until = views_until
        self._views: dict[tuple[int, int], np.ndarray] = {}
        self._overnight = Overnight()

    def observe(self, events: Tables) -> None:
        """Hand uploads to a recommender that takes them in; otherwise it stays as it was fitted."""
        if getattr(self.recommender, "takes_items", False):
            uploads = table_of(events, "videos")
            if len(uploads):
                self.recommender.add_items(uploads)

    def act(self, requests: FeedRequests) -> Slates:
        """Return the first videos of each viewer's list that can be shown."""
        recent = requests.history(HISTORY)
        lists = self._find(requests, recent)
        passed = passed_over(lists, requests, recent)
        return Slates(filled_slates(lists, np.where(passed, -np.inf, 0.0), requests))

    def _find(self, requests: FeedRequests, recent: np.ndarray) -> np.ndarray:
        user = np.asarray(requests.context["user_id"])
        if self.at_request:
            return self._recommend(user, requests.live, self._read(requests, recent))
        (lists,) = self._overnight.find(
            user,
            float(requests.ts[0]),
            lambda users: (self._recommend(users, requests.live, None),),
        )
        return lists

    def _read(self, requests: FeedRequests, recent: np.ndarray) -> np.ndarray:
        if self.views_until == "request":
            return recent
        by_day = self.views_until == "day"
        owner = np.asarray(requests.context["user_id" if by_day else "session_id"])
        day = (requests.ts // DAY).astype(int) if by_day else np.zeros(len(owner), int)
        keys = list(zip(owner.tolist(), day.tolist()))
        for key, views in zip(keys, recent):
            self._views.setdefault(key, views)
        return np.array([self._views[key] for key in keys])

    def _recommend(
        self, user: np.ndarray, live: np.ndarray, histories: np.ndarray | None
    ) -> np.ndarray:
        items, _ = self.recommender.recommend(
            user, self.depth, candidates=live, histories=histories
        )
        return np.asarray(items, np.int32)


def passed_over(lists: np.ndarray, requests: FeedRequests, recent: np.ndarray) -> np.ndarray:
    """Return which videos of lists, shape (n, k), are not to be shown.

    Those that the session was shown or the viewer started last (`recent`), and those that are not
    live any more.
    """
    is_live = np.zeros(max(int(lists.max(initial=0)), int(requests.live[-1])) + 1, bool)
    is_live[requests.live] = True
    passed = contains(requests.shown, lists) | contains(recent, lists)
    return passed | (lists == NO_ITEM) | ~is_live[np.maximum(lists, 0)]


def filled_slates(lists: np.ndarray, score: np.ndarray, requests: FeedRequests) -> np.ndarray:
    """Return the best videos of each list, shape (n, slots); the earlier one where scores tie.

    A video of score ``-inf`` is not shown: what is short is filled up with live videos in order of
    their ids, the latest first.
    """
    order = np.argsort(-score, axis=1, kind="stable")[:, : requests.slots]
    items = np.take_along_axis(lists, order, axis=1)
    short = np.isneginf(np.take_along_axis(score, order, axis=1))
    slates = np.full((len(lists), requests.slots), NO_ITEM, np.int32)
    slates[:, : items.shape[1]] = np.where(short, NO_ITEM, items)
    for row in np.flatnonzero((slates == NO_ITEM).any(axis=1)):
        found = slates[row][slates[row] != NO_ITEM]
        others = requests.live[::-1]
        others = others[~np.isin(others, found) & ~np.isin(others, requests.shown[row])]
        slates[row] = np.concatenate([found, others])[: requests.slots]
    return slates

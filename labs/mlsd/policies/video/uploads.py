"""A feed that keeps a place for uploads: who gets it is drawn, and the log knows with what odds."""

from __future__ import annotations

import numpy as np
import pandas as pd

from mlsd.policies.reranking import with_reserved_slots
from mlsd.runtime import InputError
from mlsd.runtime.times import DAY
from mlsd.worlds.base import Policy
from mlsd.worlds.kit.luck import hashed_uniform
from mlsd.worlds.kit.slates import NO_ITEM
from mlsd.worlds.logs import Tables, table_of
from mlsd.worlds.video import FeedRequests, Slates
from mlsd.worlds.video.sources import contains

# The source of an explored video; those of the wrapped policy keep their own.
EXPLORED = 100
NO_CREATOR = -1


class ExplorationSlotPolicy:
    """Gives one position of some slates to a recent upload, drawn at random.

    Parameters
    ----------
    policy : Policy
        Fills the rest of the slate, and the position where no upload was drawn.
    videos : DataFrame
        The catalogue at the end of the history: `item_id`, `creator_id` and `ts`, the time of
        upload. Later uploads come with the events.
    position : int
        From 0, the top.
    share : float
        Probability that a request explores.
    max_age_days : float
        Uploads up to this age are drawn, each with the same probability.
    cap : int or None
        Uploads of a creator who has so many videos on the slate are not drawn.
    seed : int
        Of the draws, which depend on it and on the request alone.

    Raises
    ------
    InputError
        For a share outside 0 to 1, a negative position, or an age that is not above 0.

    Notes
    -----
    Drawn are uploads that neither the session nor the slate has shown. With m of them the logged
    propensity of a drawn upload is ``share / m``, and that of the video which else stands there its
    own times ``1 - share``. Where m is 0 the slate stays as it was.
    """

    def __init__(
        self,
        policy: Policy,
        videos: pd.DataFrame,
        *,
        position: int = 5,
        share: float = 0.1,
        max_age_days: float = 2.0,
        cap: int | None = None,
        seed: int = 0,
    ) -> None:
        if not 0 <= share <= 1:
            raise InputError(f"share is {share!r}; give a probability, 0 to 1")
        if position < 0 or not max_age_days > 0:
            raise InputError("position starts at 0, and max_age_days is above 0")
        self.policy = policy
        self.position = position
        self.share = share
        self.max_age_days = max_age_days
        self.cap = cap
        self.seed = seed
        self._uploaded = np.zeros(0)
        self._creator = np.zeros(0, np.int32)
        self._remember(videos)

    def observe(self, events: Tables) -> None:
        """Remember uploads, and hand all events on."""
        self._remember(table_of(events, "videos"))
        self.policy.observe(events)

    def act(self, requests: FeedRequests) -> Slates:
        """Return the policy's slates, some with an upload in the position."""
        slates = self.policy.act(requests).filled()
        pool = self._recent(requests)
        if not pool.shape[1]:
            return slates
        free = self._free(requests, slates.items, pool)
        count = free.sum(axis=1)
        chance, place = (
            hashed_uniform(self.seed, f"exploration-{name}", requests.request_id)
            for name in ("chance", "place")
        )
        explored = (chance < self.share) & (count > 0)
        items = np.full(len(requests), NO_ITEM, slates.items.dtype)
        rank = (place * count).astype(np.intp)
        # The rank-th of the uploads that are free.
        drawn = (free.cumsum(axis=1) > rank[:, None]).argmax(axis=1)
        items[explored] = pool[explored, drawn[explored]]
        filled = with_reserved_slots(slates.items, items[:, None], (self.position,))
        return Slates(filled, *self._logged(slates, explored, count))

    def _free(self, requests: FeedRequests, items: np.ndarray, pool: np.ndarray) -> np.ndarray:
        """Return which uploads of the pool each request may draw, shape (n, m)."""
        free = self._uploaded[pool] > self._since(requests.ts)[:, None]
        free &= ~contains(np.hstack([requests.shown, items]), pool)
        if self.cap is not None:
            creator = self._creator[pool]
            own = sum(creator == column[:, None] for column in self._creator[items].T)
            free &= own < self.cap
        return free

    def _logged(
        self, slates: Slates, explored: np.ndarray, count: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return propensities and sources of slates of which some were explored."""
        propensity, source = slates.propensity.copy(), slates.source.copy()
        stays = np.where(count > 0, 1 - self.share, 1.0)
        other = propensity[:, self.position] * stays
        propensity[:, self.position] = np.where(explored, self.share / np.maximum(count, 1), other)
        source[explored, self.position] = EXPLORED
        return propensity, source

    def _recent(self, requests: FeedRequests) -> np.ndarray:
        """Return the live uploads that are recent for any request, repeated, shape (n, m)."""
        live = requests.live[requests.live < len(self._uploaded)]
        pool = live[self._uploaded[live] > self._since(requests.ts).min()]
        return np.broadcast_to(pool, (len(requests), len(pool)))

    def _since(self, ts: np.ndarray) -> np.ndarray:
        """Return when the oldest upload that may be drawn came, shape (n,)."""
        return ts - self.max_age_days * DAY

    def _remember(self, videos: pd.DataFrame) -> None:
        if not len(videos):
            return
        item = videos["item_id"].to_numpy()
        more = max(int(item.max()) + 1 - len(self._uploaded), 0)
        self._uploaded = np.pad(self._uploaded, (0, more), constant_values=-np.inf)
        self._creator = np.pad(self._creator, (0, more), constant_values=NO_CREATOR)
        self._uploaded[item] = videos["ts"].to_numpy()
        self._creator[item] = videos["creator_id"].to_numpy()

"""The policy that made the history: what trends, what is related, new uploads, and chance."""

from __future__ import annotations

import numpy as np

from mlsd.runtime.times import DAY, HOUR
from mlsd.worlds.kit.luck import hashed_uniform
from mlsd.worlds.kit.slates import NO_ITEM, Slates
from mlsd.worlds.logs import Tables
from mlsd.worlds.video.config import AGE_BANDS, COUNTRIES, MOST_STEPS
from mlsd.worlds.video.slates import FeedRequests
from mlsd.worlds.video.sources import Corpus, Related, Source

SOURCES = ("trending", "related", "fresh", "random")
TRENDING, RELATED, FRESH, RANDOM = range(4)
SHARES = (0.45, 0.35, 0.1, 0.1)
# More than a session can show, so that something is always left.
POOL = 128
FRESH_DAYS = 3
REFRESH = 8 * HOUR
RECENT = 10
SEGMENTS = AGE_BANDS * COUNTRIES
SMOOTHING_SECONDS = 30.0


class LoggingPolicy:
    """Draws slates from what trends, related videos, new uploads and all videos.

    Each slot first draws its source. *Trending* (45 %) draws among the 128 videos with most watch
    time in the viewer's segment (age band and country) and, less, among everybody, decayed, by that
    time to the power of `sharpness`. *Related* (35 %) draws any live video of the topic of one of
    the ten videos that the viewer started last. *Fresh* (10 %) draws among the uploads of the last
    three days, *random* (10 %) among all live videos. Where a source draws what the session was
    shown already, or has nothing, the slot is given to trending.

    Parameters
    ----------
    seed : int
        Of the draws.
    half_life : float
        Days after which a view counts half.
    sharpness : float
    candidates : int
        How many candidates are recorded per request.

    Notes
    -----
    `propensity` is exact: the probability of this video in this slot, given the slots above. A draw
    depends on seed and request alone, so that twin worlds share it.
    """

    def __init__(
        self, seed: int, *, half_life: float = 3.0, sharpness: float = 0.7, candidates: int = 24
    ) -> None:
        self.seed = seed
        self.half_life = half_life
        self.sharpness = sharpness
        self.candidates = candidates
        self.topic = np.zeros(0, np.int16)
        self.weight = np.zeros((SEGMENTS, 0), np.float32)
        self.pool = np.zeros((SEGMENTS, 0), np.int32)
        # Where in the pool of a segment each video is; past its end where it is not.
        self.place = np.zeros((SEGMENTS, 0), np.int16)
        self._uploaded = np.zeros(0)
        self._watched = np.zeros((SEGMENTS, 0))
        self._refreshed = -np.inf

    def observe(self, events: Tables) -> None:
        """Add up watch seconds by segment, and remember when videos came."""
        videos = events["videos"]
        if len(videos):
            item = videos["item_id"].to_numpy()
            self._grow(int(item.max()) + 1)
            self._uploaded[item] = videos["ts"].to_numpy()
            self.topic[item] = videos["topic"].to_numpy()
        seen = events["impressions"]
        if len(seen):
            item, width = seen["item_id"].to_numpy(), self._watched.shape[1]
            place = segments(seen["age_band"], seen["country"]) * width + item
            seconds = seen["watch_seconds"].to_numpy()
            added = np.bincount(place, seconds, self._watched.size)
            self._watched += added.reshape(self._watched.shape)

    def act(self, requests: FeedRequests) -> Slates:
        """Return slates with propensities, sources and candidates."""
        if requests.ts[0] - self._refreshed >= REFRESH:
            self._refresh(requests)
        return _Draw(self, requests).slates()

    def sources(self, requests: FeedRequests) -> dict[int, Source]:
        """Return where slots are drawn from, besides trending."""
        live, now, videos = requests.live, requests.ts[0], len(self.topic)
        recent = requests.history(RECENT)
        topic = np.where(recent == NO_ITEM, -1, self.topic[np.maximum(recent, 0)])
        return {
            RELATED: Related(topic, live, self.topic),
            FRESH: Corpus(live[self._uploaded[live] > now - FRESH_DAYS * DAY], videos),
            RANDOM: Corpus(live, videos),
        }

    def _grow(self, count: int) -> None:
        more = count - len(self.topic)
        if more > 0:
            self.topic = np.pad(self.topic, (0, more))
            self.weight = np.pad(self.weight, ((0, 0), (0, more)))
            end = self.pool.shape[1]
            self.place = np.pad(self.place, ((0, 0), (0, more)), constant_values=end)
            self._watched = np.pad(self._watched, ((0, 0), (0, more)))
            self._uploaded = np.pad(self._uploaded, (0, more), constant_values=-np.inf)

    def _refresh(self, requests: FeedRequests) -> None:
        now, live = float(requests.ts[0] // HOUR * HOUR), requests.live
        passed = REFRESH if np.isfinite(self._refreshed) else 0
        self._watched *= 0.5 ** (passed / DAY / self.half_life)
        self._refreshed = now
        everybody = self._watched.sum(axis=0)[live] / SEGMENTS
        wanted = self._watched[:, live] + everybody + SMOOTHING_SECONDS
        tie = 1e-6 * hashed_uniform(self.seed, "logging-tie", np.arange(wanted.size) + int(now))
        order = np.argsort(-(wanted + tie.reshape(wanted.shape)), axis=1)[:, :POOL]
        self.pool = live[order]
        self.weight[:] = 0
        chosen = np.take_along_axis(wanted, order, axis=1) ** self.sharpness
        np.put_along_axis(self.weight, self.pool, chosen.astype(np.float32), axis=1)
        self.place[:] = self.pool.shape[1]
        np.put_along_axis(self.place, self.pool, np.arange(self.pool.shape[1])[None], axis=1)


class _Draw:
    """The slates of one call: every source draws for all slots at once, then slots are settled."""

    def __init__(self, policy: LoggingPolicy, requests: FeedRequests) -> None:
        self.policy = policy
        self.requests = requests
        self.segment = segments(requests.context["age_band"], requests.context["country"])
        # What was removed since the refresh is still in the pool.
        self.is_live = np.zeros(len(policy.topic), bool)
        self.is_live[requests.live] = True
        pool = policy.pool[self.segment]
        weights = np.where(self._taken(pool), 0, policy.weight[self.segment[:, None], pool])
        self.left = weights.sum(axis=1)
        self.order = self._order(pool, weights)
        self.sources = policy.sources(requests)

    def slates(self) -> Slates:
        """Return the slates, settled from the top down."""
        drawn, source = self._drawn()
        items = np.zeros(drawn.shape, np.int32)
        free = np.ones(self.order.shape, bool)
        rows, slots = np.arange(len(items)), items.shape[1]
        for slot in range(slots):
            item = drawn[:, slot]
            none = (item == NO_ITEM) | (items[:, :slot] == item[:, None]).any(axis=1)
            items[:, slot] = np.where(none, self.order[rows, free.argmax(axis=1)], item)
            source[none, slot] = TRENDING
            free &= self.order != items[:, slot, None]
        rest = np.argsort(~free, axis=1, kind="stable")[:, : self.policy.candidates - slots]
        others = np.take_along_axis(self.order, rest, axis=1)
        found = np.concatenate([source, np.full(others.shape, TRENDING, np.int8)], axis=1)
        considered = np.concatenate([items, others], axis=1)
        return Slates(items, self._propensity(items), source, considered, found)

    def _taken(self, pool: np.ndarray) -> np.ndarray:
        """Return which videos of each viewer's pool cannot be drawn, shape of `pool`."""
        taken = np.zeros((len(pool), pool.shape[1] + 1), bool)
        place = self.policy.place[self.segment[:, None], self.requests.shown]
        np.put_along_axis(taken, place.astype(np.intp), True, axis=1)
        return taken[:, :-1] | ~self.is_live[pool]

    def _order(self, pool: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """Return trending videos in the order of a draw by weight without replacement."""
        keys = self.requests.request_id[:, None] * POOL + np.arange(pool.shape[1])
        uniform = hashed_uniform(self.policy.seed, "logging-order", keys.ravel())
        # An exponential race: the smallest of exponential / weight is a draw by weight.
        with np.errstate(divide="ignore", invalid="ignore"):
            race = -np.log(uniform.astype(np.float32)).reshape(pool.shape) / weights
        width = self.policy.candidates + 1
        first = np.argpartition(race, width, axis=1)[:, :width]
        inner = np.argsort(np.take_along_axis(race, first, axis=1), axis=1)
        return np.take_along_axis(pool, np.take_along_axis(first, inner, axis=1), axis=1)

    def _chances(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the source of each slot, and a uniform number to draw from it, (n, slots) each."""
        slots = np.arange(self.requests.slots)
        key = self.requests.request_id[:, None] * MOST_STEPS + slots
        draw, place = (
            hashed_uniform(self.policy.seed, f"logging-{name}", key.ravel()).reshape(key.shape)
            for name in ("source", "place")
        )
        return (draw[:, :, None] >= np.cumsum(SHARES)[:-1]).sum(axis=2, dtype=np.int8), place

    def _drawn(self) -> tuple[np.ndarray, np.ndarray]:
        """Return what the source of each slot draws, -1 for nothing new, and that source."""
        code, place = self._chances()
        drawn = np.full(code.shape, NO_ITEM)
        for number, source in self.sources.items():
            at = np.nonzero(code == number)
            drawn[at] = source.draw(at[0], place[at])
        seen = (drawn[:, :, None] == self.requests.shown[:, None, :]).any(axis=2)
        return np.where(seen, NO_ITEM, drawn), code

    def _propensity(self, items: np.ndarray) -> np.ndarray:
        """Return the probability of each video in its slot, given those above, (n, slots)."""
        weight = self.policy.weight[self.segment[:, None], items]
        weight = np.where(self.is_live[items], weight, 0)
        above = np.concatenate([self.left[:, None], weight[:, :-1]], axis=1)
        trending = weight / np.maximum(np.subtract.accumulate(above, axis=1), 1e-12)
        propensity = SHARES[TRENDING] * trending
        for code, source in self.sources.items():
            own = source.mass(items)
            seen = source.nothing(len(items)) + source.mass(self.requests.shown).sum(axis=1)
            in_vain = np.concatenate([seen[:, None], own[:, :-1]], axis=1).cumsum(axis=1)
            propensity += SHARES[code] * (own + in_vain * trending)
        return propensity


def segments(age_band: np.ndarray, country: np.ndarray) -> np.ndarray:
    """Return the segment of each viewer, 0 to 19: age band by country.

    Examples
    --------
    >>> segments(np.array([1]), np.array([2])).tolist()
    [6]
    """
    return np.asarray(age_band).astype(np.intp) * COUNTRIES + np.asarray(country)

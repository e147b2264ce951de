"""A policy that knows what viewers like: how far any policy could get."""

from __future__ import annotations

import numpy as np

from mlsd.worlds.kit.slates import Slates
from mlsd.worlds.logs import Tables
from mlsd.worlds.video.behaviour import Behaviour
from mlsd.worlds.video.config import VideoConfig
from mlsd.worlds.video.population import Population
from mlsd.worlds.video.slates import FeedRequests
from mlsd.worlds.video.sources import contains
from mlsd.worlds.video.state import FeedState

KEPT = 150


class TasteOracle:
    """Shows what is expected to please most, knowing tastes, videos and how viewers behave.

    A video's score is the probability of a click times what the view adds to the viewer's mood.
    Slots are filled from the top, each knowing what sameness with those above costs, and satiation
    with what the session has shown so far.

    Parameters
    ----------
    population : Population
    config : VideoConfig

    Notes
    -----
    It does not know the noise of single views, nor how far tastes were shifted by earlier views.
    Greedy from slate to slate: a policy that plans ahead could do a little better.
    """

    def __init__(self, population: Population, config: VideoConfig) -> None:
        self.behaviour = Behaviour(population, config)
        self.config = config
        self._blank = FeedState.fresh(population, config, ())

    def observe(self, events: Tables) -> None:
        """Learn nothing: it knows."""

    def act(self, requests: FeedRequests) -> Slates:
        """Return the slates of highest expected value, slot by slot."""
        user = np.asarray(requests.context["user_id"], np.intp)
        pool, match = self._pool(requests, user)
        gone = contains(requests.shown, pool) | ~np.isin(pool, requests.live)
        watched = contains(requests.history(64), pool)
        match = match - np.float32(self.config.repeat_loss) * watched
        match -= self._satiation(requests, pool)
        items = np.zeros((len(requests), requests.slots), np.int32)
        rows = np.arange(len(requests))
        videos = self.behaviour.population.videos
        for slot in range(requests.slots):
            reaction = self.behaviour.reaction(user, pool, match, None)
            above = reaction.satisfaction - np.float32(self.config.satisfied_at)
            value = np.where(gone, -np.inf, reaction.attraction * above)
            best = value.argmax(axis=1)
            items[:, slot] = pool[rows, best]
            gone[rows, best] = True
            for codes in (videos.topic, videos.creator):
                alike = codes[pool] == codes[items[:, slot]][:, None]
                match = match - np.float32(self.config.sameness) * alike
        return Slates(items)

    def scores(self, user: np.ndarray, items: np.ndarray, ts: float) -> np.ndarray:
        """Return the expected value of each video for each user at a time, (users, items)."""
        pairs = np.broadcast_to(items, (len(user), len(items)))
        device = self.behaviour.population.users.device[user]
        times = np.full(len(user), ts)
        match = self.behaviour.standing_match(self._blank, user, device, pairs, times)
        reaction = self.behaviour.reaction(user, pairs, match, None)
        above = reaction.satisfaction - np.float32(self.config.satisfied_at)
        return reaction.attraction * above

    def _pool(self, requests: FeedRequests, user: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return each user's best videos of the hour, and their match without the session."""
        ts = float(requests.ts.min())
        pool = np.zeros((len(user), KEPT), np.int32)
        for start in range(0, len(user), 256):
            rows = slice(start, start + 256)
            score = self.scores(user[rows], requests.live, ts)
            best = np.argpartition(-score, KEPT, axis=1)[:, :KEPT]
            pool[rows] = requests.live[best]
        device, times = requests.context["device"], requests.ts
        return pool, self.behaviour.standing_match(self._blank, user, device, pool, times)

    def _satiation(self, requests: FeedRequests, pool: np.ndarray) -> np.ndarray:
        """Return the expected loss by what the session has shown: started or not, it cannot see."""
        topic = self.behaviour.population.videos.topic
        started = np.zeros((len(requests), self.config.topics), np.float32)
        recent = requests.history(12)
        for column in requests.shown.T:
            hit = (recent == column[:, None]).any(axis=1)
            started[np.flatnonzero(hit), topic[column[hit]]] += 1
        seen = np.take_along_axis(started, topic[pool].astype(np.intp), axis=1)
        return np.float32(self.config.satiation) * np.log1p(seen)

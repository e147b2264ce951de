"""A slate meets its viewer: what is looked at, started, watched, liked, and refused."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.special import ndtri

from mlsd.worlds.kit.draws import sigmoid
from mlsd.worlds.kit.slates import Slates
from mlsd.worlds.video.behaviour import AUTOPLAY_SD, AUTOPLAY_SECONDS, Behaviour, Reaction
from mlsd.worlds.video.config import MOST_STEPS
from mlsd.worlds.video.records import UNWANTED_SATISFACTION, StepRecord, item_keys
from mlsd.worlds.video.setup import Setup
from mlsd.worlds.video.state import Batch, FeedState

LEAST_GAP, MEAN_GAP = 2.0, 6.0


class Viewing:
    """Lets viewers look at slates.

    Parameters
    ----------
    setup : Setup
    """

    def __init__(self, setup: Setup) -> None:
        self.setup = setup
        self.behaviour = Behaviour(setup.population, setup.config)

    def meet(
        self, state: FeedState, batch: Batch, slates: Slates, proof: np.ndarray | None
    ) -> StepRecord:
        """Let the viewers of a batch look at their slates, and say what comes of it."""
        config, setup, items = self.setup.config, self.setup, slates.items
        reaction = self.behaviour.react(state, batch, items, proof)
        request = batch.request_id
        depth = setup.luck_of("depth", request)[:, None]
        examined = depth < self.behaviour.examination
        keys = item_keys(request[:, None], items)
        clicked = examined & (_of(setup, "click", keys) < reaction.attraction)
        autoplay = np.zeros_like(clicked)
        starts = setup.luck_of("autoplay", request) < config.autoplay_rate
        autoplay[:, 0] = examined[:, 0] & ~clicked[:, 0] & starts
        seconds, completed = self._watch(items, reaction.enjoyment, keys, clicked, autoplay)
        liking = sigmoid(np.float32(config.like_logit) + config.like_gain * reaction.enjoyment)
        liked = _where(clicked, lambda at: _of(setup, "like", keys[at]) < liking[at])
        ignored = examined & ~clicked & ~autoplay
        hiding = self.behaviour.hide_probability(reaction.click_logit)
        hidden = _where(ignored, lambda at: _of(setup, "hide", keys[at]) < hiding[at])
        spent = seconds.sum(axis=1)
        gap = LEAST_GAP - MEAN_GAP * np.log(setup.luck_of("gap", request))
        batch.mood += self._mood(reaction, clicked, autoplay)
        batch.seconds -= spent + gap.astype(np.float32)
        last = batch.step == MOST_STEPS - 1
        return StepRecord(
            batch=batch,
            slates=slates.filled(),
            reaction=reaction,
            examined=examined,
            clicked=clicked,
            autoplay=autoplay,
            seconds=seconds,
            completed=completed,
            liked=liked,
            hidden=hidden,
            done_at=batch.ts + spent + gap,
            ends=(batch.mood < 0) | (batch.seconds <= 0) | last,
        )

    def _watch(
        self,
        items: np.ndarray,
        enjoyment: np.ndarray,
        keys: np.ndarray,
        clicked: np.ndarray,
        autoplay: np.ndarray,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return watch seconds and whether a video was watched to its end, shape (n, slots)."""
        seconds = np.zeros(items.shape, np.float32)
        completed = np.zeros(items.shape, bool)
        at = np.nonzero(clicked | autoplay)
        z = ndtri(_of(self.setup, "watch", keys[at])).astype(np.float32)
        wanted = self.behaviour.watch_seconds(items[at], enjoyment[at], z)
        unwanted = np.float32(AUTOPLAY_SECONDS) * np.exp(np.float32(AUTOPLAY_SD) * z)
        length = self.setup.population.videos.duration[items[at]]
        time = np.where(clicked[at], wanted, unwanted)
        seconds[at] = np.minimum(time, length)
        completed[at] = time >= length
        return seconds, completed

    def _mood(self, reaction: Reaction, clicked: np.ndarray, autoplay: np.ndarray) -> np.ndarray:
        """Return what a slate adds to the mood of its viewers, shape (n,)."""
        config = self.setup.config
        above = reaction.satisfaction - np.float32(config.satisfied_at)
        gained = np.where(clicked, above, 0).sum(axis=1)
        annoyed = (UNWANTED_SATISFACTION - np.float32(config.satisfied_at)) * autoplay.sum(axis=1)
        return np.float32(config.mood_gain) * (gained + annoyed) - np.float32(config.slate_cost)


def _of(setup: Setup, event: str, keys: np.ndarray) -> np.ndarray:
    return setup.luck_of(event, keys.ravel()).reshape(keys.shape)


def _where(mask: np.ndarray, happens: Callable[[tuple], np.ndarray]) -> np.ndarray:
    """Return a mask of what happens, asked only where it can."""
    result = np.zeros(mask.shape, bool)
    at = np.nonzero(mask)
    result[at] = happens(at)
    return result

"""How viewers really behave: the hidden truth of the video world.

A viewer scans a slate from the top and looks at the next slot with a constant probability (position
examination). How well a video *matches* is the viewer's taste for its topics (turning slowly,
shifted by what was watched) and for its style, less its age where the topic is news, plus how its
length fits the device, less satiation with the topic in this session, less sameness with the videos
above it, less having watched it before. An examined video is clicked by match, general appeal and
thumbnail; it is *enjoyed* by match and quality, less what the thumbnail promised too much. Watch
time grows with enjoyment and length and is cut off by the length. Satisfaction is a sigmoid of
enjoyment: it decides likes, the mood in which a session goes on, and whether a viewer returns.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mlsd.runtime.times import DAY
from mlsd.worlds.kit.draws import sigmoid
from mlsd.worlds.video.config import VideoConfig
from mlsd.worlds.video.population import PHONE, TELEVISION, Population
from mlsd.worlds.video.state import Batch, FeedState

MATCH_IN_ENJOYMENT, APPEAL_IN_ENJOYMENT, QUALITY_IN_CLICKS = 0.7, 0.3, 0.3
AUTOPLAY_SECONDS, AUTOPLAY_SD = 5.0, 0.6


@dataclass(frozen=True)
class Reaction:
    """What the videos of some slates are to their viewers; shape (n, slots) each.

    `match` includes satiation, sameness and repetition.
    """

    match: np.ndarray
    click_logit: np.ndarray
    enjoyment: np.ndarray

    @property
    def attraction(self) -> np.ndarray:
        """Probability of a click given examination."""
        return sigmoid(self.click_logit)

    @property
    def satisfaction(self) -> np.ndarray:
        """Satisfaction of a view, 0 to 1."""
        return sigmoid(self.enjoyment)


class Behaviour:
    """The true probabilities of one world.

    Parameters
    ----------
    population : Population
    config : VideoConfig
    """

    def __init__(self, population: Population, config: VideoConfig) -> None:
        self.population = population
        self.config = config
        self.examination = np.float32(config.examination) ** np.arange(config.slots)
        log_length = np.log(population.videos.duration / np.float32(config.duration_median))
        self.log_length = log_length.astype(np.float32)
        fit = np.zeros(3, np.float32)
        fit[PHONE], fit[TELEVISION] = -config.device_duration, config.device_duration
        self._length_fit = fit
        self._style = population.videos.style * np.float32(
            config.style_sd / np.sqrt(config.style_dim)
        )
        clicks = population.videos.appeal + population.videos.thumbnail
        self._click_effect = clicks + np.float32(QUALITY_IN_CLICKS) * population.videos.quality
        self._enjoyment_effect = (
            population.videos.quality
            + np.float32(APPEAL_IN_ENJOYMENT) * population.videos.appeal
            - np.float32(config.disappointment) * population.videos.thumbnail
        )

    def react(
        self, state: FeedState, batch: Batch, items: np.ndarray, proof: np.ndarray | None
    ) -> Reaction:
        """Return how the viewers of a batch react to their slates, shape (n, slots).

        Parameters
        ----------
        state : FeedState
        batch : Batch
        items : ndarray of int, shape (n, slots)
        proof : ndarray, shape (videos,), or None
            What the number of views adds to the click logit.
        """
        match = self.standing_match(state, batch.user, batch.device, items, batch.ts)
        match -= self._satiation(batch, items)
        match -= np.float32(self.config.sameness) * self._sameness(items)
        match -= np.float32(self.config.repeat_loss) * self._watched(state, batch.user, items)
        return self.reaction(batch.user, items, match, proof)

    def reaction(
        self, user: np.ndarray, items: np.ndarray, match: np.ndarray, proof: np.ndarray | None
    ) -> Reaction:
        """Return clicks and enjoyment of a given match, shape (n, k)."""
        logit = match + self._click_effect[items] + self.population.users.bias[user][:, None]
        logit += np.float32(self.config.base_logit)
        if proof is not None:
            logit += proof[items]
        enjoyment = np.float32(MATCH_IN_ENJOYMENT) * match + self._enjoyment_effect[items]
        return Reaction(match, logit, enjoyment)

    def standing_match(
        self,
        state: FeedState,
        user: np.ndarray,
        device: np.ndarray,
        items: np.ndarray,
        ts: np.ndarray,
    ) -> np.ndarray:
        """Return the match without what the session has shown, shape (n, k)."""
        videos = self.population.videos
        topic, share = videos.topic[items], videos.second_share[items]
        match = (1 - share) * self._taste(state, user, topic, ts)
        match += share * self._taste(state, user, videos.second[items], ts)
        style = self.population.users.style[user]
        match += np.einsum("nd,nkd->nk", style, self._style[items])
        age = (ts[:, None] - videos.uploaded_at[items]).astype(np.float32) / np.float32(DAY)
        match -= self.population.news_decay[topic] * np.log1p(np.maximum(age, 0))
        match += self._length_fit[device][:, None] * self.log_length[items]
        return match.astype(np.float32, copy=False)

    def _taste(
        self, state: FeedState, user: np.ndarray, topic: np.ndarray, ts: np.ndarray
    ) -> np.ndarray:
        users = self.population.users
        place = user[:, None] * self.config.topics + topic
        angle = (self.config.drift_per_day * ts / DAY).astype(np.float32)[:, None]
        turned = np.cos(angle) * np.take(users.taste, place)
        turned += np.sin(angle) * np.take(users.taste_later, place)
        return turned + np.take(state.shift, place)

    def _satiation(self, batch: Batch, items: np.ndarray) -> np.ndarray:
        topic = self.population.videos.topic[items]
        seen = np.take_along_axis(batch.satiation, topic.astype(np.intp), axis=1)
        return np.float32(self.config.satiation) * np.log1p(seen)

    def _sameness(self, items: np.ndarray) -> np.ndarray:
        """Return how many videos above share the topic, plus how many share the creator."""
        videos, slots = self.population.videos, items.shape[1]
        above = np.tri(slots, k=-1, dtype=bool)
        alike = np.zeros(items.shape, np.float32)
        for codes in (videos.topic[items], videos.creator[items]):
            same = (codes[:, :, None] == codes[:, None, :]) & above
            alike += same.sum(axis=2, dtype=np.float32)
        return alike

    def _watched(self, state: FeedState, user: np.ndarray, items: np.ndarray) -> np.ndarray:
        recent = state.recent[user]
        return (items[:, :, None] == recent[:, None, :]).any(axis=2)

    def watch_seconds(self, items: np.ndarray, enjoyment: np.ndarray, z: np.ndarray) -> np.ndarray:
        """Return the time that views would take if videos had no end, given normal numbers `z`."""
        config = self.config
        median = config.watch_share * config.duration_median
        log_time = np.float32(config.duration_elasticity) * self.log_length[items]
        log_time += np.float32(config.watch_gain) * enjoyment + np.float32(config.watch_sd) * z
        return np.float32(median) * np.exp(log_time)

    def hide_probability(self, click_logit: np.ndarray) -> np.ndarray:
        """Return the probability of "not interested" for an examined, unclicked video."""
        return np.float32(self.config.hide_rate) * sigmoid(
            np.float32(self.config.base_logit) - click_logit
        )

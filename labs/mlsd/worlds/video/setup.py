"""What stays the same while a feed runs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from mlsd.worlds.kit.luck import hashed_uniform
from mlsd.worlds.video.config import VideoConfig
from mlsd.worlds.video.population import Population


@dataclass(frozen=True)
class Setup:
    """A world and the rules of one run of its feed.

    Attributes
    ----------
    config : VideoConfig
    population : Population
    seed : int
        Of the world.
    luck : str
        Name of the luck of visits, clicks and what follows: twin worlds share one.
    records_candidates : bool
        Whether what a policy considered is recorded beside what it showed.
    """

    config: VideoConfig
    population: Population
    seed: int
    luck: str = "nature"
    records_candidates: bool = False

    def of_test(self) -> Self:
        """Return the set-up of an A/B test, which has luck of its own."""
        return replace(self, luck="test")

    def luck_of(self, event: str, key: np.ndarray) -> np.ndarray:
        """Return one uniform number in (0, 1) per key, those of an event being its own."""
        return hashed_uniform(self.seed, f"{self.luck}-{event}", key)

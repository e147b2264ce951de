"""The video world: history, deployment, test and truth behind one door each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from mlsd.worlds.kit.assignment import Assignment
from mlsd.worlds.kit.exposure import ExposureTally
from mlsd.worlds.kit.records import day_end
from mlsd.worlds.kit.simulated import SimulatedWorld
from mlsd.worlds.kit.simulator import Step
from mlsd.worlds.logs import LazyMapping, Tables
from mlsd.worlds.video.behaviour import Behaviour
from mlsd.worlds.video.config import VideoConfig
from mlsd.worlds.video.feed import Feed
from mlsd.worlds.video.logging_policy import LoggingPolicy
from mlsd.worlds.video.logs import VideoLogs, entity_tables
from mlsd.worlds.video.measures import MEASURES
from mlsd.worlds.video.oracle import TasteOracle
from mlsd.worlds.video.population import make_population
from mlsd.worlds.video.records import LOGGED_TABLES, OBSERVED_TABLES
from mlsd.worlds.video.setup import Setup
from mlsd.worlds.video.state import FeedState
from mlsd.worlds.video.truth import Truth


class VideoWorld(SimulatedWorld[VideoLogs]):
    """Viewers, creators and a home feed of slates; the truth stays inside.

    Parameters
    ----------
    seed : int
        Non-negative; the world, its luck and its history depend on it alone.
    size : str
        ``"default"`` (a million impressions in 14 days), ``"large"`` or ``"small"``.
    config : VideoConfig or None
        None for the default parameters.

    Notes
    -----
    Every method is pure: the order of calls changes nothing. Policies are deep-copied before they
    are deployed, so the caller's objects stay as they were. An A/B test counts what is known by its
    end, so that return after 28 days is missing in one of a week; a deployment counts everything.

    Examples
    --------
    >>> world = VideoWorld(seed=7, size="small")
    >>> logs = world.history(days=1)
    >>> bool(0.05 < logs.impressions["click"].mean() < 0.3)
    True
    """

    measures = MEASURES
    tables = LOGGED_TABLES

    def __init__(
        self, seed: int = 7, size: str = "default", config: VideoConfig | None = None
    ) -> None:
        self.size = size
        self.config = (config or VideoConfig()).scaled(size)
        super().__init__(seed, horizon_days=self.config.horizon_days)
        self._population = make_population(self.config, seed)

    def oracle(self) -> TasteOracle:
        """Return the policy that knows what viewers like: how far any policy could get."""
        return TasteOracle(self._population, self.config)

    def _start(self) -> Feed:
        setup = replace(self._setup(), records_candidates=True)
        return Feed(setup, FeedState.fresh(self._population, self.config, OBSERVED_TABLES))

    def _resume(self, state: FeedState, design: str | None) -> Feed:
        setup = self._setup() if design is None else self._setup().of_test()
        return Feed(setup, state.continued())

    def _first_policy(self) -> LoggingPolicy:
        return LoggingPolicy(self.seed, candidates=self.config.candidates)

    def _count_users(self) -> int:
        return len(self._population.users.activity)

    def _new_truth(self) -> Truth:
        return Truth(Behaviour(self._population, self.config))

    def _make_logs(self, events: Tables, until: float) -> VideoLogs:
        entities = entity_tables(self._population, until)
        makers = {name: lambda name=name: events[name] for name in events}
        return VideoLogs(LazyMapping(entities | makers), until=until)

    def _new_tally(self, units: int, span: range) -> ExposureTally:
        videos = self._population.videos
        end = day_end(span[-1])
        available = (videos.uploaded_at < end) & (videos.removed_at > day_end(span[0] - 1))
        return ExposureTally(
            units, self.measures, owner=videos.creator, available=available, span=span
        )

    def _tally(
        self, step: Step, tallies: Sequence[ExposureTally], split: Assignment, until: float
    ) -> None:
        super()._tally(step, tallies, split, until)
        for record in step.records:
            user, items = record.batch.user, record.slates.items
            arms = np.zeros(len(user), int)
            if len(tallies) > 1:
                arms = split.arms(user, record.batch.began)
            for arm, tally in enumerate(tallies):
                shown = items[arms == arm]
                tally.add_exposures(np.repeat(user[arms == arm], shown.shape[1]), shown.ravel())

    def _setup(self) -> Setup:
        return Setup(self.config, self._population, self.seed)

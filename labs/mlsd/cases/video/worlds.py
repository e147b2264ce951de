"""The worlds of the video ladder: their logs, their truth, and how a rung is deployed."""

from __future__ import annotations

import numpy as np
import pandas as pd

from mlsd.cases.worlds import CaseWorlds
from mlsd.experiments.interactions import PreparedInteractions
from mlsd.experiments.runs import FittedRung
from mlsd.experiments.sources import Replicate
from mlsd.models.corpus import Corpus
from mlsd.models.recommenders.lists import ListRecommender
from mlsd.policies.video import RecommenderPolicy
from mlsd.worlds.base import HISTORY_DAYS
from mlsd.worlds.video import VideoConfig, VideoWorld
from mlsd.worlds.video.logs import VideoLogs
from mlsd.worlds.video.oracle import TasteOracle


def replicate_of(
    world: VideoWorld, history_days: int = HISTORY_DAYS, logs: VideoLogs | None = None
) -> Replicate:
    """Return what rungs are fitted to and judged by in a world; `logs`, where made already."""
    logs = world.history(days=history_days) if logs is None else logs
    log = logs.labelled()
    return Replicate(
        world.seed,
        log,
        truth=TrueTaste(world, logs.until, log.frame.iloc[log.split.train]),
        world=world,
        tables={
            "users": logs.users.drop(columns="ts"),
            "items": logs.videos.drop(columns=["ts", "removed_at"]),
        },
        history_days=history_days,
    )


class TrueTaste(ListRecommender):
    """A recommender that knows what each viewer would enjoy most, whatever was ever shown.

    Parameters
    ----------
    world : VideoWorld
    moment : float
        When viewers are asked, seconds since the origin.
    shown : DataFrame
        Impressions with `watched`: what was watched is not recommended again.
    """

    def __init__(self, world: VideoWorld, moment: float, shown: pd.DataFrame) -> None:
        self._oracle = world.oracle()
        self._moment = moment
        self._corpus = Corpus(shown[shown["watched"] == 1])

    def _score_pool(
        self, users: np.ndarray, pool: np.ndarray, histories: np.ndarray | None
    ) -> np.ndarray:
        return self._oracle.scores(users, pool, self._moment)

    def score(self, user_ids: np.ndarray, item_ids: np.ndarray) -> np.ndarray:
        """Return the expected value of each pair, shape (n,)."""
        return self._oracle.scores(np.asarray(user_ids), item_ids[:, None], self._moment)[:, 0]


def policy_of(fitted: FittedRung, prepared: PreparedInteractions) -> RecommenderPolicy:
    """Return the policy that serves a fitted rung."""
    return RecommenderPolicy(fitted.model, at_request=fitted.rung.uses_histories)


def oracle_policy(prepared: PreparedInteractions) -> TasteOracle:
    """Return the policy that knows what viewers like, at the moment of each request."""
    return prepared.replicate.world.oracle()


WORLDS = CaseWorlds("video_world", VideoWorld, VideoConfig, replicate_of)

"""The ranking stage: sources and a ranker fitted on one history, in the order of its days."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from mlsd import models
from mlsd.data.log import LabelledLog, Split
from mlsd.models.base import Ranker, Recommender
from mlsd.policies.video import FeedFeatures, RankingPolicy
from mlsd.policies.video.features import CATEGORICAL, POSITION
from mlsd.policies.video.ranking import Arrange
from mlsd.retrieval import CandidateUnion
from mlsd.runtime.times import DAY
from mlsd.worlds.video import VideoWorld
from mlsd.worlds.video.logs import VideoLogs

# Days of the history from whose midnight on each part begins; sources learn from those before.
TRAIN_FROM, VALIDATION_FROM, TEST_FROM, HISTORY_DAYS = 11, 12, 13, 14
OUTCOMES = ("click", "watched", "like", "completed", "not_interested", "watch_seconds")
CANDIDATES, PER_SOURCE = 40, 100

Sources = Mapping[str, Recommender]


def default_sources() -> dict[str, Recommender]:
    """Return unfitted sources: what is popular now, item vectors, and item-to-item weights."""
    return {
        "popular": models.PopularityRecommender(half_life=4.0 * DAY),
        "ials": models.ImplicitALSRecommender(unobserved=0.1, l2=0.03),
        "ease": models.EASERecommender(l2=300.0),
    }


@dataclass(frozen=True)
class RankingStage:
    """A world's history as a ranker meets it: fitted sources, features, and outcomes by part.

    Attributes
    ----------
    world : VideoWorld
    logs : VideoLogs
    log : LabelledLog
        All impressions, label `watched`; its training part are the days before validation.
    features : FeedFeatures
        Its sources are fitted on the days before those that the ranker learns from.
    table : DataFrame
        Impressions of those later days: ids, features, `OUTCOMES`.
    part : ndarray of str, shape (rows of the table,)
        ``"train"``, ``"validation"`` or ``"test"``.
    """

    world: VideoWorld
    logs: VideoLogs
    log: LabelledLog
    features: FeedFeatures
    table: pd.DataFrame
    part: np.ndarray

    @property
    def columns(self) -> dict[str, tuple[str, ...]]:
        """Keyword arguments that name a ranker's inputs, the slot among them."""
        return {"categorical": (*CATEGORICAL, POSITION), "numeric": self.features.numeric}

    def rows(self, part: str) -> pd.DataFrame:
        """Return the rows of a part."""
        return self.table[self.part == part]

    def fit(self, ranker: Ranker, outcome: str | list[str] = "click") -> Ranker:
        """Fit a ranker on the training part, on the named outcome or outcomes, and return it."""
        train = self.rows("train")
        return ranker.fit(train, train[outcome].to_numpy(), train["request_id"].to_numpy())

    def refitted(self) -> RankingStage:
        """Return the stage with its sources fitted once more, on the whole history, as for serving.

        The table keeps the scores of the first fit, which a ranker learns from: those of the second
        have seen its labels. A feed asks the newer sources, and so does whoever compares with one.
        """
        frame = self.log.frame
        features = _fitted_on(frame[frame["watched"] == 1], copy.deepcopy(self.features.sources))
        return replace(self, features=features)

    def policy(
        self,
        ranker: Ranker,
        *,
        candidates: int = CANDIDATES,
        per_source: int = PER_SOURCE,
        arrange: Arrange | None = None,
    ) -> RankingPolicy:
        """Return the policy that serves a fitted ranker from the end of the history on."""
        union = CandidateUnion(self.features.sources, per_source=per_source)
        serving = self.features.serving(self.logs, self.log)
        return RankingPolicy(union, serving, ranker, candidates=candidates, arrange=arrange)


def ranking_stage(
    world: VideoWorld, make_sources: Callable[[], Sources] = default_sources
) -> RankingStage:
    """Return the ranking stage of a world's fourteen days of history.

    Sources learn from what was watched on the first eleven days; the ranker from the next one, with
    the sources' scores among its features; a day for validation and a day for the test follow. A
    source that had seen the ranker's day would have learned its labels.
    """
    logs = world.history(days=HISTORY_DAYS)
    log = _dated(logs)
    day = (log.frame["ts"] // DAY).to_numpy(int)
    old = log.frame[(day < TRAIN_FROM) & (log.frame["watched"] == 1)]
    features = _fitted_on(old, make_sources())
    rows = np.flatnonzero(day >= TRAIN_FROM)
    ids = log.frame[["request_id", "user_id", "item_id", *OUTCOMES]].iloc[rows]
    table = pd.concat([ids.reset_index(drop=True), features.compute(logs, log, rows)], axis=1)
    names = np.array(["train", "validation", "test"])
    part = names[np.digitize(day[rows], [VALIDATION_FROM, TEST_FROM])]
    return RankingStage(world, logs, log, features, table, part)


def _fitted_on(watched: pd.DataFrame, sources: Sources) -> FeedFeatures:
    """Return the features with their sources fitted on what was watched."""
    rows = watched[["user_id", "item_id", "ts"]]
    fitted = {name: source.fit(rows) for name, source in sources.items()}
    return FeedFeatures(fitted, known_users=watched["user_id"].to_numpy())


def _dated(logs: VideoLogs) -> LabelledLog:
    """Return the labelled log, split at the midnights of the ranking stage."""
    log = logs.labelled()
    ends = np.searchsorted(log.frame["ts"], [VALIDATION_FROM * DAY, TEST_FROM * DAY])
    rows = np.split(np.arange(len(log.frame)), ends)
    return LabelledLog(log.name, log.frame, log.roles, Split(*rows, "by day"))

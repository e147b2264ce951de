"""An engine of a scorer and its features, and the service around it."""

from __future__ import annotations

import time

import numpy as np

from mlsd.models.base import Scorer
from mlsd.serving.engine import StageClock
from mlsd.serving.limits import ServiceLimits
from mlsd.serving.requests import RankRequest
from mlsd.serving.service import Service
from mlsd.serving.tables import CandidateFeatures


class ScorerEngine:
    """Ranks a request's candidates by bid times click probability.

    Parameters
    ----------
    features : CandidateFeatures
    scorer : Scorer
        Asked for all candidates of a request at once.
    fallback : Scorer
        Reads the candidates' ids alone, and has to be quick: it runs between two requests.
    top : int
        Length of the answer.

    Examples
    --------
    >>> from mlsd.models import SmoothedRate
    >>> from mlsd.serving import FeatureTable
    >>> rate = SmoothedRate(levels=(("ad_id",),)).fit({"ad_id": [0, 1, 1]}, [0, 1, 0])
    >>> ads = FeatureTable({"category": np.zeros(3)})
    >>> engine = ScorerEngine(CandidateFeatures({"ad_id": ads}, context=()), rate, rate)
    >>> request = engine.parse(b'{"context": {}, "ad_ids": [0, 1]}')
    >>> engine.answer(request, StageClock())["ad_ids"]
    [1, 0]
    """

    stages = ("features", "score", "rank")

    def __init__(
        self, features: CandidateFeatures, scorer: Scorer, fallback: Scorer, *, top: int = 10
    ) -> None:
        self.features, self.scorer, self.top = features, scorer, top
        self._fallback = fallback
        self.version, self.created_at = "in memory", time.time()

    @property
    def cache_hits(self) -> int:
        """Look-ups that the feature cache answered."""
        return self.features.cache.hits

    @property
    def cache_misses(self) -> int:
        """Look-ups that went to the store."""
        return self.features.cache.misses

    def parse(self, body: bytes) -> RankRequest:
        """Return the request that a body holds."""
        return RankRequest.from_json(body)

    def answer(self, request: RankRequest, clock: StageClock) -> dict:
        """Look up, score, rank."""
        with clock.stage("features"):
            columns = self.features.columns(request.context, request.ad_ids)
        with clock.stage("score"):
            probability = self.scorer.predict_proba(columns)[:, 1]
        with clock.stage("rank"):
            return request.ranking(probability, self.top)

    def fallback(self, request: RankRequest) -> dict:
        """Rank by the candidates' ids alone."""
        columns = {self.features.item: request.ad_ids}
        return request.ranking(self._fallback.predict_proba(columns)[:, 1], self.top)

    def example(self, generator: np.random.Generator) -> dict:
        """Return a request with ids that the item table knows."""
        known = len(next(iter(self.features.tables[self.features.item].columns.values()))) - 1
        ids = generator.permutation(known)[:100].tolist()
        return {"context": dict.fromkeys(self.features.context, 0), "ad_ids": ids}

    def close(self) -> None:
        """Do nothing: what it holds is somebody else's."""


class RankingService(Service):
    """A service of a scorer and its features, made in memory.

    Parameters
    ----------
    features : CandidateFeatures
    scorer, fallback : Scorer
    limits : ServiceLimits

    Examples
    --------
    >>> import asyncio
    >>> from mlsd.models import SmoothedRate
    >>> from mlsd.serving import FeatureTable
    >>> rate = SmoothedRate(levels=(("ad_id",),)).fit({"ad_id": [0, 1, 1]}, [0, 1, 0])
    >>> ads = FeatureTable({"category": np.zeros(3)})
    >>> service = RankingService(CandidateFeatures({"ad_id": ads}, context=()), rate, rate)
    >>> answer = asyncio.run(service.answer(b'{"context": {}, "ad_ids": [0, 1]}'))
    >>> answer.body["ad_ids"]
    [1, 0]
    """

    def __init__(
        self,
        features: CandidateFeatures,
        scorer: Scorer,
        fallback: Scorer,
        limits: ServiceLimits | None = None,
    ) -> None:
        limits = limits or ServiceLimits()
        self.features, self.scorer = features, scorer
        super().__init__(ScorerEngine(features, scorer, fallback, top=limits.top), limits)

    def score(self, request: RankRequest) -> np.ndarray:
        """Return the model's click probability of each candidate, shape (n,)."""
        columns = self.features.columns(request.context, request.ad_ids)
        return self.scorer.predict_proba(columns)[:, 1]

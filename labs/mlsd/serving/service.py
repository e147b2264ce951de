"""The request path: admit, look up, score within a deadline, or fall back."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from mlsd.models.base import Scorer
from mlsd.runtime import InputError
from mlsd.serving.requests import RankRequest
from mlsd.serving.tables import CandidateFeatures

_OUTCOMES = ("model", "timeout", "error", "shed", "bad_request")
_LOG = logging.getLogger(__name__)


class Overloaded(RuntimeError):
    """Too many requests wait; the caller should come back after `retry_after` seconds."""

    def __init__(self, waiting: int, retry_after: int) -> None:
        super().__init__(f"{waiting} requests are waiting; try again in {retry_after} s")
        self.retry_after = retry_after


@dataclass(frozen=True)
class ServiceLimits:
    """What the service promises, and what it refuses.

    Attributes
    ----------
    timeout_seconds : float
        After which the fallback answers.
    max_waiting : int
        Requests in the system; one more is refused at once.
    workers : int
        Threads that score.
    retry_after : int
        Seconds that a refused caller is told to wait.
    top : int
        Length of the answer.
    """

    timeout_seconds: float = 0.03
    max_waiting: int = 32
    workers: int = 1
    retry_after: int = 1
    top: int = 10

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not value > 0:
                raise InputError(f"{name} is {value!r}; give a number above 0")


@dataclass(frozen=True)
class Ranking:
    """An answer: the best candidates by bid times click probability, best first.

    Attributes
    ----------
    ad_ids, click_probability : ndarray, shape (top,)
    source : str
        ``"model"``, or ``"timeout"`` or ``"error"`` where the fallback answered.
    """

    ad_ids: np.ndarray
    click_probability: np.ndarray
    source: str


class RankingService:
    """Answers requests for rankings.

    A request beyond the limit is refused before it costs anything. The others are scored in a
    worker thread; one that is late, or whose scoring fails, is answered by the fallback. A request
    that was still in the queue at its deadline is taken out of it, one that is being scored keeps
    its worker until it is done.

    Parameters
    ----------
    features : CandidateFeatures
    scorer : Scorer
        Asked for all candidates of a request at once.
    fallback : Scorer
        Reads the candidates' ids alone, and has to be quick: it runs between two requests.
    limits : ServiceLimits

    Attributes
    ----------
    counts : Counter
        Requests by outcome: model, timeout, error, shed, bad_request.
    waiting : int
        Requests in the system, scored or waiting.

    Examples
    --------
    >>> from mlsd.models import SmoothedRate
    >>> from mlsd.serving import FeatureTable
    >>> rate = SmoothedRate(levels=(("ad_id",),)).fit({"ad_id": [0, 1, 1]}, [0, 1, 0])
    >>> ads = FeatureTable({"category": np.zeros(3)})
    >>> service = RankingService(CandidateFeatures({"ad_id": ads}, context=()), rate, rate)
    >>> request = RankRequest.from_json(b'{"context": {}, "ad_ids": [0, 1]}')
    >>> asyncio.run(service.rank(request)).ad_ids
    array([1, 0])
    """

    def __init__(
        self,
        features: CandidateFeatures,
        scorer: Scorer,
        fallback: Scorer,
        limits: ServiceLimits | None = None,
    ) -> None:
        self.features, self.scorer, self.fallback = features, scorer, fallback
        self.limits = limits or ServiceLimits()
        self.counts: Counter[str] = Counter(dict.fromkeys(_OUTCOMES, 0))
        self.waiting = 0
        self._workers = ThreadPoolExecutor(self.limits.workers, thread_name_prefix="scoring")

    async def rank(self, request: RankRequest) -> Ranking:
        """Return the ranking of a request's candidates.

        Raises
        ------
        Overloaded
            If `max_waiting` requests are in the system.
        InputError
            If the request lacks something that the features need.
        """
        self.admit()
        self.waiting += 1
        try:
            probability, source = await self._within_deadline(request)
        finally:
            self.waiting -= 1
        self.counts[source] += 1
        return self._ranking(request, probability, source)

    def admit(self) -> None:
        """Count a refusal and raise `Overloaded` if the system is full."""
        if self.waiting >= self.limits.max_waiting:
            self.counts["shed"] += 1
            raise Overloaded(self.waiting, self.limits.retry_after)

    def score(self, request: RankRequest) -> np.ndarray:
        """Return the model's click probability of each candidate, shape (n,)."""
        columns = self.features.columns(request.context, request.ad_ids)
        return self.scorer.predict_proba(columns)[:, 1]

    def close(self) -> None:
        """Let the workers go."""
        self._workers.shutdown(wait=False, cancel_futures=True)

    async def _within_deadline(self, request: RankRequest) -> tuple[np.ndarray, str]:
        scoring = asyncio.get_running_loop().run_in_executor(self._workers, self.score, request)
        try:
            return await asyncio.wait_for(scoring, self.limits.timeout_seconds), "model"
        except InputError:
            raise
        except TimeoutError:
            source = "timeout"
        except Exception:
            _LOG.exception("scoring failed; the fallback answers")
            source = "error"
        return self.fallback.predict_proba({self.features.item: request.ad_ids})[:, 1], source

    def _ranking(self, request: RankRequest, probability: np.ndarray, source: str) -> Ranking:
        best = np.argsort(-request.bids * probability, kind="stable")[: self.limits.top]
        return Ranking(request.ad_ids[best], probability[best], source)

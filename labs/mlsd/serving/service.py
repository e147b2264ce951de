"""The request path: admit, compute within a deadline, or fall back."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from mlsd.runtime import InputError
from mlsd.serving.engine import Engine, StageClock
from mlsd.serving.lease import Lease
from mlsd.serving.limits import Overloaded, ServiceLimits
from mlsd.serving.logs import RateLimit
from mlsd.serving.metrics import ServiceMetrics, age_seconds
from mlsd.serving.workers import Workers

_LOG = logging.getLogger(__name__)
# Of the deadline, the share that a request may have to wait and compute by what others took.
_HEADROOM = 0.7
_FORGETTING = 0.05


@dataclass(frozen=True)
class Answer:
    """What a request got.

    Attributes
    ----------
    body : dict
        The engine's answer, ready for JSON.
    source : str
        ``"model"``, or ``"timeout"`` or ``"error"`` where the fallback answered.
    version : str
        Of the artifact that all of it comes from.
    seconds : dict of str to float
        By stage: ``queue``, the engine's, ``total``.
    """

    body: dict
    source: str
    version: str
    seconds: dict[str, float]


class Service:
    """Answers requests with an engine, which can be swapped while it runs.

    A request beyond the limits is refused before it costs anything. The others are answered in a
    worker thread; one that is late, or whose computation fails, gets the engine's fallback. A
    request that was still in the queue at its deadline is taken out of it, one that is computed
    keeps its worker until it is done.

    Parameters
    ----------
    engine : Engine, optional
        Without one the service is not ready, and refuses.
    limits : ServiceLimits

    Attributes
    ----------
    metrics : ServiceMetrics
    waiting : int
        Requests in the system, computed or waiting.
    draining : bool
        Set it to refuse what comes from now on.
    """

    def __init__(self, engine: Engine | None = None, limits: ServiceLimits | None = None) -> None:
        self.limits = limits or ServiceLimits()
        self.metrics = ServiceMetrics(self._state)
        self.waiting = 0
        self.draining = False
        self._mean_seconds = 0.0
        self._few = RateLimit()
        self._closed_caches = {"cache_hits": 0, "cache_misses": 0}
        self._lease: Lease | None = None
        self._workers = Workers(
            self.limits.workers,
            stuck_seconds=self.limits.stuck_seconds,
            max_stuck=self.limits.max_stuck,
        )
        if engine is not None:
            self._install(engine)

    @property
    def engine(self) -> Engine | None:
        """The engine that answers now."""
        return None if self._lease is None else self._lease.engine

    def why_not_ready(self) -> str | None:
        """Return why no request should be sent here; None where the service is ready."""
        if self.draining:
            return "the service is shutting down"
        if self._lease is None:
            return "no artifact is loaded yet"
        if self._workers.exhausted:
            return f"{self._workers.stuck} workers do not come back"
        return None

    def admit(self) -> None:
        """Raise `Overloaded` where a request would not be answered in time, and count it."""
        if reason := self.refusal():
            self.metrics.count("shed")
            raise Overloaded(reason, self.limits.retry_after)

    async def answer(self, body: bytes) -> Answer:
        """Return the answer to the body of a request.

        Raises
        ------
        Overloaded
            If the service takes no request now.
        InputError
            If the request is wrong.
        """
        self.admit()
        start = time.perf_counter()
        self.waiting += 1
        try:
            with self._engine() as lease:
                said, source, seconds = await self._within_deadline(lease, body)
                version = lease.engine.version
        finally:
            self.waiting -= 1
        seconds["total"] = time.perf_counter() - start
        self.metrics.count(source)
        self.metrics.observe(seconds)
        return Answer(said, source, version, seconds)

    def swap(self, engine: Engine) -> None:
        """Answer with another engine from now on; the old one is closed after its last request."""
        old = self._lease
        self._install(engine)
        if old is not None:
            self.metrics.swaps.inc()
            for name in self._closed_caches:
                self._closed_caches[name] += getattr(old.engine, name, 0)
            old.retire()

    def close(self) -> None:
        """Let workers and engine go."""
        self.draining = True
        self._workers.close()
        if self._lease is not None:
            self._lease.retire()
            self._lease = None

    def _install(self, engine: Engine) -> None:
        self._lease = Lease(engine)
        self.metrics.artifact = {"version": engine.version}

    def refusal(self) -> str | None:
        """Return why a request would be refused now; None where it would be admitted."""
        if self.draining or self._lease is None:
            return self.why_not_ready()
        if self.waiting >= self.limits.max_waiting or self._would_be_late():
            return f"{self.waiting} requests are waiting"
        return None

    def _would_be_late(self) -> bool:
        if self.waiting < self.limits.workers:
            return False
        expected = (self.waiting + 1) * self._mean_seconds / self.limits.workers
        return expected > _HEADROOM * self.limits.timeout_seconds

    @contextmanager
    def _engine(self) -> Iterator[Lease]:
        lease = self._lease
        lease.take()
        try:
            yield lease
        finally:
            lease.release()

    async def _within_deadline(
        self, lease: Lease, body: bytes
    ) -> tuple[dict, str, dict[str, float]]:
        request, clock = self._parse(lease.engine, body), StageClock()
        lease.take()
        job = self._workers.submit(self._compute, lease.engine, request, clock, time.perf_counter())
        job.add_done_callback(lease.release)
        try:
            said = await asyncio.wait_for(asyncio.wrap_future(job), self.limits.timeout_seconds)
            return said, "model", clock.seconds
        except InputError:
            raise
        except TimeoutError:
            self._workers.replace_stuck()
            source = "timeout"
        except Exception:
            self._log_failure("the engine failed; the fallback answers")
            source = "error"
        return lease.engine.fallback(request), source, dict(clock.seconds)

    def _parse(self, engine: Engine, body: bytes) -> object:
        try:
            return engine.parse(body)
        except InputError:
            raise
        except Exception as error:
            # A body can reach limits of Python itself, such as the depth of its stack.
            self._log_failure("the engine could not read a request")
            raise InputError(f"request: it cannot be read ({type(error).__name__})") from None

    def _log_failure(self, message: str) -> None:
        if (held_back := self._few.held_back(message)) is not None:
            _LOG.exception(message, extra={"fields": {"held_back": held_back}})

    def _compute(
        self, engine: Engine, request: object, clock: StageClock, submitted: float
    ) -> dict:
        start = time.perf_counter()
        clock.seconds["queue"] = start - submitted
        try:
            return engine.answer(request, clock)
        finally:
            self._learn(time.perf_counter() - start)

    def _learn(self, seconds: float) -> None:
        # A store that hangs says nothing about how many requests fit into the deadline.
        if seconds < self.limits.timeout_seconds:
            self._mean_seconds += _FORGETTING * (seconds - self._mean_seconds)

    def _state(self) -> dict[str, float]:
        engine = self.engine
        state = {
            "requests_in_flight": self.waiting,
            "ready": self.why_not_ready() is None,
            "stuck_workers": self._workers.stuck,
            **{
                f"{name}_total": closed + getattr(engine, name, 0)
                for name, closed in self._closed_caches.items()
            },
        }
        if engine is not None:
            state["artifact_created_timestamp_seconds"] = engine.created_at
            state["artifact_age_seconds"] = age_seconds(engine.created_at)
        return state

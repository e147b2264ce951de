"""What a service counts and times, in the text format of Prometheus."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping

import numpy as np
import psutil
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

OUTCOMES = ("model", "timeout", "error", "shed", "bad_request", "hung_up", "failed")
REASONS = ("invalid", "too_large", "too_slow", "media_type", "not_http", "not_found")
# Close together around 50 milliseconds, which is what is promised.
BUCKETS = (
    *(0.0005, 0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.015, 0.02, 0.025, 0.03, 0.035, 0.04),
    *(0.045, 0.05, 0.055, 0.06, 0.075, 0.1, 0.15, 0.25, 0.5, 1.0, 2.5),
)
_REMEMBERED = 2_000
_ABOUT = {
    "requests_in_flight": "Requests that were admitted and not answered yet",
    "ready": "1 where requests should be sent here, as /readyz says, else 0",
    "stuck_workers": "Workers that were given up since they did not come back",
    "cache_hits_total": "Look-ups that the engine's cache answered",
    "cache_misses_total": "Look-ups that went past the engine's cache",
    "artifact_created_timestamp_seconds": "When the artifact was made, Unix time",
    "artifact_age_seconds": "Age of the artifact",
    "process_resident_memory_bytes": "Resident memory size in bytes",
}


class ServiceMetrics:
    """Counters and histograms of one service, in a registry of their own.

    Every label comes from a short list of ours, so that no caller can make a time series.

    Parameters
    ----------
    state : callable
        Returns gauges by name, read when the metrics are asked for.

    Examples
    --------
    >>> metrics = ServiceMetrics()
    >>> metrics.count("shed")
    >>> metrics.value("mlsd_requests_total", outcome="shed")
    1.0
    """

    def __init__(self, state: Callable[[], Mapping[str, float]] = dict) -> None:
        self.registry = CollectorRegistry()
        self._requests = self._counter("requests", "Requests by outcome", "outcome", OUTCOMES)
        self._bad = self._counter("bad_requests", "Bad requests by reason", "reason", REASONS)
        self._fallbacks = self._counter("fallbacks", "Requests that the fallback answered")
        self.swaps = self._counter("swaps", "Engines swapped for a newer version")
        self.failed_loads = self._counter("failed_loads", "Versions that could not be loaded")
        self._total = Histogram(
            "mlsd_request_seconds",
            "Seconds from admission to the answer",
            buckets=BUCKETS,
            registry=self.registry,
        )
        # Not a stage of the other histogram, whose sum over its stages would count time twice.
        self._stages = Histogram(
            "mlsd_stage_seconds",
            "Seconds of an answered request by stage: queue, and the engine's own",
            ["stage"],
            buckets=BUCKETS,
            registry=self.registry,
        )
        self._recent: deque[float] = deque(maxlen=_REMEMBERED)
        self.artifact: Mapping[str, str] = {}
        self._state = state
        self.registry.register(self)

    def count(self, outcome: str) -> None:
        """Count a request by what became of it, one of `OUTCOMES`."""
        self._requests.labels(outcome).inc()
        if outcome in ("timeout", "error"):
            self._fallbacks.inc()

    def count_bad(self, reason: str) -> None:
        """Count a bad request by what was wrong, one of `REASONS`."""
        self._bad.labels(reason).inc()
        self._requests.labels("bad_request").inc()

    def observe(self, seconds: Mapping[str, float]) -> None:
        """Note how long an answered request took: its stages, and `total`."""
        for stage, value in seconds.items():
            histogram = self._total if stage == "total" else self._stages.labels(stage)
            histogram.observe(value)
        self._recent.append(seconds["total"])

    def value(self, name: str, **labels: str) -> float:
        """Return one sample; 0 where it has never been counted."""
        return self.registry.get_sample_value(name, labels) or 0.0

    def outcomes(self) -> dict[str, int]:
        """Return how many requests ended in each way."""
        samples = next(iter(self._requests.collect())).samples
        return {s.labels["outcome"]: int(s.value) for s in samples if s.name.endswith("_total")}

    def latency(self) -> dict[str, float | None]:
        """Return p50 and p99 of the last 2,000 answers in milliseconds; None without an answer."""
        recent = [1e3 * each for each in self._recent]
        return {
            f"p{q}_ms": round(float(np.percentile(recent, q)), 2) if recent else None
            for q in (50, 99)
        }

    def exposition(self) -> bytes:
        """Return everything in the text format of Prometheus."""
        return generate_latest(self.registry)

    def collect(self) -> Iterator[Metric]:
        """Yield what is read at the moment of asking."""
        memory = psutil.Process().memory_info().rss
        for name, value in {**self._state(), "process_resident_memory_bytes": memory}.items():
            yield _family(name, value)
        if self.artifact:
            info = GaugeMetricFamily(
                "mlsd_artifact_info", "The artifact that answers", labels=list(self.artifact)
            )
            info.add_metric(list(self.artifact.values()), 1.0)
            yield info

    def describe(self) -> list[Metric]:
        """Return nothing: the registry need not ask for values to learn their names."""
        return []

    def _counter(self, name: str, about: str, label: str = "", values: tuple = ()) -> Counter:
        labels = [label] if label else []
        counter = Counter(f"mlsd_{name}", about, labels, registry=self.registry)
        for value in values:  # a series that is there from the start can be watched for growth
            counter.labels(value)
        return counter


def _family(name: str, value: float) -> Metric:
    about = _ABOUT.get(name, name.replace("_", " "))
    if name.endswith("_total"):
        return CounterMetricFamily(f"mlsd_{name.removesuffix('_total')}", about, value=value)
    prefix = "" if name.startswith("process_") else "mlsd_"
    return GaugeMetricFamily(prefix + name, about, value=value)


def age_seconds(created_at: float) -> float:
    """Return how old something is now.

    Examples
    --------
    >>> age_seconds(time.time() - 60) >= 60
    True
    """
    return time.time() - created_at

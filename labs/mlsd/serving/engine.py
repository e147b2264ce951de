"""What answers the requests of a case, as the application sees it, and the clock of its stages."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol, runtime_checkable

import numpy as np


class StageClock:
    """Times the stages of one request.

    Attributes
    ----------
    seconds : dict of str to float
        By stage; a stage that is entered twice adds up.

    Examples
    --------
    >>> clock = StageClock()
    >>> with clock.stage("score"):
    ...     _ = sum(range(1000))
    >>> list(clock.seconds), clock.seconds["score"] > 0
    (['score'], True)
    """

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time a block; one that raises is timed as well."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - start


@runtime_checkable
class Engine(Protocol):
    """Answers the requests of one case with one version of its artifact.

    An engine may also count `cache_hits` and `cache_misses`, whole numbers.

    Attributes
    ----------
    version : str
        Of the artifact.
    created_at : float
        Unix seconds, of the artifact.
    stages : tuple of str
        Names of the timed stages: ``("features", "score", "rank")``.
    """

    version: str
    created_at: float
    stages: tuple[str, ...]

    def parse(self, body: bytes) -> Any:
        """Return the request that a body holds; quick, for it runs on the event loop.

        Raises
        ------
        InputError
            For whatever is wrong with it, in one line.
        """
        ...

    def answer(self, request: Any, clock: StageClock) -> dict:
        """Return the answer, ready for JSON; runs in a worker thread."""
        ...

    def fallback(self, request: Any) -> dict:
        """Return what to say when `answer` is late or fails.

        It runs on the event loop, so it reads nothing that may be slow.
        """
        ...

    def example(self, generator: np.random.Generator) -> dict:
        """Return a plausible request, for warm-up, the page and the load test.

        Users come by their popularity, so that caches see what they would see.
        """
        ...

    def close(self) -> None:
        """Release what the engine holds; nothing is asked of it afterwards."""
        ...

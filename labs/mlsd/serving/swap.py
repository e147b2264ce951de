"""A newer version takes over while requests are answered."""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mlsd.runtime import InputError
from mlsd.serving.engine import Engine, StageClock
from mlsd.serving.logs import RateLimit
from mlsd.serving.service import Service
from mlsd.serving.workers import Workers

_LOG = logging.getLogger(__name__)
_WARM_UP = 20


def warm_up(engine: Engine, requests: int = _WARM_UP) -> Engine:
    """Ask an engine for some examples, so that its first request is not its slowest.

    Raises
    ------
    Exception
        Whatever the engine raises: one that cannot answer its own examples cannot serve.
    """
    generator = np.random.default_rng(0)
    for _ in range(requests):
        request = engine.parse(json.dumps(engine.example(generator)).encode())
        json.dumps(engine.answer(request, StageClock()), allow_nan=False)
        json.dumps(engine.fallback(request), allow_nan=False)
    return engine


class Watcher:
    """Loads the newest version that can be loaded, and again whenever there is a newer one.

    Parameters
    ----------
    service : Service
    versions : callable
        Returns the folders of the versions there are, newest first.
    load : callable
        From a folder to its engine; raises where it is damaged, half written or another case's.
    loaded : Path, optional
        Folder of the version that the service answers with already.
    seconds : float
        Between two looks.

    Notes
    -----
    A version that cannot be loaded is said to be so once, and tried again when its files change.
    Removing the folder of the version that answers goes back to the newest one that is left.
    """

    def __init__(
        self,
        service: Service,
        versions: Callable[[], Sequence[Path]],
        load: Callable[[Path], Engine],
        *,
        loaded: Path | None = None,
        seconds: float = 1.0,
    ) -> None:
        self.service, self.versions, self.load = service, versions, load
        self.seconds = seconds
        self.loaded = loaded
        self._refused: dict[Path, frozenset] = {}
        self._few = RateLimit()
        self._replaced = False
        self._problem = ""
        # Daemon threads: a load that hangs does not keep the process alive.
        self._loader = Workers(1, stuck_seconds=math.inf, max_stuck=1)

    async def load_first(self) -> None:
        """Load the newest version that can be loaded.

        Raises
        ------
        InputError
            If there is none: nothing would be answered.
        """
        if not await self.look():
            reason = self._problem or "no version is there"
            raise InputError(
                f"nothing can be served: {reason}; make another version with --retrain"
            )

    async def run(self) -> None:
        """Look for a newer version until cancelled."""
        while True:
            try:
                await self.look()
            except Exception as error:
                if self._few.held_back("look") is not None:
                    _LOG.warning("the versions cannot be read: %s", error)
            await asyncio.sleep(self.seconds)

    async def look(self) -> bool:
        """Swap to the newest version that loads, if it is not the one that answers."""
        if self._replaced:
            # Its large arrays are few objects, for which the collector would not come by itself.
            self._replaced = False
            await self._aside(gc.collect)
        for folder in await self._aside(self.versions):
            if folder == self.loaded:
                return False
            if (engine := await self._aside(self._try, folder)) is not None:
                self._swap(folder, engine)
                return True
        return False

    async def _aside(self, job: Callable[..., Any], *arguments: object) -> Any:
        return await asyncio.wrap_future(self._loader.submit(job, *arguments))

    def _swap(self, folder: Path, engine: Engine) -> None:
        self._replaced = self.service.engine is not None
        self.service.swap(engine)
        self.loaded = folder
        _LOG.info("serving", extra={"fields": {"version": engine.version}})

    def _try(self, folder: Path) -> Engine | None:
        stamp = _stamp(folder)
        if self._refused.get(folder) == stamp:
            return None
        try:
            engine = warm_up(self.load(folder))
            if _stamp(folder) != stamp:  # what was checked need not be what was read
                raise InputError(f"{folder}: has changed while it was loaded")
            return engine
        except Exception as error:
            self._refused[folder] = stamp
            self.service.metrics.failed_loads.inc()
            message = error if isinstance(error, InputError) else f"{type(error).__name__}: {error}"
            problem = " ".join(str(message).split())[:300]
            self._problem = self._problem or problem
            fields = {"version": folder.name, "error": problem}
            _LOG.warning("version refused", extra={"fields": fields})
        return None


def _stamp(folder: Path) -> frozenset:
    # Of links themselves, since what they point to may be gone.
    stats = [(path, path.lstat()) for path in folder.rglob("*")]
    return frozenset((str(path), stat.st_size, stat.st_mtime_ns) for path, stat in stats)

"""An engine that is closed once nobody uses it any more."""

from __future__ import annotations

import threading

from mlsd.serving.engine import Engine


class Lease:
    """Counts the users of an engine; a retired one is closed by the last of them.

    Parameters
    ----------
    engine : Engine

    Examples
    --------
    >>> from unittest.mock import Mock
    >>> lease = Lease(Mock())
    >>> lease.take(); lease.retire(); lease.engine.close.called
    False
    >>> lease.release(); lease.engine.close.called
    True
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._users = 1  # the service itself, until it retires the engine
        self._lock = threading.Lock()

    def take(self) -> None:
        """Use the engine from now on."""
        with self._lock:
            self._users += 1

    def release(self, *_: object) -> None:
        """Use it no longer; takes and ignores a future, so that one can call it when it is done."""
        with self._lock:
            self._users -= 1
            last = self._users == 0
        if last:
            self.engine.close()

    def retire(self) -> None:
        """Give no more requests to the engine."""
        self.release()

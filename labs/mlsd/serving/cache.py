"""A small cache in front of a slow store."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from mlsd.runtime import InputError

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class TTLCache(Generic[Key, Value]):
    """Keeps what was loaded, for a limited time and a limited number of keys.

    The key that was asked for least recently makes room for a new one. Safe to share between
    threads; two that miss the same key at once both load it.

    Parameters
    ----------
    load : callable
        From key to value: what a miss costs.
    capacity : int
        Most keys held.
    seconds : float
        How long a value is served after it was loaded.
    clock : callable
        Seconds, going forward.

    Attributes
    ----------
    hits, misses, expired : int
        `expired` counts those misses whose value was there and too old.

    Raises
    ------
    InputError
        If `capacity` is below 1 or `seconds` not positive.

    Examples
    --------
    >>> cache = TTLCache(str.upper, capacity=2, seconds=60)
    >>> [cache.get(key) for key in ("a", "b", "a")], cache.hits, cache.misses
    (['A', 'B', 'A'], 1, 2)
    """

    def __init__(
        self,
        load: Callable[[Key], Value],
        *,
        capacity: int,
        seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if capacity < 1 or not seconds > 0:
            raise InputError(
                f"cache: capacity={capacity}, seconds={seconds}; both have to be above 0"
            )
        self.capacity = capacity
        self.seconds = seconds
        self.hits = self.misses = self.expired = 0
        self._load, self._clock = load, clock
        self._held: OrderedDict[Key, tuple[float, Value]] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        """Return the number of keys held, expired ones included."""
        return len(self._held)

    def get(self, key: Key) -> Value:
        """Return the value of a key, loaded again where it is absent or too old."""
        now = self._clock()
        with self._lock:
            loaded_at, value = self._held.get(key, (None, None))
            if loaded_at is not None and now - loaded_at < self.seconds:
                self._held.move_to_end(key)
                self.hits += 1
                return value
            self.misses += 1
            self.expired += loaded_at is not None
        return self._keep(key, now, self._load(key))

    def _keep(self, key: Key, now: float, value: Value) -> Value:
        with self._lock:
            self._held[key] = (now, value)
            self._held.move_to_end(key)
            if len(self._held) > self.capacity:
                self._held.popitem(last=False)
        return value

"""When the labels of a log arrive, and as of when each of its rows may look back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Self

import numpy as np

from mlsd.data.log import LabelledLog
from mlsd.features.windows import finite_column
from mlsd.runtime import InputError
from mlsd.runtime.times import DAY

Refresh = Literal["row", "nightly"]


@dataclass(frozen=True)
class LogMoments:
    """When each row's label arrives, and as of when each row looks.

    Attributes
    ----------
    times, arrival : ndarray, shape (n,)
        When the row happened and when its label became known.
    as_of : ndarray, shape (n,)
        To which moment counters are decayed.
    frozen : ndarray of bool, shape (n,)
        Rows that see arrivals up to `as_of` itself: validation and test. The others see earlier
        ones only.
    """

    times: np.ndarray
    arrival: np.ndarray
    as_of: np.ndarray
    frozen: np.ndarray

    @classmethod
    def of(cls, log: LabelledLog, refresh: Refresh, half_lives: tuple[float, ...]) -> Self:
        """Read a log's moments; see `CounterFeatures` for the rules."""
        times, arrival = arrivals(log, refresh, half_lives)
        frozen = np.ones(len(times), dtype=bool)
        frozen[log.split.train] = False
        as_of = refreshed(times, refresh)
        if len(log.split.train):
            as_of[frozen] = times[log.split.train].max()
        return cls(times, arrival, as_of, frozen)

    def fresh(self) -> LogMoments:
        """Return the moments for counts without labels: every row sees what came before it."""
        return LogMoments(self.times, self.arrival, self.times, np.zeros_like(self.frozen))


def arrivals(
    log: LabelledLog, refresh: Refresh, half_lives: tuple[float, ...]
) -> tuple[np.ndarray, np.ndarray]:
    """Return when each row happened and when its label became known; row numbers without times.

    Raises
    ------
    InputError
        If the log has no times, and nightly counters or counters with decay are asked for.
    """
    if log.roles.time is None:
        if refresh == "nightly" or not all(np.isinf(half_lives)):
            raise InputError(
                f"{log.name} has no times; use half_lives=(inf,) and refresh='row' for its counters"
            )
        times = np.arange(len(log.frame))
        return times, times
    times = finite_column(log.frame, log.roles.time)
    if log.roles.known_at is None:
        return times, times
    return times, finite_column(log.frame, log.roles.known_at)


def refreshed(times: np.ndarray, refresh: Refresh) -> np.ndarray:
    """Return a copy of the moments, moved back to the last midnight where counters are nightly.

    Examples
    --------
    >>> refreshed(np.array([86_401.0]), "nightly")
    array([86400.])
    """
    return np.floor_divide(times, DAY) * DAY if refresh == "nightly" else times.copy()

"""Arrivals that do not wait for answers, and the queue that they make before one worker."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from mlsd.runtime import InputError

_TOKENS = 10.0


def poisson_arrivals(rate: float, seconds: float, seed: int) -> np.ndarray:
    """Return arrival times of independent callers, in seconds from 0, ascending.

    Parameters
    ----------
    rate : float
        Mean arrivals a second.
    seconds : float
        Length of the load.
    seed : int

    Raises
    ------
    InputError
        If rate or length is not positive.

    Examples
    --------
    >>> arrivals = poisson_arrivals(200, 50, seed=0)
    >>> bool(abs(len(arrivals) - 10_000) < 400), bool((np.diff(arrivals) >= 0).all())
    (True, True)
    """
    if not (rate > 0 and seconds > 0):
        raise InputError(f"rate={rate}, seconds={seconds}; both have to be above 0")
    generator = np.random.default_rng(seed)
    # Given how many came, the times of a Poisson process are independent and uniform.
    return np.sort(generator.uniform(0.0, seconds, generator.poisson(rate * seconds)))


@dataclass(frozen=True)
class QueueOutcome:
    """What became of each request.

    Attributes
    ----------
    latency : ndarray, shape (n,)
        Seconds from arrival to answer; NaN where the request was refused.
    source : ndarray of str, shape (n,)
        ``"model"``, ``"timeout"`` (the fallback answered at the deadline), ``"shed"``, or
        ``"hedged"`` (the model, after a copy of the request was sent).
    """

    latency: np.ndarray
    source: np.ndarray

    def quantile(self, q: float) -> float:
        """Return a quantile of the answered requests' latency, in seconds."""
        return float(np.nanquantile(self.latency, q))

    def share(self, source: str) -> float:
        """Return the share of requests that ended in one way."""
        return float(np.mean(self.source == source))


def simulate_queue(
    arrivals: np.ndarray,
    service_times: np.ndarray,
    *,
    timeout: float = math.inf,
    max_waiting: float = math.inf,
) -> QueueOutcome:
    """Send requests through one worker, first come first served, with the service's two limits.

    A request that has not been started at its deadline leaves the queue; one that is being scored
    then is answered by the fallback, but keeps the worker until it is done.

    Parameters
    ----------
    arrivals, service_times : ndarray, shape (n,)
        Seconds; arrivals ascend.
    timeout : float
        Seconds after which the fallback answers.
    max_waiting : float
        Requests in the system; one more is refused.

    Raises
    ------
    InputError
        If the shapes differ or the arrivals do not ascend.

    Notes
    -----
    Without limits, the wait follows Lindley's recursion: the next request waits for what this one
    waited and took, minus the time between the two, and never less than nothing.

    References
    ----------
    D. V. Lindley, The theory of queues with a single server, Mathematical Proceedings of the
    Cambridge Philosophical Society 48(2), 1952.

    Examples
    --------
    >>> simulate_queue(np.array([0.0, 1.0, 5.0]), np.array([3.0, 3.0, 1.0])).latency
    array([3., 5., 2.])
    >>> simulate_queue(np.array([0.0, 1.0]), np.array([3.0, 3.0]), timeout=1.5).source.tolist()
    ['timeout', 'timeout']
    """
    if arrivals.shape != service_times.shape or (np.diff(arrivals) < 0).any():
        raise InputError("arrivals have to ascend, with one service time for each")
    latency, source = np.full(len(arrivals), np.nan), np.full(len(arrivals), "shed", dtype="<U7")
    present: deque[float] = deque()
    free_at = 0.0
    for i, (arrival, needed) in enumerate(zip(arrivals.tolist(), service_times.tolist())):
        while present and present[0] <= arrival:
            present.popleft()
        if len(present) >= max_waiting:
            continue
        deadline, start = arrival + timeout, max(arrival, free_at)
        free_at = start + needed if start < deadline else free_at
        in_time = start < deadline and free_at <= deadline
        present.append(free_at if in_time else deadline)
        latency[i] = present[-1] - arrival
        source[i] = "model" if in_time else "timeout"
    return QueueOutcome(latency, source)


def simulate_hedging(
    arrivals: np.ndarray,
    service_times: np.ndarray,
    copy_times: np.ndarray,
    *,
    patience: float,
    allowed: float = math.inf,
    seed: int = 0,
) -> QueueOutcome:
    """Send each request to one of two workers, and a copy to the other where no answer comes.

    The first answer counts. Neither worker learns of the other's, so that both do the work and
    everybody behind them waits for it.

    Parameters
    ----------
    arrivals, service_times : ndarray, shape (n,)
        Seconds; arrivals ascend.
    copy_times : ndarray, shape (n,)
        Seconds of work of a request's copy, should it be sent.
    patience : float
        Seconds after which the copy is sent; infinite for no hedging.
    allowed : float
        Copies per request, from a token bucket that holds ten; all are sent by default.
    seed : int
        Of the choice of the first worker.

    References
    ----------
    J. Dean and L. A. Barroso, The tail at scale, Communications of the ACM 56(2), 2013.

    Examples
    --------
    >>> two = np.array([0.0, 0.1]), np.array([9.0, 1.0]), np.array([1.0, 1.0])
    >>> alone = simulate_hedging(*two, patience=np.inf)
    >>> hedged = simulate_hedging(*two, patience=2.0)
    >>> alone.latency[0], hedged.latency[0], hedged.source[0]
    (np.float64(9.0), np.float64(3.0), np.str_('hedged'))
    """
    worker = np.random.default_rng(seed).integers(2, size=len(arrivals)).tolist()
    latency, source = np.empty(len(arrivals)), np.full(len(arrivals), "model", dtype="<U7")
    free_at, slow, most = [0.0, 0.0], deque(), max(_TOKENS, allowed)
    tokens = most

    def finish(at: float, needed: float, who: int) -> float:
        free_at[who] = max(at, free_at[who]) + needed
        return free_at[who]

    def send_copies(until: float) -> None:
        nonlocal tokens
        while slow and slow[0][0] <= until:
            at, i = slow.popleft()
            if tokens >= 1:
                tokens -= 1
                source[i] = "hedged"
                done = finish(at, copy_times[i], 1 - worker[i])
                latency[i] = min(latency[i], done - arrivals[i])

    for i, (arrival, needed) in enumerate(zip(arrivals.tolist(), service_times.tolist())):
        send_copies(arrival)
        tokens = min(tokens + allowed, most)
        latency[i] = finish(arrival, needed, worker[i]) - arrival
        if latency[i] > patience:
            slow.append((arrival + patience, i))
    send_copies(math.inf)
    return QueueOutcome(latency, source)


def highest_rate(p99_at: Callable[[float], float], limit: float, *, start: float = 1.0) -> float:
    """Return the highest rate whose tail keeps a limit, to one percent.

    Parameters
    ----------
    p99_at : callable
        From requests per second to a latency; it does not fall as the rate rises.
    limit : float
        In the unit of `p99_at`.
    start : float
        First rate that is tried; it is halved or doubled until the answer lies between two rates.

    Returns
    -------
    float
        0 where the limit is missed even at a millionth of `start`.

    Examples
    --------
    >>> p99 = lambda rate: 1 / (100 - rate) if rate < 100 else math.inf
    >>> bool(79.2 < highest_rate(p99, 0.05) <= 80)
    True
    """
    low = start
    while p99_at(low) > limit:
        low /= 2
        if low < 1e-6 * start:
            return 0.0
    high = 2 * low
    while p99_at(high) <= limit:
        low, high = high, 2 * high
    while high > 1.01 * low:
        middle = (low + high) / 2
        low, high = (middle, high) if p99_at(middle) <= limit else (low, middle)
    return low

"""An open-loop load: requests come at their own times, and latency counts from when they were due.

The generator is cheap, because it often shares its cores with the service: requests are bytes made
beforehand, connections are kept, and of an answer only status, length and source are read.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

import numpy as np

from mlsd.runtime import InputError
from mlsd.serving.server import HOST

ANSWERED = ("model", "timeout", "error")
_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
_SOURCE = re.compile(rb'"source":"(model|timeout|error)"')
_PATIENCE = 10.0


def as_post(route: str, body: bytes) -> bytes:
    r"""Return a request as the bytes that go over the wire.

    Examples
    --------
    >>> as_post("/rank", b"{}").splitlines()[0]
    b'POST /rank HTTP/1.1'
    """
    head = f"POST {route} HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


@dataclass(frozen=True)
class LoadReport:
    """What became of each request.

    Attributes
    ----------
    due : ndarray, shape (n,)
        Seconds from the start at which it had to be sent.
    latency : ndarray, shape (n,)
        Seconds from then to the last byte of its answer; infinite where there was none.
    outcome : ndarray of str, shape (n,)
        ``"model"``; ``"timeout"`` or ``"error"`` where the fallback answered; ``"shed"`` where it
        was refused with `Retry-After`; ``"failed"`` for everything else.
    late : ndarray, shape (n,)
        Seconds that the generator itself was late with sending; part of `latency`.

    Examples
    --------
    >>> outcome = np.array(["model", "model", "shed"])
    >>> report = LoadReport(np.zeros(3), np.array([0.01, 0.09, 0.001]), outcome, np.zeros(3))
    >>> round(report.share("shed"), 2), round(report.hit_share(0.05), 2)
    (0.33, 0.33)
    """

    due: np.ndarray
    latency: np.ndarray
    outcome: np.ndarray
    late: np.ndarray

    def share(self, *outcomes: str) -> float:
        """Return the share of requests that ended in one of these ways."""
        return float(np.mean(np.isin(self.outcome, outcomes)))

    def quantile_ms(self, q: float, *outcomes: str) -> float | None:
        """Return a quantile of latency in milliseconds among some outcomes; None without any."""
        chosen = self.latency[np.isin(self.outcome, outcomes)]
        return round(1e3 * float(np.quantile(chosen, q)), 2) if len(chosen) else None

    def hit_share(self, limit: float) -> float:
        """Return the share of all requests that the model answered within a limit, in seconds."""
        return float(np.mean((self.outcome == "model") & (self.latency <= limit)))

    def quantile_with_misses_ms(self, q: float) -> float | None:
        """Return a quantile where all but the model's answers take forever; None for forever."""
        latency = np.where(self.outcome == "model", self.latency, np.inf)
        value = float(np.quantile(latency, q, method="higher"))
        return round(1e3 * value, 2) if np.isfinite(value) else None


async def drive(port: int, requests: Sequence[bytes], due: np.ndarray) -> LoadReport:
    """Send each request when it is due, whatever became of those before.

    Parameters
    ----------
    port : int
        Of a service on this machine.
    requests : sequence of bytes
        One per arrival, as `as_post` makes them.
    due : ndarray, shape (n,)
        Seconds from the start, ascending: `poisson_arrivals`.

    Raises
    ------
    InputError
        If there are fewer requests than arrivals: a repeated one could come from a cache.
    """
    if len(requests) < len(due):
        raise InputError(f"{len(due)} arrivals need as many requests, not {len(requests)}")
    load = _Load(port, requests, due)
    await load.run()
    return LoadReport(due, load.latency, load.outcome, load.late)


class _Load:
    def __init__(self, port: int, requests: Sequence[bytes], due: np.ndarray) -> None:
        self.port, self.requests, self.due = port, requests, due
        self.latency = np.full(len(due), np.inf)
        self.late = np.zeros(len(due))
        self.outcome = np.full(len(due), "failed", dtype="<U7")
        self.idle: deque[_Connection] = deque()
        self.all: set[_Connection] = set()
        self.open = len(due)
        self.done = asyncio.Event()
        self.start = 0.0

    async def run(self) -> None:
        opening: set[asyncio.Task] = set()
        self.start = time.perf_counter() + 0.05
        for i, due in enumerate(self.due.tolist()):
            while (early := self.start + due - time.perf_counter()) > 0:
                await asyncio.sleep(early)
            self.late[i] = -early
            if self.idle:
                self.idle.pop().send(i)
            else:
                opening.add(asyncio.create_task(self._open(i)))
        if self.open:
            with suppress(TimeoutError):
                await asyncio.wait_for(self.done.wait(), _PATIENCE)
        await asyncio.gather(*opening)
        for connection in self.all:
            connection.request = None
            connection.transport.close()

    async def _open(self, i: int) -> None:
        loop = asyncio.get_running_loop()
        try:
            _, connection = await loop.create_connection(lambda: _Connection(self), HOST, self.port)
        except OSError:
            self.settle(i, "failed")
        else:
            self.all.add(connection)
            connection.send(i)

    def settle(self, i: int, outcome: str) -> None:
        self.outcome[i] = outcome
        if outcome != "failed":
            self.latency[i] = time.perf_counter() - self.start - self.due[i]
        self.open -= 1
        if not self.open:
            self.done.set()


class _Connection(asyncio.Protocol):
    def __init__(self, load: _Load) -> None:
        self.load, self.request, self.buffer = load, None, b""

    def connection_made(self, transport: asyncio.Transport) -> None:
        self.transport = transport

    def send(self, i: int) -> None:
        self.request = i
        self.transport.write(self.load.requests[i])

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        head, found, body = self.buffer.partition(b"\r\n\r\n")
        if not found or len(body) < int(_LENGTH.search(head)[1]):
            return
        i, self.request, self.buffer = self.request, None, b""
        self.load.settle(i, outcome_of(head, body))
        self.load.idle.append(self)

    def connection_lost(self, error: Exception | None) -> None:
        self.load.all.discard(self)
        if self in self.load.idle:
            self.load.idle.remove(self)
        if self.request is not None:
            self.load.settle(self.request, "failed")


def outcome_of(head: bytes, body: bytes) -> str:
    r"""Return what an answer says became of its request.

    Examples
    --------
    >>> outcome_of(b"HTTP/1.1 200 OK", b'{"source":"timeout"}')
    'timeout'
    >>> outcome_of(b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 1", b"{}")
    'shed'
    """
    status = head[9:12]
    if status == b"200" and (source := _SOURCE.search(body)):
        return source[1].decode()
    return "shed" if status == b"503" and b"retry-after" in head.lower() else "failed"

"""Limits on connections: how many, and how long and large the head of a request may be."""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.auto import AutoHTTPProtocol

from mlsd.serving.service import Service

_LONGEST_HEAD = 32 * 1024
_FULL = (
    b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nConnection: close\r\n"
    b"Content-Type: application/json\r\nContent-Length: 33\r\n\r\n"
    b'{"error":"too many connections"}\n'
)


def impatient_protocol(service: Service) -> type[asyncio.Protocol]:
    """Return uvicorn's HTTP protocol with the limits of a service.

    uvicorn waits for the rest of a head as long as the caller likes; here such a connection is
    closed after `head_seconds`, and one whose head is too large at once.

    Examples
    --------
    >>> impatient_protocol(Service()).__name__
    'ImpatientProtocol'
    """
    return type("ImpatientProtocol", (_ImpatientProtocol,), {"service": service})


class _ImpatientProtocol(AutoHTTPProtocol):
    service: Service
    _head_timer: asyncio.TimerHandle | None = None
    _head_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:
        super().connection_made(transport)
        if len(self.connections) > self.service.limits.max_connections:
            self.service.metrics.count("shed")
            transport.write(_FULL)
            transport.close()
        else:
            self._await_head()

    def data_received(self, data: bytes) -> None:
        self._head_bytes += len(data)
        super().data_received(data)
        if self.cycle is not None and not self.cycle.response_complete:
            self._forget_head()
        elif self._head_bytes > _LONGEST_HEAD:
            self._give_up()
        elif self._head_timer is None:
            self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._forget_head()
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:
        self.service.metrics.count_bad("not_http")
        super().send_400_response(msg)

    def _await_head(self) -> None:
        self._head_timer = self.loop.call_later(self.service.limits.head_seconds, self._give_up)

    def _forget_head(self) -> None:
        self._head_bytes = 0
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _give_up(self) -> None:
        if self.transport.is_closing():
            return
        if self._head_bytes:  # without any, it was opened in advance and not needed
            reason = "too_large" if self._head_bytes > _LONGEST_HEAD else "too_slow"
            self.service.metrics.count_bad(reason)
        self.transport.close()

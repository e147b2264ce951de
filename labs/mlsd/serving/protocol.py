"""uvicorn's HTTP protocol with the limits of a service, and with refusals at the door."""

from __future__ import annotations

import asyncio
import json
import re
import uuid
from http import HTTPStatus
from typing import Any

from uvicorn.protocols.http.auto import AutoHTTPProtocol

from mlsd.serving.service import Service

_LONGEST_HEAD = 32 * 1024
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d{1,7})\r\n", re.IGNORECASE)
# What a refusal at the door would leave out, or do wrong; such requests go the whole way.
_UNUSUAL = re.compile(rb"\r\n(x-request-id|connection|transfer-encoding|expect):", re.IGNORECASE)


def refusal(error: str, retry_after: int, *, closing: bool) -> bytes:
    """Return the bytes of an answer with status 503.

    Examples
    --------
    >>> refusal("12 requests are waiting", 1, closing=False).splitlines()[0]
    b'HTTP/1.1 503 Service Unavailable'
    """
    body = {"error": error, "retry_after_seconds": retry_after}
    headers = (f"Retry-After: {retry_after}", *(["Connection: close"] if closing else []))
    return _answer(HTTPStatus.SERVICE_UNAVAILABLE, body, *headers)


def _answer(status: HTTPStatus, body: dict, *headers: str) -> bytes:
    name = uuid.uuid4().hex
    text = json.dumps({**body, "request_id": name}, separators=(",", ":"))
    head = (
        f"HTTP/1.1 {status.value} {status.phrase}",
        "Content-Type: application/json",
        f"Content-Length: {len(text)}",
        f"X-Request-ID: {name}",
        *headers,
    )
    return ("\r\n".join(head) + "\r\n\r\n" + text).encode()


def make_protocol(service: Service, route: str) -> type[asyncio.Protocol]:
    """Return uvicorn's HTTP protocol with the limits of a service.

    uvicorn waits for the rest of a head as long as the caller likes; here such a connection is
    closed after `head_seconds`, and one whose head is too large at once. A full service refuses a
    whole request before it is parsed, so that refusals leave the time to those it admitted.

    Parameters
    ----------
    service : Service
    route : str
        Where requests are posted.

    Examples
    --------
    >>> make_protocol(Service(), "/rank").__name__
    'ServiceProtocol'
    """
    own = {"service": service, "post": f"POST {route} HTTP/1.1\r\n".encode()}
    return type("ServiceProtocol", (_ServiceProtocol,), own)


class _JoinedWrites:
    """A transport that sends what is written in one step at once: head and body of an answer."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport, self._loop = transport, loop
        self._parts: list[bytes] = []

    def write(self, data: bytes) -> None:
        if not self._parts:
            self._loop.call_soon(self._flush)
        self._parts.append(data)

    def close(self) -> None:
        self._flush()
        self._transport.close()

    def _flush(self) -> None:
        if self._parts:
            self._transport.write(b"".join(self._parts))
            self._parts.clear()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


class _ServiceProtocol(AutoHTTPProtocol):
    service: Service
    post: bytes
    _head_timer: asyncio.TimerHandle | None = None
    _head_bytes = 0
    _body_comes = False

    def connection_made(self, transport: asyncio.Transport) -> None:
        super().connection_made(_JoinedWrites(transport, self.loop))
        limits = self.service.limits
        if len(self.connections) > limits.max_connections:
            self.service.metrics.count("shed")
            transport.write(refusal("too many connections", limits.retry_after, closing=True))
            transport.close()
        else:
            self._await_head()

    def data_received(self, data: bytes) -> None:
        if self._refuse(data):
            return
        self._head_bytes += len(data)
        super().data_received(data)
        if self._busy:
            self._forget_head()
        elif self._body_comes:
            self._await_rest()
        elif not self._head_bytes:
            self._await_next()
        elif self._head_bytes > _LONGEST_HEAD:
            self._give_up()
        elif self._head_timer is None:
            self._await_head()

    def on_headers_complete(self) -> None:
        self._body_comes = True
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._body_comes = False
        super().on_message_complete()
        if not self._busy:
            self._forget_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._forget_head()
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:
        self._end(HTTPStatus.BAD_REQUEST, "not_http", "this is not HTTP/1.1")

    @property
    def _busy(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _refuse(self, data: bytes) -> bool:
        """Answer a request that is wholly there, where the service would refuse it anyway."""
        if not data.startswith(self.post) or self._head_bytes or self._busy:
            return False
        if not (reason := self.service.refusal()) or not _is_whole(data):
            return False
        self.service.metrics.count("shed")
        self._forget_head()
        retry_after = self.service.limits.retry_after
        self.transport.write(refusal(reason, retry_after, closing=self.service.draining))
        if self.service.draining:
            self.transport.close()
        else:
            self._await_next()
        return True

    def _await_next(self) -> None:
        self._unset_keepalive_if_required()
        self.timeout_keep_alive_task = self.loop.call_later(
            self.timeout_keep_alive, self.timeout_keep_alive_handler
        )

    def _await_rest(self) -> None:
        """Let the body still come whose request is answered already: it is not another head."""
        if self._head_timer is None:
            seconds = self.service.limits.body_seconds
            self._head_timer = self.loop.call_later(seconds, self.transport.close)

    def _await_head(self) -> None:
        self._head_timer = self.loop.call_later(self.service.limits.head_seconds, self._give_up)

    def _forget_head(self) -> None:
        self._head_bytes = 0
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _give_up(self) -> None:
        if not self._head_bytes:  # it was opened in advance, and not needed
            self.transport.close()
        elif self._head_bytes > _LONGEST_HEAD:
            error = f"the head is larger than {_LONGEST_HEAD:,} bytes"
            self._end(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "too_large", error)
        else:
            error = f"the head was not there within {self.service.limits.head_seconds:g} s"
            self._end(HTTPStatus.REQUEST_TIMEOUT, "too_slow", error)

    def _end(self, status: HTTPStatus, reason: str, error: str) -> None:
        if not self.transport.is_closing():
            self.service.metrics.count_bad(reason)
            self.transport.write(_answer(status, {"error": error}, "Connection: close"))
            self.transport.close()


def _is_whole(data: bytes) -> bool:
    """Return whether the bytes are one usual request with all of its body, and nothing else."""
    head, found, body = data.partition(b"\r\n\r\n")
    length = _LENGTH.search(head + b"\r\n")
    return bool(found and length and int(length[1]) == len(body)) and not _UNUSUAL.search(head)

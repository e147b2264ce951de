"""The route that answers: limits on the body, request ids, one log line per request."""

from __future__ import annotations

import asyncio
import json
import logging
import re
import uuid
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from mlsd.runtime import InputError
from mlsd.serving.limits import Overloaded
from mlsd.serving.logs import RateLimit
from mlsd.serving.service import Service

_LOG = logging.getLogger(__name__)
_SANE_ID = re.compile(rb"[!-~]{1,64}")
_LONGEST_MESSAGE = 300
_DISCARDED_BYTES, _DISCARDING_SECONDS = 1_000_000, 0.5

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class HungUp(Exception):
    """The caller closed the connection before the whole body was there."""


class BadBody(InputError):
    """A body that is refused before anybody tries to understand it."""

    def __init__(self, message: str, status: int, reason: str) -> None:
        super().__init__(message)
        self.status, self.reason = status, reason


@dataclass(frozen=True)
class Reply:
    """What is sent: status, body, further headers; and what the log says about it."""

    status: int
    body: dict
    outcome: str
    headers: tuple[tuple[bytes, bytes], ...] = ()
    log: MutableMapping[str, Any] | None = None
    unread: bool = False


class AnswerEndpoint:
    """Reads a request within its limits, and sends what the service answers.

    A plain ASGI application: a refusal is the cheapest answer of all, because nothing is read or
    looked at for it.

    Parameters
    ----------
    service : Service
    """

    def __init__(self, service: Service) -> None:
        self.service = service
        self._few = RateLimit()

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one request."""
        headers = dict(scope["headers"])
        request_id = request_id_of(headers)
        try:
            reply = await self._reply(headers, receive)
        except HungUp:
            self.service.metrics.count("hung_up")
            self._log(request_id, Reply(499, {}, "hung_up"))
            return
        if reply.status != 200:
            reply.body["request_id"] = request_id
        await _send(reply, request_id, receive, send)
        self._log(request_id, reply)

    async def _reply(self, headers: dict[bytes, bytes], receive: Receive) -> Reply:
        metrics = self.service.metrics
        try:
            self.service.admit()
            return _answered(await self.service.answer(await self._body(headers, receive)))
        except Overloaded as error:
            return _refused(error)
        except BadBody as error:
            metrics.count_bad(error.reason)
            return _wrong(error, error.status, unread=True)
        except InputError as error:
            metrics.count_bad("invalid")
            return _wrong(error, 400)
        except HungUp:
            raise
        except Exception:
            metrics.count("failed")
            _LOG.exception("a request failed, and the fallback with it")
            return Reply(500, {"error": "the service failed to answer"}, "failed")

    async def _body(self, headers: dict[bytes, bytes], receive: Receive) -> bytes:
        limit = self.service.limits
        _require_json(headers)
        if int(headers.get(b"content-length", b"0")) > limit.body_bytes:
            raise _too_large(limit.body_bytes)
        try:
            async with asyncio.timeout(limit.body_seconds):
                return await _read(receive, limit.body_bytes)
        except TimeoutError:
            message = f"the body was not there within {limit.body_seconds:g} s; send it again"
            raise BadBody(message, 408, "too_slow") from None

    def _log(self, request_id: str, reply: Reply) -> None:
        fields = {"request_id": request_id, "status": reply.status, "outcome": reply.outcome}
        if reply.outcome != "model":
            held_back = self._few.held_back(reply.outcome)
            if held_back is None:
                return
            fields["held_back"] = held_back
        if "error" in reply.body:
            fields["error"] = reply.body["error"]
        _LOG.info("request", extra={"fields": {**fields, **(reply.log or {})}})


def request_id_of(headers: dict[bytes, bytes]) -> str:
    """Return the id that a request brings, if it is short and printable; else a new one.

    Examples
    --------
    >>> request_id_of({b"x-request-id": b"abc-1"})
    'abc-1'
    >>> len(request_id_of({b"x-request-id": b"two words"}))
    32
    """
    given = headers.get(b"x-request-id", b"")
    return given.decode() if _SANE_ID.fullmatch(given) else uuid.uuid4().hex


def _require_json(headers: dict[bytes, bytes]) -> None:
    kind = headers.get(b"content-type", b"application/json").partition(b";")[0].strip().lower()
    if kind != b"application/json":
        raise BadBody("send JSON, with Content-Type: application/json", 415, "media_type")
    if headers.get(b"content-encoding", b"identity").lower() != b"identity":
        raise BadBody("the body must not be compressed", 415, "media_type")


async def _read(receive: Receive, limit: int) -> bytes:
    body, more = b"", True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise HungUp
        body += message.get("body", b"")
        if len(body) > limit:
            raise _too_large(limit)
        more = message.get("more_body", False)
    return body


def _too_large(limit: int) -> BadBody:
    return BadBody(f"the body is larger than {limit:,} bytes; send fewer", 413, "too_large")


def _answered(answer: Any) -> Reply:
    milliseconds = {stage: round(1e3 * s, 3) for stage, s in answer.seconds.items()}
    timing = ", ".join(f"{stage};dur={value}" for stage, value in milliseconds.items())
    body = {**answer.body, "source": answer.source, "version": answer.version}
    log = {"version": answer.version, "milliseconds": milliseconds}
    return Reply(200, body, answer.source, ((b"server-timing", timing.encode()),), log)


def _refused(error: Overloaded) -> Reply:
    body = {"error": str(error), "retry_after_seconds": error.retry_after}
    retry = (b"retry-after", str(error.retry_after).encode())
    return Reply(503, body, "shed", (retry,), unread=True)


def _wrong(error: InputError, status: int, *, unread: bool = False) -> Reply:
    message = " ".join(str(error).split())[:_LONGEST_MESSAGE]
    return Reply(status, {"error": message}, "bad_request", unread=unread)


async def _send(reply: Reply, request_id: str, receive: Receive, send: Send) -> None:
    text = json.dumps(reply.body, separators=(",", ":")).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(text)).encode()),
        (b"x-request-id", request_id.encode()),
        *reply.headers,
    ]
    closing = reply.unread and reply.outcome == "bad_request"
    if closing:
        headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    await send({"type": "http.response.body", "body": text, "more_body": closing})
    if closing:
        await _discard(receive)
        await send({"type": "http.response.body"})


async def _discard(receive: Receive) -> None:
    """Read a little of what still comes: a connection closed over unread bytes loses the answer."""
    left, more = _DISCARDED_BYTES, True
    with suppress(TimeoutError):
        async with asyncio.timeout(_DISCARDING_SECONDS):
            while more and left > 0:
                message = await receive()
                left -= len(message.get("body", b""))
                more = message.get("more_body", False)

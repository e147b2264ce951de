"""Refusals at the door are answers like any other, and only whole, usual requests get one."""

import asyncio
import json
from http.client import HTTPResponse
from io import BytesIO

import pytest
import uvicorn
from fake_service import FakeEngine
from uvicorn.server import ServerState

from mlsd.serving import Service, ServiceLimits
from mlsd.serving.protocol import _is_whole, _JoinedWrites, make_protocol, refusal

WHOLE = b"POST /rank HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}"


class Sent:
    """A socket that has received some bytes."""

    def __init__(self, data):
        self.data = data

    def makefile(self, mode):
        return BytesIO(self.data)


@pytest.mark.parametrize("closing", [False, True])
def test_a_refusal_is_http_with_a_body_and_a_time_to_come_back(closing):
    answer = HTTPResponse(Sent(refusal("7 requests are waiting", 3, closing=closing)))
    answer.begin()
    assert (answer.status, answer.headers["Retry-After"], answer.will_close) == (503, "3", closing)
    body = json.loads(answer.read())
    assert body["error"] == "7 requests are waiting"
    assert body["retry_after_seconds"] == 3
    assert body["request_id"] == answer.headers["X-Request-ID"]


def test_two_refusals_have_two_ids():
    assert refusal("x", 1, closing=False) != refusal("x", 1, closing=False)


def test_a_request_is_whole_with_all_of_its_body_and_nothing_behind_it():
    assert _is_whole(WHOLE)
    assert not any(_is_whole(WHOLE[:cut]) for cut in range(len(WHOLE)))
    assert not _is_whole(WHOLE + b"POST")
    assert not _is_whole(WHOLE.replace(b"Content-Length: 2", b"Content-Length: 99999999"))


@pytest.mark.parametrize(
    "header", ["X-Request-ID: a", "connection: close", "Transfer-Encoding: chunked", "Expect: x"]
)
def test_a_request_with_a_header_that_matters_goes_the_whole_way(header):
    assert not _is_whole(WHOLE.replace(b"Host: x", header.encode()))


class Recorder:
    """A transport that notes what it was told."""

    def __init__(self):
        self.told = []

    def write(self, data):
        self.told.append(data)

    def close(self):
        self.told.append("closed")

    def is_closing(self):
        return "closed" in self.told

    def get_extra_info(self, name):
        return None


def connected(service, transport):
    kind = make_protocol(service, "/rank")
    config = uvicorn.Config(None, http=kind, log_config=None)
    config.load()
    protocol = kind(config=config, server_state=ServerState(), app_state={})
    protocol.connection_made(transport)
    return protocol


@pytest.mark.parametrize("draining", [False, True])
def test_a_refusal_ends_the_connection_where_the_service_ends(draining):
    async def talk():
        service, transport = Service(FakeEngine()), Recorder()
        service.waiting = 0 if draining else service.limits.max_waiting
        service.draining = draining
        connected(service, transport).data_received(WHOLE)
        await asyncio.sleep(0)
        service.close()
        return transport

    transport = asyncio.run(talk())
    answer = HTTPResponse(Sent(transport.told[0]))
    answer.begin()
    assert (answer.status, answer.headers["Retry-After"]) == (503, "1")
    assert (answer.will_close, transport.is_closing()) == (draining, draining)


def test_a_connection_that_was_opened_in_advance_is_closed_without_a_word():
    async def wait():
        service, transport = Service(limits=ServiceLimits(head_seconds=0.01)), Recorder()
        connected(service, transport)
        await asyncio.sleep(0.1)
        service.close()
        return service, transport

    service, transport = asyncio.run(wait())
    assert transport.told == ["closed"]
    assert service.metrics.outcomes()["bad_request"] == 0


def test_writes_of_one_step_are_sent_at_once_and_before_the_end():
    async def talk():
        inner = Recorder()
        joined = _JoinedWrites(inner, asyncio.get_running_loop())
        for part in (b"head", b"body"):
            joined.write(part)
        before = list(inner.told)
        await asyncio.sleep(0)
        joined.write(b"next")
        joined.close()
        await asyncio.sleep(0)
        return before, inner.told, joined.is_closing()

    assert asyncio.run(talk()) == ([], [b"headbody", b"next", "closed"], True)


def test_the_message_of_a_refusal_needs_no_escaping():
    service = Service(limits=ServiceLimits(max_waiting=1))
    reasons = [service.refusal()]
    service.draining = True
    reasons.append(service.refusal())
    for reason in reasons:
        body = refusal(reason, 1, closing=False).partition(b"\r\n\r\n")[2]
        assert json.loads(body)["error"] == reason
    service.close()

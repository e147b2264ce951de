"""The load generator: open loop, latency from when a request was due, and every loss a miss."""

import asyncio
import math
import time

import numpy as np
import pytest

from mlsd.runtime import InputError
from mlsd.serving.load import LoadReport, as_post, drive, outcome_of
from mlsd.serving.server import HOST


def report(latency, outcome):
    zeros = np.zeros(len(latency))
    return LoadReport(zeros, np.array(latency), np.array(outcome), zeros)


def test_whatever_is_not_the_models_answer_in_time_is_a_miss():
    outcome = ["model", "model", "timeout", "shed", "failed"]
    loaded = report([0.01, 0.06, 0.03, 0.001, math.inf], outcome)
    assert loaded.hit_share(0.05) == 0.2
    assert loaded.share("timeout", "shed") == 0.4
    assert loaded.quantile_ms(1.0, "model") == 60.0
    assert loaded.quantile_ms(0.5, "error") is None
    assert loaded.quantile_with_misses_ms(0.25) == 60.0
    assert loaded.quantile_with_misses_ms(0.3) is None


@pytest.mark.parametrize(
    ("head", "body"),
    [
        (b"HTTP/1.1 503 Service Unavailable", b"{}"),
        (b"HTTP/1.1 500 Internal Server Error\r\nretry-after: 1", b"{}"),
        (b"HTTP/1.1 200 OK", b'{"source":"cache"}'),
        (b"HTTP/1.1 400 Bad Request", b'{"source":"model"}'),
    ],
)
def test_an_answer_that_is_neither_one_nor_a_refusal_in_form_has_failed(head, body):
    assert outcome_of(head, body) == "failed"


def test_there_is_a_request_for_each_arrival():
    with pytest.raises(InputError, match="3 arrivals need as many requests, not 2"):
        asyncio.run(drive(1, [b"a", b"b"], np.arange(3.0)))


async def _serve(handle, requests, due):
    server = await asyncio.start_server(handle, HOST, 0)
    async with server:
        return await drive(server.sockets[0].getsockname()[1], requests, due)


def test_a_pause_of_the_service_is_seen_by_all_who_came_meanwhile():
    gate = asyncio.Event

    async def pausing():
        opened, seen = gate(), []

        async def handle(reader, writer):
            while head := await reader.readuntil(b"\r\n\r\n"):
                seen.append(head)
                await reader.readexactly(2)
                asyncio.get_running_loop().call_later(0.5, opened.set)
                await opened.wait()
                body = b'{"source":"model"}'
                # In pieces, as a network may deliver it.
                head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body)
                for part in (head[:9], head[9:], body[:5], body[5:]):
                    writer.write(part)
                    await writer.drain()
                    await asyncio.sleep(0)

        return await _serve(handle, [as_post("/rank", b"{}")] * 5, np.arange(5) * 0.1), seen

    loaded, seen = asyncio.run(pausing())
    # A closed loop would have sent one request, and noted one slow answer.
    assert len(seen) == 5
    assert set(loaded.outcome) == {"model"}
    assert (loaded.latency > 0.5 - np.arange(5) * 0.1 - 0.05).all()
    assert loaded.latency[0] > loaded.latency[4]


def test_a_request_that_is_sent_late_was_due_all_the_same():
    async def handle(reader, writer):
        while await reader.readuntil(b"\r\n\r\n"):
            await reader.readexactly(2)
            if not seen:  # the generator stands still as well: it runs on the same core
                time.sleep(0.5)
            seen.append(1)
            writer.write(b'HTTP/1.1 200 OK\r\nContent-Length: 18\r\n\r\n{"source":"model"}')

    seen = []
    due = np.array([0.0, 0.2])
    loaded = asyncio.run(_serve(handle, [as_post("/rank", b"{}")] * 2, due))
    assert loaded.late[1] > 0.2
    assert (loaded.latency >= loaded.late).all()
    assert loaded.latency[0] > 0.5


def test_a_service_that_hangs_up_or_is_not_there_has_failed():
    async def hang_up(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.close()

    requests, due = [as_post("/rank", b"{}")] * 3, np.zeros(3)
    loaded = asyncio.run(_serve(hang_up, requests, due))
    assert loaded.share("failed") == 1.0
    assert np.isinf(loaded.latency).all()
    assert asyncio.run(drive(9, requests, due)).share("failed") == 1.0

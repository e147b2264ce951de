"""The service as a process: malformed requests, overload, swaps under load, signals, kill -9."""

import asyncio
import json
import os
import random
import re
import signal
import socket
import subprocess
import sys
import time
from contextlib import ExitStack, suppress

import numpy as np
import psutil
import pytest
from fake_service import live_service, write_version

from mlsd.serving import poisson_arrivals
from mlsd.serving.load import as_post, drive
from mlsd.serving.server import HOST

pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals as on Linux and macOS")
GOOD = b'{"context": {}, "ad_ids": [1, 2, 3]}'


@pytest.fixture
def start(tmp_path):
    def start(*, sleep_ms=0.0, **limits):
        write_version(tmp_path / "root", "1", sleep_ms=sleep_ms)
        # A machine that pauses for a moment must not fill the queue; tests of it set their own.
        limits = {"max_waiting": 500, **limits}
        return live_service(tmp_path / "root", tmp_path / "log", **limits)

    return start


def talk(live, raw, *, seconds=20.0):
    """Send bytes as they are; return everything that comes back until the connection is closed."""
    with socket.create_connection((HOST, live.port), timeout=seconds) as connection:
        with suppress(ConnectionError):
            connection.sendall(raw)
        return receive(connection)


def receive(connection):
    received = b""
    with suppress(ConnectionError):
        while part := connection.recv(65_536):
            received += part
    return received


def post(body, *headers, length=None):
    lines = [
        "POST /rank HTTP/1.1",
        "Host: x",
        "Connection: close",
        f"Content-Length: {len(body) if length is None else length}",
        *headers,
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def load(live, rate, seconds, body=GOOD, seed=0):
    due = poisson_arrivals(rate, seconds, seed)
    return asyncio.run(drive(live.port, [as_post("/rank", body)] * len(due), due))


# Kinds of malformed requests; each makes one from a seeded generator.
def _deep(r):
    opening = r.choice(["[", '{"a":'])
    return post(b'{"context": {}, "ad_ids": ' + opening.encode() * r.randint(100, 10_000))


def _huge_number(r):
    digits = b"9" * r.choice([400, 4_301, 20_000])
    field = r.choice([b'"ad_ids": [%s]', b'"ad_ids": [1], "bids": [%s]'])
    return post(b'{"context": {}, ' + field % digits + b"}")


def _not_a_number(r):
    value = r.choice([b"NaN", b"Infinity", b"-Infinity", b"1e999", b"-1", b"1.5", b"true", b"null"])
    return post(b'{"context": {}, "ad_ids": [1, %s]}' % value)


def _wrong_type(r):
    value = r.choice([b"[]", b"3", b'"x"', b"{}", b"null", b'{"context": 3}', b'{"ad_ids": [1]}'])
    return post(value)


def _unknown_field(r):
    return post(b'{"context": {}, "ad_ids": [1], "%s": 1}' % (b"k" * r.randint(1, 50_000)))


def _long_text(r):
    return post(b'{"context": {}, "ad_ids": ["%s"]}' % (b"x" * r.randint(1, 60_000)))


def _too_many(r):
    return post(b'{"context": {}, "ad_ids": [' + b"1," * r.randint(1_000, 30_000) + b"1]}")


def _too_large(r):
    return post(b"[" + b"1," * 500_000 + b"1]")


def _claims_too_much(r):
    return post(b"", length=r.choice([65_537, 10**9, 10**15]))


def _chunked_too_large(r):
    head = post(b"").replace(b"Content-Length: 0", b"Transfer-Encoding: chunked")
    return head + (b"1000\r\n" + b"x" * 4096 + b"\r\n") * r.randint(20, 60) + b"0\r\n\r\n"


def _cut_off(r):
    return post(GOOD[: r.randint(0, len(GOOD) - 1)])


def _random_bytes(r):
    return post(r.randbytes(r.randint(1, 500)))


def _not_unicode(r):
    return post(b'{"context": {"\xff\xfe": 1}, "ad_ids": [1]}')


def _wrong_medium(r):
    return post(GOOD, f"Content-Type: {r.choice(['text/plain', 'text/html', 'x' * 1_000])}")


def _wrong_encoding(r):
    return post(GOOD, f"Content-Encoding: {r.choice(['gzip', 'br', 'x'])}")


def _wrong_route(r):
    path = r.choice(["/", "/rank/", "/rank?x=1", "/../etc/passwd", "/" + "x" * 5_000, "/%00", "*"])
    return f"PUT {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode()


def _not_http(r):
    return r.randbytes(r.randint(10, 500)).replace(b"\n", b"") + b"\r\n\r\n"


def _bad_head(r):
    line = r.choice(
        [b"Content-Length: -1", b"Content-Length: 1x", b"no colon", b": x", b"a\x00b: c"]
    )
    return b"POST /rank HTTP/1.1\r\nHost: x\r\n" + line + b"\r\n\r\n"


def _two_lengths(r):
    return post(GOOD, f"Content-Length: {r.randint(1, 9)}")


MALFORMED = [make for name, make in list(globals().items()) if re.match("_[a-z]", name)]


def test_260_malformed_requests_are_4xx_and_a_good_one_beside_them_is_in_time(start):
    generator = random.Random(0)
    statuses = {}
    with start(timeout_seconds=5.0) as live:
        process = psutil.Process(live.process.pid)
        before, bad = process.memory_info().rss, 0
        for make in MALFORMED * (-(-260 // len(MALFORMED))):
            answer = talk(live, make(generator))
            status = answer[9:12].decode()
            statuses.setdefault(make.__name__, set()).add(status)
            assert status[:1] == "4", (make.__name__, answer[:200])
            body = answer.partition(b"\r\n\r\n")[2]
            assert len(body) < 400, (make.__name__, body[:400])
            assert b"\n" not in body, make.__name__
            bad += 1
            begun = time.perf_counter()
            assert talk(live, post(GOOD))[9:12] == b"200"
            assert time.perf_counter() - begun < 2.0
        assert live.metric('mlsd_requests_total{outcome="bad_request"}') == bad >= 260
        assert live.metric('mlsd_requests_total{outcome="model"}') == bad
        assert live.metric('mlsd_requests_total{outcome="failed"}') == 0
        assert process.memory_info().rss - before < 40e6
        assert live.process.poll() is None
    assert "Traceback" not in live.log.read_text()
    assert statuses["_claims_too_much"] == statuses["_too_large"] == {"413"}
    assert statuses["_wrong_medium"] == {"415"}


def test_a_route_with_a_slash_too_many_is_not_found_rather_than_sent_to_the_host_it_names(start):
    with start() as live:
        for line in ("POST /rank/", "GET /healthz/"):
            answer = talk(live, f"{line} HTTP/1.0\r\nHost: elsewhere.example\r\n\r\n".encode())
            assert answer.startswith(b"HTTP/1.1 404")
            assert b"elsewhere" not in answer


def test_a_body_of_50_megabytes_is_answered_before_it_is_read_and_not_kept(start):
    with start() as live:
        process = psutil.Process(live.process.pid)
        before = process.memory_info().rss
        answer = talk(live, post(b"x" * 50_000_000))
        assert process.memory_info().rss - before < 20e6
        assert answer[9:12] in (b"413", b""), "answered, unless the kernel dropped it unread"
        assert talk(live, post(b"", length=50_000_000))[9:12] == b"413"


def test_a_head_without_an_end_is_cut_off(start):
    with start() as live:
        process = psutil.Process(live.process.pid)
        before = process.memory_info().rss
        head = b"POST /rank HTTP/1.1\r\n" + b"x-a: " + b"a" * 1_000_000
        # Without httptools it is the parser that gives up first, with status 400.
        assert talk(live, head)[9:12] in (b"431", b"400")
        assert live.metric('mlsd_requests_total{outcome="bad_request"}') == 1
        assert process.memory_info().rss - before < 5e6


def test_500_half_sent_requests_are_closed_while_others_are_answered(start):
    half_head, half_body = b"POST /rank HTTP/1.1\r\nHost:", post(GOOD[:5], length=len(GOOD))
    limits = {"head_seconds": 1.5, "body_seconds": 1.5, "timeout_seconds": 5.0}
    with start(**limits) as live:
        connections = [socket.create_connection((HOST, live.port), timeout=20) for _ in range(500)]
        for i, connection in enumerate(connections):
            connection.sendall(half_body if i % 2 else half_head)
        assert load(live, 100, 1.0).share("model") == 1.0
        answers = [connection.recv(1_000) for connection in connections]
        assert {answer[9:12] for answer in answers} == {b"408"}
        assert live.metric('mlsd_bad_requests_total{reason="too_slow"}') == 500
        for connection in connections:
            connection.close()
        assert "Traceback" not in live.log.read_text()


def test_callers_who_hang_up_are_counted_and_leave_no_traceback(start):
    with start() as live:
        for _ in range(50):
            with socket.create_connection((HOST, live.port)) as connection:
                connection.sendall(post(GOOD[:5], length=len(GOOD)))
        deadline = time.monotonic() + 20
        while live.metric('mlsd_requests_total{outcome="hung_up"}') < 50:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        lines = live.log.read_text().splitlines()
        assert len(lines) < 10
        assert "Traceback" not in "".join(lines)


def test_a_connection_too_many_is_refused_with_a_time_to_come_back(start):
    with start(max_connections=20, timeout_seconds=5.0) as live:
        held = [socket.create_connection((HOST, live.port), timeout=20) for _ in range(20)]
        time.sleep(0.2)
        held[-1].sendall(as_post("/rank", GOOD))
        assert held[-1].recv(10_000).startswith(b"HTTP/1.1 200")
        answer = talk(live, b"").decode()
        assert answer.startswith("HTTP/1.1 503")
        assert "Retry-After: 1" in answer
        head, _, body = answer.partition("\r\n\r\n")
        assert f"Content-Length: {len(body)}" in head
        assert json.loads(body)["error"] == "too many connections"
        for connection in held:
            connection.close()
        time.sleep(0.2)
        assert talk(live, post(GOOD))[9:12] == b"200"


def test_a_connection_without_a_next_request_is_closed_after_its_time(start):
    with (
        start(idle_seconds=1, timeout_seconds=5.0) as live,
        socket.create_connection((HOST, live.port), timeout=20) as connection,
    ):
        connection.sendall(as_post("/rank", GOOD))
        assert connection.recv(10_000).startswith(b"HTTP/1.1 200")
        begun = time.monotonic()
        assert receive(connection) == b""
        assert 0.5 < time.monotonic() - begun < 4.0


def test_at_twice_the_capacity_the_admitted_keep_their_deadline_and_others_are_told(start):
    # One worker and 20 milliseconds each: 50 a second fit, and 100 come.
    with start(sleep_ms=20, timeout_seconds=0.4) as live:
        load(live, 40, 1.0)
        report = load(live, 100, 5.0, seed=1)
        assert report.share("failed") == 0
        assert 0.25 < report.share("shed") < 0.7
        assert report.share("model") > 0.3
        assert report.share("timeout") < 0.05
        # The machine may be busy with other things; what is far from the deadline is the queue.
        assert report.quantile_ms(0.9, "model") < 500
        assert report.quantile_ms(0.9, "shed") < 100
        assert live.metric('mlsd_requests_total{outcome="shed"}') >= report.share("shed") * 400


def test_connections_beyond_the_files_that_a_shell_allows_do_not_stop_it(start):
    import resource

    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    with ExitStack() as held:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (128, before[1]))
            live = held.enter_context(start(timeout_seconds=5.0))
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, before)
        for _ in range(200):
            held.enter_context(socket.create_connection((HOST, live.port)))
        assert talk(live, post(GOOD))[9:12] == b"200"
        assert "out of system resource" not in live.log.read_text()


def test_a_refused_caller_keeps_the_connection_and_is_answered_later(start):
    with (
        start(max_waiting=1, timeout_seconds=10.0) as live,
        socket.create_connection((HOST, live.port), timeout=20) as first,
        socket.create_connection((HOST, live.port), timeout=20) as second,
    ):
        first.sendall(post(b'{"context": {"sleep_ms": 700}, "ad_ids": [1]}'))
        while live.metric("mlsd_requests_in_flight") != 1:
            time.sleep(0.02)
        for _ in range(3):
            second.sendall(as_post("/rank", GOOD))
            refused = second.recv(10_000)
            assert refused.startswith(b"HTTP/1.1 503")
            assert b"1 requests are waiting" in refused
        assert b'"source":"model"' in receive(first)
        second.sendall(as_post("/rank", GOOD))
        assert b'"source":"model"' in second.recv(10_000)
        assert live.metric('mlsd_requests_total{outcome="shed"}') == 3


@pytest.mark.parametrize("request_line", ["POST /rank", "POST /nowhere", "GET /healthz"])
def test_a_body_that_comes_after_its_answer_is_not_taken_for_another_request(start, request_line):
    late, head = b"x" * 60_000, f"{request_line} HTTP/1.1\r\nHost: x\r\n"
    with (
        start(max_waiting=1, timeout_seconds=20.0, head_seconds=0.3) as live,
        socket.create_connection((HOST, live.port), timeout=20) as first,
        socket.create_connection((HOST, live.port), timeout=20) as second,
    ):
        first.sendall(post(b'{"context": {"sleep_ms": 2500}, "ad_ids": [1]}'))
        while live.metric("mlsd_requests_in_flight") != 1:
            time.sleep(0.02)
        for _ in range(2):
            second.sendall(f"{head}Content-Length: {len(late)}\r\n\r\n".encode())
            status = {"POST /rank": b"503", "POST /nowhere": b"404", "GET /healthz": b"200"}
            assert second.recv(10_000)[9:12] == status[request_line]
            second.sendall(late[:100])
            time.sleep(0.5)
            second.sendall(late[100:])
            time.sleep(0.5)
        assert b'"source":"model"' in receive(first)
        second.sendall(as_post("/rank", GOOD))
        assert b'"source":"model"' in second.recv(10_000)
        assert live.metric('mlsd_bad_requests_total{reason="too_slow"}') == 0


def test_a_body_without_an_end_after_its_answer_is_cut_off(start):
    with start(body_seconds=0.5) as live:
        head = b"GET /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\n\r\n"
        with socket.create_connection((HOST, live.port), timeout=20) as connection:
            begun = time.monotonic()
            connection.sendall(head)
            with suppress(ConnectionError):
                while time.monotonic() < begun + 10:
                    connection.sendall(b"x")
                    time.sleep(0.05)
            assert time.monotonic() - begun < 5


def test_no_request_fails_while_six_versions_take_over(start, tmp_path):
    with start(timeout_seconds=5.0) as live:

        async def swap_and_load():
            due = poisson_arrivals(150, 5.0, 0)
            requests = [as_post("/rank", GOOD)] * len(due)
            loading = asyncio.create_task(drive(live.port, requests, due))
            for version in range(2, 8):
                await asyncio.sleep(0.6)
                write_version(tmp_path / "root", str(version))
                if version == 4:
                    write_version(tmp_path / "root", "45", damaged="{")
            return await loading

        report = asyncio.run(swap_and_load())
        assert set(report.outcome) == {"model"}
        assert live.metric("mlsd_swaps_total") == 6
        assert live.metric("mlsd_failed_loads_total") == 1
        assert live.metric('mlsd_artifact_info{version="7"}') == 1
        assert live.metric('mlsd_artifact_info{version="1"}') != 1


@pytest.mark.parametrize(
    ("body", "source"),
    [
        (b'{"context": {"raise": 1}, "ad_ids": [1, 2]}', "error"),
        (b'{"context": {"sleep_ms": 150}, "ad_ids": [1, 2]}', "timeout"),
    ],
)
def test_a_missing_or_slow_store_is_answered_by_the_fallback_in_time(start, body, source):
    with start(timeout_seconds=0.05) as live:
        process = psutil.Process(live.process.pid)
        threads = process.num_threads()
        report = load(live, 60, 2.0, body)
        assert set(report.outcome) <= {source, "shed"}
        assert report.share(source) > 0.9
        assert report.quantile_ms(0.9, source) < 500
        assert live.metric("mlsd_fallbacks_total") == report.share(source) * len(report.due)
        assert process.num_threads() <= threads + 1
        time.sleep(0.4)
        assert load(live, 20, 0.5).share("model", "timeout") == 1.0
        assert live.log.read_text().count("Traceback") <= 8


def test_a_store_that_hangs_takes_bounded_workers_and_the_service_goes_on(start):
    limits = {"timeout_seconds": 0.1, "stuck_seconds": 0.1, "max_stuck": 2}
    with start(**limits) as live:
        hang = b'{"context": {"sleep_ms": 20000}, "ad_ids": [1]}'
        assert b'"timeout"' in talk(live, post(hang))
        time.sleep(0.3)
        assert live.get("/readyz")[0] == 200
        assert b'"model"' in talk(live, post(GOOD))
        assert b'"timeout"' in talk(live, post(hang))
        time.sleep(0.3)
        status, text = live.get("/readyz")
        assert (status, live.get("/healthz")[0]) == (503, 200)
        assert "2 workers do not come back" in text
        assert live.metric("mlsd_stuck_workers") == 2
        live.process.send_signal(signal.SIGTERM)
        assert live.process.wait(20) == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_drains_what_was_admitted_and_ends_with_0(start, number):
    with start(timeout_seconds=10.0) as live:
        slow = post(b'{"context": {"sleep_ms": 1500}, "ad_ids": [1]}')
        with socket.create_connection((HOST, live.port), timeout=20) as admitted:
            admitted.sendall(slow)
            while live.metric("mlsd_requests_in_flight") != 1:
                time.sleep(0.02)
            live.process.send_signal(number)
            time.sleep(0.6)
            assert live.process.poll() is None
            with pytest.raises(ConnectionRefusedError):
                talk(live, post(GOOD))
            assert b'"source":"model"' in receive(admitted)
        assert live.process.wait(20) == 0
        assert '"stopping"' in live.log.read_text()
        assert "Traceback" not in live.log.read_text()


def test_a_second_signal_ends_at_once(start):
    with (
        start(timeout_seconds=30.0) as live,
        socket.create_connection((HOST, live.port), timeout=20) as admitted,
    ):
        admitted.sendall(post(b'{"context": {"sleep_ms": 20000}, "ad_ids": [1]}'))
        while live.metric("mlsd_requests_in_flight") != 1:
            time.sleep(0.02)
        live.process.send_signal(signal.SIGTERM)
        time.sleep(0.3)
        assert live.process.poll() is None
        begun = time.monotonic()
        live.process.send_signal(signal.SIGTERM)
        assert live.process.wait(20) == 128 + signal.SIGTERM
        assert time.monotonic() - begun < 3


def test_after_kill_9_under_load_it_starts_again_from_the_same_artifact(start, tmp_path):
    def content():
        return {p: p.read_bytes() for p in (tmp_path / "root").rglob("*") if p.is_file()}

    with start() as live:
        before = content()

        async def kill_under_load():
            due = poisson_arrivals(200, 1.0, 0)
            loading = asyncio.create_task(
                drive(live.port, [as_post("/rank", GOOD)] * len(due), due)
            )
            await asyncio.sleep(0.5)
            live.process.kill()
            return await loading

        report = asyncio.run(kill_under_load())
        assert 0 < report.share("failed") < 1
    assert content() == before
    with start() as live:
        assert talk(live, post(GOOD))[9:12] == b"200"


def test_it_is_alive_and_refuses_with_a_time_to_come_back_until_the_first_version_is_loaded(
    tmp_path,
):
    write_version(tmp_path / "root", "1", load_ms=2_000)
    with live_service(tmp_path / "root", tmp_path / "log", ready=False) as live:
        assert live.get("/healthz")[0] == 200
        assert live.get("/readyz") == (503, '{"status":"no artifact is loaded yet"}')
        assert live.get("/example")[0] == 503
        refused = talk(live, post(GOOD))
        assert refused.startswith(b"HTTP/1.1 503")
        assert b"no artifact is loaded yet" in refused
        assert b"retry-after: 1" in refused.lower()
        assert live.metric("mlsd_ready") == 0
        live.wait_until_ready()
        assert b'"source":"model"' in talk(live, post(GOOD))


def test_a_first_load_that_fails_ends_the_process(tmp_path):
    write_version(tmp_path / "root", "1", damaged="{")
    with live_service(tmp_path / "root", tmp_path / "log", ready=False) as live:
        assert live.process.wait(20) == 1
    *_, line = live.log.read_text().splitlines()
    assert line.startswith("fake: nothing can be served: 1: ")
    assert "Traceback" not in live.log.read_text()


def test_a_signal_during_the_first_load_ends_with_0(tmp_path):
    write_version(tmp_path / "root", "1", load_ms=20_000)
    with live_service(tmp_path / "root", tmp_path / "log", ready=False) as live:
        assert live.get("/healthz")[0] == 200
        live.process.send_signal(signal.SIGTERM)
        assert live.process.wait(10) == 0
    assert "Traceback" not in live.log.read_text()


def test_a_taken_port_is_one_line():
    code = "from mlsd.serving.server import bind; import sys; bind(int(sys.argv[1]))"
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        taken.listen()
        port = taken.getsockname()[1]
        run = subprocess.run(
            [sys.executable, "-c", code, str(port)], capture_output=True, text=True
        )
    assert f"InputError: port {port}: Address already in use; choose another" in run.stderr


def test_only_this_machine_is_listened_to(start):
    with start() as live:
        found = psutil.Process(live.process.pid).net_connections("inet")
        listening = {each.laddr.ip for each in found if each.status == psutil.CONN_LISTEN}
        assert listening == {HOST}


def test_the_log_has_one_json_line_per_answer(start):
    with start(timeout_seconds=5.0) as live:
        report = load(live, 100, 1.0)
        live.process.send_signal(signal.SIGTERM)
        live.process.wait(20)
    lines = [json.loads(line) for line in live.log.read_text().splitlines()]
    answered = [line for line in lines if line["message"] == "request"]
    assert len(answered) == len(report.due)
    assert len({line["request_id"] for line in answered}) == len(answered)
    totals = [line["milliseconds"]["total"] for line in answered]
    # What the service says of its own time is within what the callers saw.
    assert np.sum(totals) < 1e3 * report.latency.sum()

"""Limits before the body is read, request ids, and one log line per request."""

import asyncio
import json
import logging

import httpx
import numpy as np
import pytest
from fake_service import FakeEngine

from mlsd.runtime import InputError
from mlsd.serving import Served, Service, ServiceLimits, create_app

GOOD = b'{"context": {}, "ad_ids": [1, 2]}'


def exchange(service, *calls):
    """Send (method, path, arguments of httpx) to the application; return its responses."""

    async def talk():
        transport = httpx.ASGITransport(app=create_app(service, Served(title="A test")))
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            return [await client.request(m, path, **options) for m, path, options in calls]

    return asyncio.run(talk())


@pytest.fixture
def service():
    service = Service(FakeEngine(), ServiceLimits(timeout_seconds=60, body_bytes=2_000))
    yield service
    service.close()


def post(body=GOOD, **headers):
    return ("POST", "/rank", {"content": body, "headers": headers})


def test_a_body_that_says_it_is_too_large_is_not_read(service):
    asked = []

    async def receive():
        asked.append(1)
        return {"type": "http.request", "body": b"x" * 100, "more_body": False}

    sent = call(service, receive, [(b"content-length", b"2001")])
    # The answer stands complete before anything is read, and that only to close in peace.
    assert [message["type"] for message in sent[:2]] == [
        "http.response.start",
        "http.response.body",
    ]
    assert sent[0]["status"] == 413
    assert (b"connection", b"close") in sent[0]["headers"]
    assert "larger than 2,000 bytes" in json.loads(sent[1]["body"])["error"]
    assert len(asked) == 1


def call(service, receive, headers=()):
    """Call the route as a server does; return what it sent."""
    sent = []

    async def send(message):
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": "/rank", "headers": list(headers)}
    app = create_app(service)
    scope |= {"query_string": b"", "root_path": "", "client": None, "server": None}
    asyncio.run(app(scope, receive, send))
    return sent


def test_a_body_without_a_length_is_cut_off_while_it_streams(service):
    chunks = []

    async def receive():
        chunks.append(1)
        return {"type": "http.request", "body": b"x" * 900, "more_body": True}

    sent = call(service, receive)
    assert sent[0]["status"] == 413
    # Three to notice; the rest of the megabyte is discarded as it comes, and then no more is read.
    assert len(chunks) <= 3 + 1_000_000 // 900 + 1


@pytest.mark.parametrize(("size", "status"), [(2_000, 200), (2_001, 413)])
@pytest.mark.parametrize("said", [True, False])
def test_a_body_may_be_as_large_as_the_limit_and_no_larger(service, size, status, said):
    async def receive():
        return {"type": "http.request", "body": GOOD.ljust(size), "more_body": False}

    headers = [(b"content-length", str(size).encode())] if said else []
    assert call(service, receive, headers)[0]["status"] == status


def test_a_body_that_does_not_come_is_given_up():
    service = Service(FakeEngine(), ServiceLimits(body_seconds=0.05))

    async def receive():
        await asyncio.sleep(60)

    sent = call(service, receive, [(b"content-length", b"10")])
    assert sent[0]["status"] == 408
    assert service.metrics.value("mlsd_bad_requests_total", reason="too_slow") == 1
    service.close()


def test_a_caller_who_hangs_up_is_one_line_and_no_answer(service, caplog):
    async def receive():
        return {"type": "http.disconnect"}

    with caplog.at_level(logging.INFO, "mlsd.serving"):
        assert call(service, receive) == []
    assert service.metrics.outcomes()["hung_up"] == 1
    assert [record.fields["outcome"] for record in caplog.records] == ["hung_up"]
    assert caplog.records[0].exc_info is None


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Content-Type": "application/json; charset=utf-8"}, 200),
        ({"Content-Type": "Application/JSON"}, 200),
        ({"Content-Type": "text/plain"}, 415),
        ({"Content-Type": "application/x-www-form-urlencoded"}, 415),
        ({"Content-Encoding": "gzip"}, 415),
        ({"Content-Encoding": "identity"}, 200),
    ],
)
def test_the_body_has_to_be_plain_json(service, headers, status):
    (answer,) = exchange(service, post(**headers))
    assert answer.status_code == status
    assert service.metrics.value("mlsd_bad_requests_total", reason="media_type") == (status == 415)


@pytest.mark.parametrize("given", ["abc-1", "a" * 64])
def test_a_sane_request_id_comes_back(service, given):
    (answer,) = exchange(service, post(**{"X-Request-ID": given}))
    assert answer.headers["X-Request-ID"] == given


@pytest.mark.parametrize("given", ["", "a" * 65, "two words", "tab\there", b"\xff\xfe"])
def test_another_request_id_is_replaced(service, given):
    first, second = exchange(service, *[post(**{"X-Request-ID": given})] * 2)
    ids = {first.headers["X-Request-ID"], second.headers["X-Request-ID"]}
    assert len(ids) == 2
    assert all(len(each) == 32 and each.isalnum() for each in ids)


def test_the_id_stands_in_the_log_and_in_the_body_of_errors(service, caplog):
    with caplog.at_level(logging.INFO, "mlsd.serving"):
        good, bad = exchange(
            service, post(**{"X-Request-ID": "good"}), post(b"[]", **{"X-Request-ID": "bad"})
        )
    assert "request_id" not in good.json()
    assert bad.json()["request_id"] == "bad"
    lines = [record.fields for record in caplog.records]
    assert [line["request_id"] for line in lines] == ["good", "bad"]
    assert [line["status"] for line in lines] == [200, 400]
    assert set(lines[0]["milliseconds"]) == {"queue", "store", "score", "total"}
    assert lines[1]["error"] == bad.json()["error"]


def test_stages_are_told_in_milliseconds(service, caplog):
    with caplog.at_level(logging.INFO, "mlsd.serving"):
        (answer,) = exchange(service, post(b'{"context": {"sleep_ms": 20}, "ad_ids": [1]}'))
    stages = dict(part.split(";dur=") for part in answer.headers["Server-Timing"].split(", "))
    milliseconds = {stage: float(value) for stage, value in stages.items()}
    assert 20 <= milliseconds["store"] <= milliseconds["total"] < 10_000
    assert caplog.records[0].fields["milliseconds"] == milliseconds


def test_the_wait_for_a_worker_is_a_stage_of_its_own(service):
    async def two_at_once():
        body = b'{"context": {"sleep_ms": 50}, "ad_ids": [1]}'
        return await asyncio.gather(service.answer(body), service.answer(body))

    first, second = (answer.seconds for answer in asyncio.run(two_at_once()))
    assert second["queue"] > 0.04 < first["store"]
    assert first["queue"] + first["store"] <= first["total"]


def test_refusals_are_logged_once_a_second(service, caplog):
    service.waiting = service.limits.max_waiting
    with caplog.at_level(logging.INFO, "mlsd.serving"):
        answers = exchange(service, *[post()] * 20)
    assert {answer.status_code for answer in answers} == {503}
    assert len(caplog.records) == 1
    assert service.metrics.outcomes()["shed"] == 20


class Strange(FakeEngine):
    """Raises what nobody expects, where it is told to."""

    def __init__(self, parsing=None, falling=None):
        super().__init__()
        self.parsing, self.falling = parsing, falling

    def parse(self, body):
        if self.parsing:
            raise self.parsing
        return super().parse(body)

    def fallback(self, request):
        if self.falling:
            raise self.falling
        return super().fallback(request)


def ask(engine, body=GOOD):
    service = Service(engine, ServiceLimits(timeout_seconds=60))
    (answer,) = exchange(service, post(body))
    service.close()
    return answer, service.metrics


@pytest.mark.parametrize("error", [RecursionError("deep"), OverflowError("huge"), KeyError("x")])
def test_a_parser_that_gives_up_is_the_callers_fault(error):
    answer, metrics = ask(Strange(parsing=error))
    assert answer.status_code == 400
    assert answer.json()["error"] == f"request: it cannot be read ({type(error).__name__})"
    assert metrics.value("mlsd_bad_requests_total", reason="invalid") == 1


def test_a_message_is_one_line_that_is_not_long():
    answer, _ = ask(Strange(parsing=InputError("a\nb " + "x" * 10_000)))
    assert answer.status_code == 400
    assert answer.json()["error"].startswith("a b xxx")
    assert len(answer.json()["error"]) == 300


def test_a_fallback_that_fails_is_a_500_and_counted():
    body = b'{"context": {"raise": 1}, "ad_ids": [1]}'
    answer, metrics = ask(Strange(falling=RuntimeError("broken")), body)
    assert (answer.status_code, metrics.outcomes()["failed"]) == (500, 1)
    assert "broken" not in answer.text


def test_ready_and_alive_are_told_apart():
    service = Service()
    calls = [("GET", path, {}) for path in ("/healthz", "/readyz", "/example")]
    health, ready, example = exchange(service, *calls)
    assert (health.status_code, ready.status_code, example.status_code) == (200, 503, 503)
    assert "no artifact" in ready.json()["status"]
    (refused,) = exchange(Service(), post())
    assert (refused.status_code, refused.headers["Retry-After"]) == (503, "1")

    service = Service(FakeEngine())
    assert exchange(service, calls[1])[0].json() == {"status": "ready"}
    service.draining = True
    health, ready, _ = exchange(service, *calls)
    assert (health.status_code, ready.status_code) == (200, 503)
    assert "shutting down" in ready.json()["status"]


def test_readiness_and_the_age_of_the_artifact_stand_in_the_metrics():
    engine = FakeEngine()
    engine.created_at -= 3_600
    service = Service(engine)
    assert service.metrics.value("mlsd_ready") == 1
    assert service.metrics.value("mlsd_artifact_created_timestamp_seconds") == engine.created_at
    assert 3_600 <= service.metrics.value("mlsd_artifact_age_seconds") < 3_700
    service.draining = True
    assert service.metrics.value("mlsd_ready") == 0
    service.close()


def test_stuck_workers_are_told_by_readiness(service):
    limits = ServiceLimits(timeout_seconds=0.01, stuck_seconds=0.01, max_stuck=1)
    service = Service(FakeEngine(), limits)
    slow = post(b'{"context": {"sleep_ms": 3000}, "ad_ids": [1, 2]}')
    first, second, ready, metrics = exchange(
        service, slow, slow, ("GET", "/readyz", {}), ("GET", "/metrics", {})
    )
    assert [first.json()["source"], second.json()["source"]] == ["timeout"] * 2
    assert ready.status_code == 503
    assert "1 workers do not come back" in ready.json()["status"]
    assert "mlsd_stuck_workers 1.0" in metrics.text


def test_the_page_its_state_and_an_example(service):
    page, example = exchange(service, ("GET", "/", {}), ("GET", "/example", {}))
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    assert "://" not in page.text.replace("data:", "")
    answer, status = exchange(service, post(json.dumps(example.json())), ("GET", "/status", {}))
    assert answer.status_code == 200
    state = status.json()
    assert (state["title"], state["route"], state["version"]) == ("A test", "/rank", "1")
    assert state["not_ready"] is None
    assert 0 <= state["age_seconds"] < 600
    assert state["outcomes"]["model"] == 1
    assert 0 < state["p50_ms"] <= state["p99_ms"]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/rank", 405),
        ("POST", "/healthz", 405),
        ("GET", "/docs", 404),
        ("GET", "/x" * 99, 404),
    ],
)
def test_a_wrong_route_is_one_line(service, method, path, status):
    (answer,) = exchange(service, (method, path, {}))
    assert answer.status_code == status
    assert set(answer.json()) == {"error"}
    assert ("Allow" in answer.headers) == (status == 405)
    assert "/x" not in answer.text
    assert service.metrics.value("mlsd_bad_requests_total", reason="not_found") == 1


def test_predicted_waiting_refuses_before_the_queue_is_full():
    # Ten milliseconds each: seven tenths of a deadline of 100 hold seven, and not the eighth.
    service = Service(FakeEngine(), ServiceLimits(timeout_seconds=0.1, max_waiting=32))
    service._mean_seconds = 0.0099
    admitted = []
    for waiting in range(12):
        service.waiting = waiting
        admitted.append(service.refusal() is None)
    assert admitted == [True] * 7 + [False] * 5
    service._mean_seconds = 5.0
    service.waiting = 0
    assert service.refusal() is None, "an idle service always tries"
    service.close()


def test_what_the_store_could_not_do_in_time_does_not_lower_the_admission():
    service = Service(FakeEngine(), ServiceLimits(timeout_seconds=0.1))
    for seconds in (0.01, 5.0, 5.0):
        service._learn(seconds)
    assert service._mean_seconds == pytest.approx(0.05 * 0.01)
    service.close()


def test_examples_are_made_by_the_engine(service):
    example = FakeEngine().example(np.random.default_rng(0))
    assert len(example["ad_ids"]) == 100

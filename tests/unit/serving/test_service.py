"""The request path and its HTTP face: deadline, fallback, refusal, one line for a bad request."""

import asyncio
import threading

import httpx
import numpy as np
import pytest

from mlsd.runtime import InputError
from mlsd.serving import (
    CandidateFeatures,
    FeatureTable,
    Overloaded,
    RankingService,
    RankRequest,
    ServiceLimits,
    create_app,
)

REQUEST = b'{"context": {"hour": 3}, "ad_ids": [0, 1, 2], "bids": [1, 1, 9]}'


class Rates:
    """Predicts a rate by item; waits for a gate, or fails, where told to."""

    def __init__(self, rates, gate=None, error=None, item="ad_id"):
        self.rates, self.gate, self.error, self.item = np.array(rates), gate, error, item

    def predict_proba(self, X):
        if self.gate is not None:
            self.gate.wait(5.0)
        if self.error is not None:
            raise self.error
        p = self.rates[X[self.item]]
        return np.column_stack([1 - p, p])


FALLBACK = Rates([0.3, 0.2, 0.001])


def make_service(scorer, **limits):
    ads = FeatureTable({"category": np.zeros(4, int)})
    features = CandidateFeatures({"ad_id": ads}, context=("hour",))
    return RankingService(features, scorer, FALLBACK, ServiceLimits(**limits))


def counted(service, outcome):
    return service.metrics.outcomes()[outcome]


def run(service, *coroutines):
    async def all_of_them():
        return await asyncio.gather(*coroutines, return_exceptions=True)

    try:
        return asyncio.run(all_of_them())
    finally:
        service.close()


def test_the_model_ranks_by_bid_times_probability():
    service = make_service(Rates([0.1, 0.5, 0.05]), timeout_seconds=60)
    (answer,) = run(service, service.answer(REQUEST))
    assert answer.body == {"ad_ids": [1, 2, 0], "click_probability": [0.5, 0.05, 0.1]}
    assert answer.source == "model"
    assert list(answer.seconds) == ["queue", "features", "score", "rank", "total"]
    assert sum(list(answer.seconds.values())[:-1]) <= answer.seconds["total"]
    assert (counted(service, "model"), service.waiting) == (1, 0)


def test_the_model_can_be_asked_for_all_candidates_without_the_queue():
    service = make_service(Rates([0.1, 0.5, 0.05]))
    request = RankRequest({"hour": 3}, np.array([2, 0]), np.ones(2))
    assert service.score(request).tolist() == [0.05, 0.1]
    service.close()


def test_the_answer_is_cut_to_the_top():
    service = make_service(Rates([0.1, 0.5, 0.05]), timeout_seconds=60, top=1)
    assert run(service, service.answer(REQUEST))[0].body["ad_ids"] == [1]


def test_the_fallback_answers_for_a_slow_model():
    gate = threading.Event()
    service = make_service(Rates([0.1, 0.5, 0.05], gate), timeout_seconds=0.05)
    (answer,) = run(service, service.answer(REQUEST))
    gate.set()
    assert (answer.source, answer.body["ad_ids"]) == ("timeout", [0, 1, 2])
    assert service.waiting == 0


def test_the_fallback_answers_for_a_model_that_raises(caplog):
    service = make_service(Rates([0, 0, 0], error=RuntimeError("broken")), timeout_seconds=60)
    (answer,) = run(service, service.answer(REQUEST))
    assert (answer.source, answer.body["ad_ids"]) == ("error", [0, 1, 2])
    assert counted(service, "error") == 1
    assert "the fallback answers" in caplog.text


def test_the_fallback_is_asked_by_the_name_of_the_item():
    events = FeatureTable({"category": np.zeros(4, int)})
    features = CandidateFeatures({"event_id": events}, context=("hour",), item="event_id")
    broken = Rates([0, 0, 0], error=RuntimeError("broken"))
    fallback = Rates([0.3, 0.2, 0.001], item="event_id")
    service = RankingService(features, broken, fallback, ServiceLimits(timeout_seconds=5))
    assert run(service, service.answer(REQUEST))[0].body["ad_ids"] == [0, 1, 2]


def test_a_model_that_times_out_itself_counts_as_late():
    service = make_service(Rates([0, 0, 0], error=TimeoutError()), timeout_seconds=60)
    assert run(service, service.answer(REQUEST))[0].source == "timeout"


def test_a_full_house_refuses_and_takes_in_again():
    gate = threading.Event()
    service = make_service(Rates([0.1, 0.5, 0.05], gate), timeout_seconds=60, max_waiting=2)

    async def open_the_gate():
        gate.set()
        while service.waiting:
            await asyncio.sleep(0.001)
        service.admit()

    answers = run(service, *(service.answer(REQUEST) for _ in range(3)), open_the_gate())
    assert answers[3] is None
    assert [type(each).__name__ for each in answers[:3]] == ["Answer", "Answer", "Overloaded"]
    assert "2 requests are waiting; try again in 1 s" in str(answers[2])
    assert (counted(service, "shed"), counted(service, "model"), service.waiting) == (1, 2, 0)


def test_admission_raises_when_full():
    service = make_service(FALLBACK, max_waiting=1)
    service.waiting = 1
    with pytest.raises(Overloaded):
        service.admit()
    service.close()


def test_a_request_is_refused_that_would_be_late_by_what_others_took():
    service = make_service(Rates([0.1, 0.5, 0.05]), timeout_seconds=0.1)
    for _ in range(200):
        service._learn(0.5)  # a store that hangs says nothing about the others
    service.waiting = 1
    assert service.refusal() is None
    for _ in range(200):
        service._learn(0.04)
    service.waiting = 0
    assert service.refusal() is None  # nobody waits: it can only be tried
    service.waiting = 1  # the two of them take 80 ms, and there are 70
    assert service.refusal() == "1 requests are waiting"
    service.close()


def test_a_worker_that_hangs_is_replaced_though_nobody_asks_whether_the_service_is_ready():
    gate = threading.Event()
    slow = Rates([0.1, 0.5, 0.05], gate)
    limits = {"timeout_seconds": 0.2, "stuck_seconds": 0.05}
    service = make_service(slow, **limits)

    async def one_after_the_other():
        first = await service.answer(REQUEST)
        slow.gate = None
        return first.source, (await service.answer(REQUEST)).source

    try:
        assert run(service, one_after_the_other()) == [("timeout", "model")]
    finally:
        gate.set()


def test_limits_have_to_be_positive():
    with pytest.raises(InputError, match="max_waiting is 0"):
        ServiceLimits(max_waiting=0)


def exchange(service, *calls):
    """Send requests (method, path, content) to the application; return its responses."""

    async def talk():
        transport = httpx.ASGITransport(app=create_app(service))
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            return [await client.request(m, path, content=body) for m, path, body in calls]

    try:
        return asyncio.run(talk())
    finally:
        service.close()


def test_the_answer_over_http_names_its_source_version_and_stages():
    service = make_service(Rates([0.1, 0.5, 0.05]), timeout_seconds=60)
    (answer,) = exchange(service, ("POST", "/rank", REQUEST))
    assert answer.json() == {
        "ad_ids": [1, 2, 0],
        "click_probability": [0.5, 0.05, 0.1],
        "source": "model",
        "version": "in memory",
    }
    stages = [part.split(";")[0].strip() for part in answer.headers["Server-Timing"].split(",")]
    assert stages == ["queue", "features", "score", "rank", "total"]


def test_a_full_house_is_a_503_with_a_body_and_a_time_to_come_back():
    service = make_service(FALLBACK, max_waiting=1, retry_after=7)
    service.waiting = 1
    (answer,) = exchange(service, ("POST", "/rank", b"never read"))
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "7")
    assert answer.json()["retry_after_seconds"] == 7
    assert "1 requests are waiting" in answer.json()["error"]
    assert counted(service, "shed") == 1


WRONG = {
    b"": "not JSON",
    b"{": "not JSON",
    b'{"context": {"hour": 3}, "ad_ids": [1]} []': "not JSON",
    b"[]": "request: it is []; it should be an object",
    b'{"context": {}}': "request: ad_ids is missing",
    b'{"context": {"hour": 3}, "ad_ids": []}': "at least 1 item",
    b'{"context": {"hour": 3}, "ad_ids": [' + b"1, " * 1_000 + b"1]}": "at most 1000 items",
    b'{"context": {"hour": 3}, "ad_ids": [1, "x"]}': "ad_ids[1] is 'x'; it should be a valid int",
    b'{"context": {"hour": 3}, "ad_ids": ["1"]}': "ad_ids[0] is '1'",
    b'{"context": {"hour": 3}, "ad_ids": [1.0]}': "ad_ids[0] is 1.0",
    b'{"context": {"hour": 3}, "ad_ids": [[1]]}': "ad_ids[0] is [1]",
    b'{"context": {"hour": 3}, "ad_ids": [true]}': "ad_ids[0] is True",
    b'{"context": {"hour": 3}, "ad_ids": [-4]}': "ad_ids[0] is -4",
    b'{"context": {"hour": 3}, "ad_ids": [2147483648]}': "ad_ids[0] is 2147483648",
    b'{"context": {"hour": 3}, "ad_ids": [9223372036854775808]}': "ad_ids[0] is 92233720",
    b'{"context": {"hour": 3.5}, "ad_ids": [1]}': "context['hour'] is 3.5",
    b'{"context": {"hour": -2147483648}, "ad_ids": [1]}': "context['hour'] is -2147483648",
    b'{"context": {"a\\nb": null}, "ad_ids": [1]}': r"context['a\nb'] is None",
    b'{"context": 3, "ad_ids": [1]}': "context is 3; it should be an object",
    b'{"context": {}, "ad_ids": [1]}': "context lacks 'hour'",
    b'{"context": {"hour": 3}, "ad_ids": [1], "bids": [1, 2]}': "bids has to hold 1",
    b'{"context": {"hour": 3}, "ad_ids": [1], "bids": [-1]}': "bids[0] is -1; it should",
    b'{"context": {"hour": 3}, "ad_ids": [1], "bids": ["x"]}': "bids[0] is 'x'",
    b'{"context": {"hour": 3}, "ad_ids": [1], "bids": [NaN]}': "bids[0] is nan",
    b'{"context": {"hour": 3}, "ad_ids": [1], "bids": [1e400]}': "bids[0] is inf",
    b'{"context": {"hour": 3}, "ad_ids": [1], "bids": 2}': "bids is 2",
    b'{"context": {"hour": 3}, "ad_ids": [1], "bid": [1]}': "'bid'; did you mean 'bids'?",
}
# What overran a limit of Python itself: the depth of its stack, the range of its floats.
EXTREME = {
    b"[" * 100_000: "recursion limit exceeded",
    b'{"context": {"hour": ' + b'{"a":' * 100_000: "recursion limit exceeded",
    b'{"context": {"hour": 3}, "ad_ids": [1], "bids": [' + b"9" * 400 + b"]}": "bids[0] is 999",
    b'{"context": {"hour": 3}, "ad_ids": [' + b"9" * 400 + b"]}": "ad_ids[0] is 999",
    b'{"context": {"hour": 3}, "ad_ids": [' + b"9" * 5_000 + b"]}": "number out of range",
    b'{"context": {"' + b"x" * 100_000 + b'": 0.5}, "ad_ids": [1]}': "context['xxx",
    b'{"context": {}, "ad_ids": [1], "' + b"x" * 100_000 + b'": 1}': "unknown key 'xxx",
}


@pytest.mark.parametrize("wrong", [WRONG, EXTREME], ids=["wrong", "extreme"])
def test_a_bad_request_gets_one_clear_line(wrong):
    service = make_service(FALLBACK, timeout_seconds=60, body_bytes=10**6)
    answers = exchange(service, *(("POST", "/rank", body) for body in wrong))
    for message, answer in zip(wrong.values(), answers, strict=True):
        assert answer.status_code == 400
        assert message in answer.json()["error"]
        assert "\n" not in answer.json()["error"]
        assert len(answer.json()["error"]) < 200
    assert counted(service, "bad_request") == len(wrong)
    assert counted(service, "error") == 0


@pytest.mark.parametrize("bids", [b"", b', "bids": null'])
def test_candidates_without_bids_are_worth_1_each(bids):
    request = RankRequest.from_json(b'{"context": {"hour": -1}, "ad_ids": [7, 7, 0]' + bids + b"}")
    assert request.context == {"hour": -1}
    assert (request.ad_ids.dtype, request.ad_ids.tolist()) == (np.int64, [7, 7, 0])
    assert (request.bids.dtype, request.bids.tolist()) == (np.float64, [1, 1, 1])


def test_whole_numbers_are_bids_too():
    body = b'{"context": {}, "ad_ids": [2147483647, 1], "bids": [0, 2.5]}'
    assert RankRequest.from_json(body).bids.tolist() == [0.0, 2.5]

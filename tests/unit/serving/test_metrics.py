"""The metrics are Prometheus text, with buckets around the promise and labels of ours alone."""

import re

import pytest
from fake_service import FakeEngine
from prometheus_client.parser import text_string_to_metric_families

from mlsd.serving import Service
from mlsd.serving.metrics import BUCKETS, OUTCOMES, REASONS, ServiceMetrics


def samples(metrics):
    text = metrics.exposition().decode()
    return {
        (sample.name, *sorted(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_every_outcome_and_reason_is_there_before_it_happens():
    found = samples(ServiceMetrics())
    assert [found["mlsd_requests_total", each] for each in OUTCOMES] == [0] * len(OUTCOMES)
    assert [found["mlsd_bad_requests_total", each] for each in REASONS] == [0] * len(REASONS)


def test_outcomes_are_counted_and_fallbacks_and_bad_requests_twice():
    metrics = ServiceMetrics()
    for outcome in ("model", "model", "timeout", "error", "shed"):
        metrics.count(outcome)
    metrics.count_bad("too_large")
    expected = {"model": 2, "timeout": 1, "error": 1, "shed": 1, "bad_request": 1}
    assert {k: v for k, v in metrics.outcomes().items() if v} == expected
    found = samples(metrics)
    assert found["mlsd_fallbacks_total",] == 2
    assert found["mlsd_bad_requests_total", "too_large"] == 1


def test_latency_by_stage_falls_into_its_bucket():
    metrics = ServiceMetrics()
    metrics.observe({"score": 0.0021, "total": 0.0499})
    metrics.observe({"score": 0.0021, "total": 0.0501})
    found = samples(metrics)
    assert found["mlsd_request_seconds_bucket", "0.05"] == 1
    assert found["mlsd_request_seconds_bucket", "0.055"] == 2
    assert found["mlsd_stage_seconds_bucket", "0.003", "score"] == 2
    assert found["mlsd_stage_seconds_bucket", "0.002", "score"] == 0
    assert found["mlsd_request_seconds_sum",] == pytest.approx(0.1)
    stages = [labels for name, *labels in found if name == "mlsd_stage_seconds_sum"]
    assert stages == [["score"]]
    assert sum(0.04 <= edge <= 0.06 for edge in BUCKETS) >= 4


def test_quantiles_of_the_page_are_those_of_the_last_answers():
    metrics = ServiceMetrics()
    assert metrics.latency() == {"p50_ms": None, "p99_ms": None}
    for _ in range(2_000):
        metrics.observe({"total": 5.0})
    for value in range(2_000):
        metrics.observe({"queue": 9.0, "total": value / 1e3})
    assert metrics.latency() == {"p50_ms": 999.5, "p99_ms": 1979.01}


def test_state_and_memory_are_read_when_asked():
    state = {"ready": 0.0, "cache_hits_total": 3.0}
    metrics = ServiceMetrics(lambda: state)
    metrics.artifact = {"version": 'v"1'}
    state["ready"] = 1.0
    found = samples(metrics)
    assert (found["mlsd_ready",], found["mlsd_cache_hits_total",]) == (1, 3)
    assert found["mlsd_artifact_info", 'v"1'] == 1
    assert found["process_resident_memory_bytes",] > 10e6


def test_every_family_says_more_than_its_name():
    service = Service(FakeEngine())
    text = service.metrics.exposition().decode()
    service.close()
    abouts = re.findall(r"# HELP (\S+) (.+)", text)
    assert {"mlsd_ready", "mlsd_request_seconds"} <= {name for name, _ in abouts}
    assert not [name for name, about in abouts if about.replace(" ", "_") in name]


def test_two_services_do_not_share_counters():
    one, other = ServiceMetrics(), ServiceMetrics()
    one.count("model")
    assert other.value("mlsd_requests_total", outcome="model") == 0

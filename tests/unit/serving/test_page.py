"""The page in a browser: it shows the state, asks, and loads nothing from elsewhere."""

import json
import os

import pytest
from chromium import CHROMIUM, browser, wait_for
from fake_service import live_service, write_version

from mlsd.serving.metrics import OUTCOMES

pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here: apt-get install chromium"),
    pytest.mark.skipif(os.name == "nt", reason="processes are ended as on Linux and macOS"),
]
WATCH = """
window.complaints = [];
window.addEventListener("error", (event) => window.complaints.push(event.message));
window.addEventListener("unhandledrejection", (event) => window.complaints.push(`${event.reason}`));
document.addEventListener("securitypolicyviolation", (e) => window.complaints.push(e.blockedURI));
"""


@pytest.fixture
def live(tmp_path):
    write_version(tmp_path / "root", "20261126-1")
    with live_service(tmp_path / "root", tmp_path / "log", timeout_seconds=5.0) as live:
        yield live


@pytest.fixture
def tab(live, tmp_path):
    with browser(tmp_path / "chromium") as tab:
        tab.call("Page.enable")
        tab.call("Page.addScriptToEvaluateOnNewDocument", source=WATCH)
        tab.call("Page.navigate", url=live.url)
        wait_for(lambda: tab.value_of("document.readyState === 'complete' && !!window.complaints"))
        wait_for(lambda: tab.value_of("document.getElementById('request').value.length > 10"))
        yield tab


def text(tab, name):
    return tab.value_of(f"document.getElementById({json.dumps(name)}).innerText")


def ask(tab, request=None):
    if request is not None:
        tab.value_of(f"document.getElementById('request').value = {json.dumps(request)}")
    return tab.value_of("ask().then(() => document.getElementById('verdict').innerText)")


def test_the_page_shows_the_state_and_lets_one_ask(live, tab):
    assert text(tab, "title") == tab.value_of("document.title") == "A fake service"
    assert text(tab, "readiness") == "ready"
    assert "20261126-1" in text(tab, "state")

    assert ask(tab) == "200, answered by model, version 20261126-1"
    heads, first, *others = text(tab, "answer").splitlines()
    assert heads.split() == ["ad_ids"]
    assert len(others) == 99
    request = json.loads(tab.value_of("document.getElementById('request').value"))
    assert first.split() == ["1", str(request["ad_ids"][-1])]
    stages = [line.split()[0] for line in text(tab, "timing").splitlines()]
    assert stages == ["stage", "queue", "store", "score", "total"]
    wait_for(lambda: "model\t1\tanswered by the model" in text(tab, "outcomes"))
    names = [line.split("\t")[0] for line in text(tab, "state").splitlines()]
    assert len(set(names)) == len(names)
    table = [line.split("\t") for line in text(tab, "outcomes").splitlines()]
    assert [cells[0] for cells in table[1:]] == list(OUTCOMES)
    assert all(meaning for _, _, meaning in table)

    ask(tab, '{"context": {"sleep_ms": 100}, "ad_ids": [1]}')
    wait_for(lambda: "model\t2" in text(tab, "outcomes"))
    status = json.loads(live.get("/status")[1])
    assert status["p50_ms"] < status["p99_ms"]
    shown = dict(line.split("\t") for line in text(tab, "state").splitlines())
    for name in ("p50", "p99"):
        # The page writes 100 where Python writes 100.0.
        assert float(shown[f"{name}, ms"]) == status[f"{name}_ms"]

    assert ask(tab, '{"context": {}}').startswith("400: request: ad_ids is missing")
    assert ask(tab, "<img src=x onerror=alert(1)>").startswith("400: request: it is not JSON")
    hostile = '{"context": {}, "ad_ids": ["<img src=x onerror=window.hit=1>"]}'
    assert "<img" in ask(tab, hostile)
    assert tab.value_of("document.images.length") == 0

    assert tab.value_of("window.complaints") == []
    loaded = tab.value_of("performance.getEntriesByType('resource').map((e) => e.name)")
    assert {url.rsplit("/", 1)[0] for url in loaded} <= {live.url}


def test_the_page_is_legible_in_light_and_in_dark_and_on_a_telephone(tab):
    colours = {}
    for scheme in ("light", "dark"):
        feature = {"name": "prefers-color-scheme", "value": scheme}
        tab.call("Emulation.setEmulatedMedia", features=[feature])
        for what in ("color", "backgroundColor"):
            colours[scheme, what] = luminance(
                tab.value_of(f"getComputedStyle(document.body).{what}.match(/\\d+/g).map(Number)")
            )
    for scheme in ("light", "dark"):
        low, high = sorted((colours[scheme, "color"], colours[scheme, "backgroundColor"]))
        assert (high + 0.05) / (low + 0.05) > 7  # contrast as WCAG measures it, level AAA
    assert colours["light", "backgroundColor"] > colours["dark", "backgroundColor"]

    size = {"width": 360, "height": 800, "deviceScaleFactor": 1, "mobile": True}
    tab.call("Emulation.setDeviceMetricsOverride", **size)
    ask(tab)
    assert tab.value_of("document.documentElement.scrollWidth") <= 360


def luminance(rgb):
    parts = (value / 255 for value in rgb)
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return sum(weight * c for weight, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def test_a_service_that_is_gone_is_told(live, tab):
    live.process.kill()
    live.process.wait(20)
    wait_for(lambda: text(tab, "readiness") == "the service does not answer")
    assert ask(tab) == "the service does not answer"
    assert tab.value_of("window.complaints") == []

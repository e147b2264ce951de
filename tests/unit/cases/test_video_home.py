"""The home feed in a browser: choose a viewer, switch the rung, watch, see where the time went."""

import json
import os
import re
import subprocess
import sys

import pytest
from chromium import CHROMIUM, browser, running, wait_for

pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here: apt-get install chromium"),
    pytest.mark.skipif(os.name == "nt", reason="processes are ended as on Linux and macOS"),
]
COMMAND = "from mlsd.cli import main; main()"
WATCH = """
window.complaints = [];
window.addEventListener("error", (event) => window.complaints.push(event.message));
window.addEventListener("unhandledrejection", (event) => window.complaints.push(`${event.reason}`));
document.addEventListener("securitypolicyviolation", (e) => window.complaints.push(e.blockedURI));
"""


@pytest.fixture
def url(video_artifact):
    root = video_artifact.folder.parent.parent
    options = ["serve", "video", "--size", "small", "--artifacts", str(root), "--port", "0"]
    # What the page shows is tested, at any load of the machine; not whether an answer is in time.
    options += ["--timeout-ms", "60000"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    with running([sys.executable, "-c", COMMAND, *options], **pipes) as process:
        yield re.search(r"http://\S+?/", process.stdout.readline())[0]


@pytest.fixture
def tab(url, tmp_path):
    with browser(tmp_path / "chromium") as tab:
        tab.call("Page.enable")
        tab.call("Page.addScriptToEvaluateOnNewDocument", source=WATCH)
        tab.call("Page.navigate", url=f"{url}home")
        wait_for(lambda: tab.value_of("document.querySelectorAll('#feed li').length === 12"))
        yield tab


def text(tab, name):
    return tab.value_of(f"document.getElementById({json.dumps(name)}).innerText")


def cards(tab):
    """Return number and reason of each video on the page."""
    script = """[...document.querySelectorAll('#feed li')].map((e) =>
        [e.querySelector('strong').innerText, e.querySelector('.reason').innerText])"""
    return [tuple(card) for card in tab.value_of(script)]


def choose(tab, name, value):
    """Set a field as its user does, and wait for the page that follows."""
    tab.value_of(f"document.getElementById({json.dumps(name)}).value = {json.dumps(value)}")
    tab.value_of("newSession()" if name == "user" else "ask()")
    return cards(tab)


def test_a_viewer_switches_rungs_watches_and_sees_the_time(tab):
    funnel = cards(tab)
    assert "by funnel, answered by model" in text(tab, "verdict")
    stages = [line.split("\t")[0].strip() for line in text(tab, "timing").splitlines()]
    assert stages == ["queue", "history", "retrieve", "rank", "arrange", "total"]
    assert tab.value_of("document.querySelectorAll('#bars div').length") == 5

    popular = choose(tab, "rung", "decayed_popularity")
    assert {reason for _, reason in popular} == {"Trending now"}
    alike = choose(tab, "rung", "ease")
    assert all(reason.startswith("Because you watched video ") for _, reason in alike)
    assert len({tuple(page) for page in (funnel, popular, alike)}) == 3

    tab.value_of("document.querySelector('#feed button').click()")
    wait_for(lambda: alike[0][0] not in [video for video, _ in cards(tab)])
    number = alike[0][0].split()[1]
    wait_for(lambda: tab.value_of("session.watched").pop() == int(number))

    before = {video for video, _ in cards(tab)}
    tab.value_of("more()")
    assert not before & {video for video, _ in cards(tab)}
    assert tab.value_of("window.complaints") == []


def test_a_stranger_gets_a_page_and_nonsense_gets_one_line(tab):
    other = choose(tab, "rung", "ials")
    stranger = choose(tab, "user", "999999")
    assert len(stranger) == 12
    assert stranger != other
    assert "by trending" in text(tab, "verdict")
    choose(tab, "user", "<img src=x onerror=window.hit=1>")
    assert text(tab, "verdict").startswith("400: request: user_id")
    assert tab.value_of("document.images.length") == 0
    assert tab.value_of("window.complaints") == []


def test_it_fits_a_telephone(tab):
    size = {"width": 360, "height": 800, "deviceScaleFactor": 1, "mobile": True}
    tab.call("Emulation.setDeviceMetricsOverride", **size)
    assert tab.value_of("document.documentElement.scrollWidth") <= 360

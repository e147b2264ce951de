"""Chromium, driven over its DevTools protocol, and programs that are ended with their children."""

import base64
import itertools
import json
import shutil
import subprocess
import time
import urllib.request
from contextlib import contextmanager, suppress

import psutil
from websocket import create_connection

SECONDS = 900
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
CHROMIUM = next(filter(None, map(shutil.which, NAMES)), None)
FLAGS = (
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"),
    *("--no-first-run", "--disable-background-networking", "--disable-breakpad"),
    *("--disable-crash-reporter", "--remote-debugging-port=0", "--window-size=1400,1000"),
)


class Tab:
    """A tab of the browser, as its DevTools socket shows it."""

    def __init__(self, url):
        self.socket = create_connection(url, timeout=SECONDS, suppress_origin=True)
        self.numbers = itertools.count()

    def call(self, method, **parameters):
        number = next(self.numbers)
        message = {"id": number, "method": method, "params": parameters}
        self.socket.send(json.dumps(message))
        while (answer := json.loads(self.socket.recv())).get("id") != number:
            pass
        assert "error" not in answer, answer
        return answer["result"]

    def value_of(self, script):
        """Return what the script comes to, promises awaited."""
        found = self.call(
            "Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True
        )
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    def photograph(self, path):
        path.write_bytes(base64.b64decode(self.call("Page.captureScreenshot")["data"]))


def wait_for(question):
    """Ask until there is an answer."""
    deadline = time.monotonic() + SECONDS
    while not (answer := question()):
        assert time.monotonic() < deadline, f"{question}: no answer in {SECONDS} s"
        time.sleep(0.2)
    return answer


@contextmanager
def running(command, **options):
    """Run a program, and end it with everything that it started."""
    process = subprocess.Popen(command, text=True, **options)
    try:
        yield process
    finally:
        family = []
        with suppress(psutil.NoSuchProcess):
            family = psutil.Process(process.pid).children(recursive=True)
        process.kill()
        for child in family:
            with suppress(psutil.NoSuchProcess):
                child.kill()
        _, left = psutil.wait_procs(family, timeout=SECONDS)
        process.communicate()
        assert not left


@contextmanager
def browser(folder):
    """Start Chromium and yield a tab."""
    command = [CHROMIUM, *FLAGS, f"--user-data-dir={folder}", "about:blank"]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with running(command, start_new_session=True, **quiet):
        announced = folder / "DevToolsActivePort"
        wait_for(lambda: announced.is_file() and announced.read_text().count("\n"))
        port = announced.read_text().split()[0]
        request = urllib.request.Request(f"http://127.0.0.1:{port}/json/new", method="PUT")
        with urllib.request.urlopen(request, timeout=SECONDS) as answer:
            tab = Tab(json.load(answer)["webSocketDebuggerUrl"])
        yield tab
        tab.socket.close()

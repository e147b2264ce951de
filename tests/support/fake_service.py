"""A service with an engine that does as its requests say; run as a process, or in a test.

    python fake_service.py FOLDER [LIMITS AS JSON]

serves the newest version under FOLDER on a free port and prints the port. A request's context holds
the knobs: `sleep_ms` (the store is slow), `raise` (the store is missing).
"""

import json
import os
import shutil
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path

from mlsd.runtime import InputError
from mlsd.serving.requests import RankRequest
from mlsd.serving.server import HOST


class FakeEngine:
    """Answers with the version it was made with, after the time that the request asks for."""

    stages = ("store", "score")

    def __init__(self, version="1", *, sleep_ms=0.0, load_ms=0.0):
        time.sleep(load_ms / 1e3)
        self.version, self.created_at, self.sleep_ms = version, time.time(), sleep_ms
        self.cache_hits = self.cache_misses = 0
        self.closed = False

    def parse(self, body):
        return RankRequest.from_json(body)

    def answer(self, request, clock):
        assert not self.closed, "a closed engine was asked"
        with clock.stage("store"):
            self.cache_misses += 1
            time.sleep((self.sleep_ms + request.context.get("sleep_ms", 0)) / 1e3)
            if request.context.get("raise"):
                raise ConnectionError("the store is missing")
        with clock.stage("score"):
            return {"ad_ids": request.ad_ids[::-1].tolist(), "made_by": self.version}

    def fallback(self, request):
        return {"ad_ids": request.ad_ids.tolist(), "made_by": self.version}

    def example(self, generator):
        return {"context": {}, "ad_ids": generator.integers(0, 1_000, 100).tolist()}

    def close(self):
        self.closed = True


def write_version(root, version, **knobs):
    """Write a version whole, or with `damaged` one that cannot be loaded."""
    folder, unfinished = Path(root) / version, Path(root) / f".{version}"
    unfinished.mkdir(parents=True)
    text = knobs.pop("damaged", None) or json.dumps({"version": version, **knobs})
    (unfinished / "engine.json").write_text(text)
    shutil.rmtree(folder, ignore_errors=True)
    unfinished.rename(folder)
    return folder


def versions(root):
    """Return the folders, newest first."""
    return sorted((p for p in Path(root).iterdir() if p.name[0] != "."), reverse=True)


def load(folder):
    """Return the engine of a version."""
    try:
        return FakeEngine(**json.loads((folder / "engine.json").read_text()))
    except (OSError, ValueError, TypeError) as error:
        raise InputError(f"{folder.name}: {error}") from None


def main(root, limits="{}"):
    from mlsd.serving.app import Served, create_app
    from mlsd.serving.limits import ServiceLimits
    from mlsd.serving.server import bind, run_server
    from mlsd.serving.service import Service
    from mlsd.serving.swap import Watcher

    service = Service(limits=ServiceLimits(**json.loads(limits)))
    app = create_app(service, Served(title="A fake service"))
    listener = bind(0)
    print(listener.getsockname()[1], flush=True)
    watcher = Watcher(service, lambda: versions(root), load, seconds=0.05)

    async def watch():
        await watcher.load_first()
        await watcher.run()

    try:
        run_server(app, service, listener, [watch])
    except InputError as error:
        sys.exit(f"fake: {error}")


class Live:
    """A running fake service: where it is, and a few ways to ask it."""

    def __init__(self, process, log):
        self.process, self.log = process, log
        self.port = int(process.stdout.readline())
        self.url = f"http://{HOST}:{self.port}"

    def get(self, path):
        """Return status and text of a route."""
        try:
            with urllib.request.urlopen(self.url + path, timeout=10) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def wait_until_ready(self):
        deadline = time.monotonic() + 60
        while self.process.poll() is None and time.monotonic() < deadline:
            try:
                if self.get("/readyz")[0] == 200:
                    return self
            except OSError:
                pass
            time.sleep(0.05)
        raise AssertionError(f"not ready: {self.log.read_text()}")

    def metric(self, name):
        """Return one sample of /metrics, given with its labels."""
        lines = dict(line.rsplit(" ", 1) for line in self.get("/metrics")[1].splitlines())
        return float(lines.get(name, "nan"))


@contextmanager
def live_service(root, log, *, ready=True, **limits):
    """Start a fake service as a process, wait until it is ready if it is to be, and end it."""
    command = [sys.executable, __file__, str(root), json.dumps(limits)]
    with (
        log.open("w") as stderr,
        subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=stderr, text=True, env=dict(os.environ)
        ) as process,
    ):
        try:
            live = Live(process, log)
            yield live.wait_until_ready() if ready else live
        finally:
            process.kill()


if __name__ == "__main__":
    main(*sys.argv[1:])

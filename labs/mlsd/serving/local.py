"""``mlsd serve`` as a process that a notebook starts, asks over HTTP, and stops."""

from __future__ import annotations

import asyncio
import atexit
import json
import re
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import numpy as np

from mlsd.runtime import InputError
from mlsd.serving.load import LoadReport, as_post, drive
from mlsd.serving.server import HOST

_COMMAND = "from mlsd.cli import main; main()"
_PATIENCE = 60.0
_STOPPING_SECONDS = 20.0


class LocalService:
    """A service of a case in a process of its own, on a free port of this machine.

    Parameters
    ----------
    case : str
    artifacts : Path or str
        Folder of versions; the newest is served, and a newer one taken over when it appears.

    Attributes
    ----------
    port : int
    url : str

    Raises
    ------
    InputError
        If the service does not come up, as where the folder holds no version of the case.

    Examples
    --------
    >>> service = LocalService("ad_click", "work/artifacts")  # doctest: +SKIP
    >>> service.get("/readyz")  # doctest: +SKIP
    (200, '{"status":"ready"}')
    """

    def __init__(self, case: str, artifacts: Path | str) -> None:
        words = ["serve", case, "--artifacts", str(artifacts), "--port", "0"]
        self._process = subprocess.Popen(
            [sys.executable, "-c", _COMMAND, *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        atexit.register(self.stop)
        line = self._process.stdout.readline()
        found = re.search(r"http://[^/]*:(\d+)/ answers", line)
        if not found:
            self.stop()
            raise InputError(f"mlsd {' '.join(words)}: the service did not come up {line}".strip())
        self.port = int(found[1])
        self.url = f"http://{HOST}:{self.port}"

    @property
    def pid(self) -> int:
        """Number of the process."""
        return self._process.pid

    def get(self, path: str) -> tuple[int, str]:
        """Return status and text of a page."""
        return self._ask(urllib.request.Request(self.url + path))[:2]

    def post(self, path: str, body: object) -> tuple[int, dict, dict[str, str]]:
        """Return status, answer and headers of a request that is sent as JSON."""
        kind = {"Content-Type": "application/json"}
        data = json.dumps(body).encode()
        status, text, headers = self._ask(urllib.request.Request(self.url + path, data, kind))
        return status, json.loads(text), headers

    def load(self, path: str, bodies: Sequence[object], due: np.ndarray) -> Future[LoadReport]:
        """Begin an open-loop load, and return what will hold its report.

        Parameters
        ----------
        path : str
        bodies : sequence
            At least one per arrival; sent as JSON.
        due : ndarray, shape (n,)
            Seconds from now: `poisson_arrivals`.
        """
        posts = [as_post(path, json.dumps(body).encode()) for body in bodies]
        pool = ThreadPoolExecutor(1)
        report = pool.submit(asyncio.run, drive(self.port, posts, due))
        pool.shutdown(wait=False)
        return report

    def wait_for_version(self, version: str) -> None:
        """Return once a version answers.

        Raises
        ------
        InputError
            If it does not within a minute.
        """
        deadline = time.monotonic() + _PATIENCE
        while json.loads(self.get("/status")[1])["version"] != version:
            if time.monotonic() > deadline:
                raise InputError(f"version {version} does not answer; is it in the folder?")
            time.sleep(0.05)

    def stop(self) -> None:
        """Let it answer what it has admitted, and end it."""
        atexit.unregister(self.stop)
        if self._process.poll() is None:
            self._process.terminate()
        self._process.wait(_STOPPING_SECONDS)
        self._process.stdout.close()

    @staticmethod
    def _ask(request: urllib.request.Request) -> tuple[int, str, dict[str, str]]:
        try:
            with urllib.request.urlopen(request, timeout=_PATIENCE) as answer:
                return answer.status, answer.read().decode(), dict(answer.headers)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode(), dict(error.headers)

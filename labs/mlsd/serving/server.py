"""The process around the application: its socket, its patience, its signals."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
import socket
import sys
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from types import FrameType

import uvicorn
from fastapi import FastAPI

from mlsd.runtime import InputError
from mlsd.serving.logs import json_logging
from mlsd.serving.protocol import make_protocol
from mlsd.serving.service import Service

HOST = "127.0.0.1"
_LOG = logging.getLogger(__name__)
_DRAINING_SECONDS = 5
_OTHER_FILES = 200
# The event loop must not wait five milliseconds for a thread that computes in Python.
_SWITCH_INTERVAL = 0.0005


def bind(port: int) -> socket.socket:
    """Return a socket of this machine's own address, so that a taken port is known at once.

    Parameters
    ----------
    port : int
        0 takes any free one.

    Raises
    ------
    InputError
        If somebody listens there already.
    """
    # Named as TCP, so that asyncio sends each part of an answer at once (TCP_NODELAY): it looks at
    # this number, and a socket without it costs 40 milliseconds an answer.
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    if os.name != "nt":  # where it would let two processes share the port
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((HOST, port))
        bound.listen(1024)
    except OSError as error:
        bound.close()
        why = os.strerror(error.errno)
        raise InputError(f"port {port}: {why}; choose another with --port") from None
    return bound


def run_server(
    app: FastAPI,
    service: Service,
    listener: socket.socket,
    tasks: Sequence[Callable[[], Awaitable[None]]] = (),
) -> None:
    """Serve until SIGTERM or SIGINT; then answer what was admitted, and return.

    Parameters
    ----------
    app : FastAPI
    service : Service
        Of the application; it refuses once the signal has come. A second signal ends the process.
    listener : socket
    tasks : sequence of callables
        Coroutine functions that run beside it, such as a watcher's `run`. One that raises ends the
        server as a signal does, and its error is raised here.
    """
    sys.setswitchinterval(_SWITCH_INTERVAL)
    _allow_open_files(service.limits.max_connections + _OTHER_FILES)
    # What was loaded so far stays: the collector need not walk through it while requests wait.
    gc.collect()
    gc.freeze()
    config = uvicorn.Config(
        app,
        http=make_protocol(service, app.state.route),
        ws="none",
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        date_header=False,
        proxy_headers=False,
        timeout_keep_alive=service.limits.idle_seconds,
        timeout_graceful_shutdown=_DRAINING_SECONDS,
    )
    server = _Server(config, service, tasks)
    with json_logging():
        server.run([listener])
    if server.failure is not None:
        raise server.failure


def _allow_open_files(files: int) -> None:
    """Raise what this process may open, where it may: macOS allows 256 to begin with."""
    with suppress(ImportError, OSError, ValueError):
        import resource  # not on Windows

        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if soft < files:
            most = files if hard == resource.RLIM_INFINITY else min(files, hard)
            resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, most), hard))


class _Server(uvicorn.Server):
    """Drains on the first signal, ends at the second, and leaves with exit code 0."""

    def __init__(self, config: uvicorn.Config, service: Service, tasks: Sequence) -> None:
        super().__init__(config)
        self._service, self._tasks = service, tasks
        self.failure: BaseException | None = None

    async def main_loop(self) -> None:
        running = [asyncio.create_task(task()) for task in self._tasks]
        for task in running:
            task.add_done_callback(self._note_failure)
        try:
            await super().main_loop()
        finally:
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)

    def _note_failure(self, task: asyncio.Task) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self.failure = self.failure or error
            self._service.draining = self.should_exit = True

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if self.should_exit:
            os._exit(128 + sig)
        self._service.draining = True
        self.should_exit = True
        name = signal.Signals(sig).name
        _LOG.info("stopping", extra={"fields": {"signal": name, "waiting": self._service.waiting}})

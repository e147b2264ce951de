"""Threads that compute answers, and that one of them which never comes back does not stop."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from typing import Any

_Job = tuple[Future, Callable[..., Any], tuple]


class Workers:
    """A pool of threads that outlives a job that hangs.

    A job that is cancelled while it waits never takes a worker. A worker that is busy for longer
    than `stuck_seconds` is given up: another thread takes its place, and it ends when it comes
    back. Such threads are bounded, and none of them keeps the process alive.

    Parameters
    ----------
    count : int
        Threads at work.
    stuck_seconds : float
    max_stuck : int
        Threads that may be given up at a time.

    Notes
    -----
    `concurrent.futures.ThreadPoolExecutor` can neither replace a thread nor leave one behind: the
    interpreter waits for all of its threads at the end.

    Examples
    --------
    >>> workers = Workers(1, stuck_seconds=1.0, max_stuck=2)
    >>> workers.submit(max, 2, 3).result()
    3
    >>> workers.close()
    """

    def __init__(self, count: int, *, stuck_seconds: float, max_stuck: int) -> None:
        self.count, self.stuck_seconds, self.max_stuck = count, stuck_seconds, max_stuck
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._busy_since: dict[threading.Thread, float] = {}
        self._stuck: set[threading.Thread] = set()
        self._lock = threading.Lock()
        for _ in range(count):
            self._start()

    @property
    def stuck(self) -> int:
        """Threads given up that have not come back."""
        return len(self._stuck)

    @property
    def exhausted(self) -> bool:
        """Whether so many threads hang that no other may take their place."""
        self.replace_stuck()
        return self.stuck >= self.max_stuck

    def submit(self, job: Callable[..., Any], *arguments: object) -> Future:
        """Queue a job; its future can be cancelled until a worker takes it."""
        future: Future = Future()
        self._jobs.put((future, job, arguments))
        return future

    def replace_stuck(self) -> None:
        """Give up the threads that are busy for too long, and start others for them."""
        limit = time.monotonic() - self.stuck_seconds
        with self._lock:
            for thread, since in list(self._busy_since.items()):
                if since < limit and thread not in self._stuck and self.stuck < self.max_stuck:
                    self._stuck.add(thread)
                    self._start()

    def close(self) -> None:
        """Let the threads go once the queue is empty."""
        for _ in range(self.count):
            self._jobs.put(None)

    def _start(self) -> None:
        threading.Thread(target=self._work, name="answering", daemon=True).start()

    def _work(self) -> None:
        this = threading.current_thread()
        while (task := self._jobs.get()) is not None:
            future, job, arguments = task
            if not future.set_running_or_notify_cancel():
                continue
            self._busy_since[this] = time.monotonic()
            _settle(future, job, arguments)
            del task, future, job, arguments
            if self._came_back_too_late(this):
                return

    def _came_back_too_late(self, thread: threading.Thread) -> bool:
        with self._lock:
            del self._busy_since[thread]
            late = thread in self._stuck
            self._stuck.discard(thread)
        return late


def _settle(future: Future, job: Callable[..., Any], arguments: tuple) -> None:
    try:
        result = job(*arguments)
    except BaseException as error:  # whatever it is belongs to the one who waits
        future.set_exception(error)
    else:
        future.set_result(result)

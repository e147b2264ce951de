"""Log lines as JSON, written by a thread of their own, and few of them where there are many."""

from __future__ import annotations

import json
import logging
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from queue import SimpleQueue
from typing import TextIO

_LINES_HELD = 10_000
_CLOSING_SECONDS = 1.0


class JsonFormatter(logging.Formatter):
    """One JSON object per line; what a record's `fields` hold stands beside time and message.

    Examples
    --------
    >>> record = {"msg": "request", "levelname": "INFO", "created": 0, "fields": {"status": 200}}
    >>> print(JsonFormatter().format(logging.makeLogRecord(record)))
    {"time": "1970-01-01T00:00:00.000Z", "level": "INFO", "message": "request", "status": 200}
    """

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        clock = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        line = {
            "time": f"{clock}.{int(record.created * 1e3) % 1_000:03d}Z",
            "level": record.levelname,
            "message": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


class RateLimit:
    """Lets one line of each kind through per second, and counts the others.

    Examples
    --------
    >>> now = iter([0.0, 0.2, 0.4, 1.5])
    >>> limit = RateLimit(clock=lambda: next(now))
    >>> [limit.held_back("refused") for _ in range(4)]
    [0, None, None, 2]
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._last: dict[str, float] = {}
        self._held: dict[str, int] = {}

    def held_back(self, kind: str) -> int | None:
        """Return how many lines were held back since the last one; None to hold this one back."""
        now = self._clock()
        if now - self._last.get(kind, -1.0) < 1.0:
            self._held[kind] = self._held.get(kind, 0) + 1
            return None
        self._last[kind] = now
        return self._held.pop(kind, 0)


class _Writer(logging.Handler):
    """Writes from a thread of its own, and drops lines that a stopped reader does not take.

    The queue handler and listener of `logging` would wait for that reader at the end.
    """

    def __init__(self, stream: TextIO) -> None:
        super().__init__()
        self._stream = stream
        self._lines: SimpleQueue[str | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._write, name="log", daemon=True)
        self._thread.start()

    def emit(self, record: logging.LogRecord) -> None:
        if self._lines.qsize() < _LINES_HELD:
            self._lines.put(self.format(record))

    def close(self) -> None:
        self._lines.put(None)
        self._thread.join(_CLOSING_SECONDS)
        super().close()

    def _write(self) -> None:
        with suppress(OSError, ValueError):  # nobody reads any more, and nobody can be told
            while (line := self._lines.get()) is not None:
                self._stream.write(line + "\n")
                if self._lines.empty():
                    self._stream.flush()


class _FewOfTheServer(logging.Filter):
    """Holds back what uvicorn says about each malformed request."""

    def __init__(self) -> None:
        super().__init__()
        self._few = RateLimit()

    def filter(self, record: logging.LogRecord) -> bool:
        known = record.name == "uvicorn.error" and record.levelno <= logging.WARNING
        return not known or self._few.held_back(str(record.msg)) is not None


@contextmanager
def json_logging(stream: TextIO | None = None) -> Iterator[None]:
    """Write the log of this process as JSON lines while the block runs.

    Parameters
    ----------
    stream : file, optional
        Standard error where absent.
    """
    writer = _Writer(stream or sys.stderr)
    writer.setFormatter(JsonFormatter())
    writer.addFilter(_FewOfTheServer())
    root, own = logging.getLogger(), logging.getLogger("mlsd")
    root.addHandler(writer)
    own.setLevel(logging.INFO)
    try:
        yield
    finally:
        root.removeHandler(writer)
        own.setLevel(logging.NOTSET)
        writer.close()

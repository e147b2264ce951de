"""Ctrl-C: what is said, and that it is said without a traceback."""

from __future__ import annotations

import os
import signal
from contextlib import contextmanager

TYPE_CHECKING = False  # Nothing is imported here that takes longer than a quick Ctrl-C.
if TYPE_CHECKING:
    from collections.abc import Iterator

INTERRUPTED = 130  # what a shell expects of a program that was stopped with Ctrl-C
NOTHING_WRITTEN = "nothing was written"


class Interrupted(SystemExit):
    """A command was stopped with Ctrl-C.

    Parameters
    ----------
    kept : str
        What is left of its work, as a clause.

    Examples
    --------
    >>> Interrupted(NOTHING_WRITTEN).code
    130
    """

    def __init__(self, kept: str) -> None:
        super().__init__(INTERRUPTED)
        self.kept = kept


@contextmanager
def leaving_at_once() -> Iterator[None]:
    """Leave at once on Ctrl-C while libraries are imported: nothing has been begun.

    A KeyboardInterrupt inside an import comes out as whatever error the library makes of it. Where
    the signal is ignored, as behind ``nohup``, it stays so.
    """
    before = signal.getsignal(signal.SIGINT)
    if before == signal.SIG_IGN:
        yield
        return
    try:
        signal.signal(signal.SIGINT, _leave)
    except ValueError:  # Only the main thread may.
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def unwinding_on_sigterm() -> Iterator[None]:
    """Leave on SIGTERM as an error does, so that what was half written is removed."""

    def leave(number: int, frame: object) -> None:
        raise SystemExit(128 + number)

    before = signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _leave(number: int, frame: object) -> None:
    os.write(2, f"mlsd: interrupted; {NOTHING_WRITTEN}\n".encode())
    os._exit(INTERRUPTED)

"""How far a long cell has come, in one line that is gone when it is done."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterable, Iterator
from typing import Any, TypeVar

from mlsd.notebook.records import NO_GUESSES

Item = TypeVar("Item")
# A cell that is done within this time needs no line.
PATIENCE_SECONDS = 2.0


def track(items: Iterable[Item], label: str = "", *, total: int | None = None) -> Iterator[Item]:
    """Yield the items, and say in a notebook how many are done once the loop takes a while.

    Parameters
    ----------
    items : iterable
    label : str
        What the loop does, as in ``"deploying"``.
    total : int or None
        Number of items where they do not know it themselves.

    Notes
    -----
    The line is taken away at the end, and where the loop is left early, so it is not stored with
    the notebook. What the cell printed before it goes with it; print after the loop. Outside a
    notebook nothing is printed.

    Examples
    --------
    >>> [item * item for item in track([1, 2, 3], "squaring")]
    [1, 4, 9]
    """
    # Where nobody reads, as in builds and tests, a line of progress is one that outputs differ by.
    if not in_notebook() or NO_GUESSES.items() <= os.environ.items():
        yield from items
        return
    count = total if total is not None else getattr(items, "__len__", lambda: None)()
    started, cell, shown = time.monotonic(), _cell(), False
    try:
        for done, item in enumerate(items):
            seconds = time.monotonic() - started
            if seconds > PATIENCE_SECONDS:
                shown = True
                sys.stdout.write(f"\r{progress_line(done, count, seconds, label)}")
                sys.stdout.flush()
            yield item
    finally:
        # After an error a traceback may hold the loop until a later cell, whose output is not ours.
        if shown and _cell() == cell:
            from IPython.display import clear_output

            clear_output()


def progress_line(done: int, total: int | None, seconds: float, label: str = "") -> str:
    """Return the line that says how far a loop is.

    Examples
    --------
    >>> progress_line(3, 10, 6.0, "deploying").rstrip()
    'deploying: 3 of 10, about 14 s left'
    """
    line = f"{label}: {done}" if label else f"{done}"
    if total:
        line += f" of {total}"
    if total and done:
        line += f", about {max(1, round(seconds / done * (total - done)))} s left"
    return line.ljust(60)


def in_notebook() -> bool:
    """Return whether this process is the kernel of a notebook.

    Examples
    --------
    >>> in_notebook()
    False
    """
    return getattr(_session(), "kernel", None) is not None


def _session() -> Any:
    shell = sys.modules.get("IPython")
    return shell.get_ipython() if shell else None


def _cell() -> int:
    return getattr(_session(), "execution_count", 0)

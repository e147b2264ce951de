"""How a long command tells a person on stderr what it is at."""

from __future__ import annotations

import contextlib
import sys
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.text import Text

from mlsd.experiments.progress import LadderStep


class ProgressReport:
    """Tells how a ladder is getting on: a status in a terminal, a line per rung elsewhere.

    That nobody reads it stops nothing: a broken stderr is passed over.

    Parameters
    ----------
    quiet : bool
        Say nothing but warnings.

    Examples
    --------
    >>> with ProgressReport(quiet=True) as report:
    ...     report.step(LadderStep(101))
    """

    def __init__(self, *, quiet: bool = False) -> None:
        self.quiet = quiet
        console = Console(stderr=True, highlight=False)
        self.status = console.status("starting") if console.is_terminal and not quiet else None
        self.finished = 0

    def __enter__(self) -> Self:
        if self.status:
            self.status.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.status:
            self.status.stop()

    def step(self, step: LadderStep) -> None:
        """Tell what a ladder begins or has finished."""
        self.finished += step.finished
        if step.finished:
            self.say(str(step))
        else:
            self.begin(str(step))

    def begin(self, sentence: str) -> None:
        """Tell what is begun, where a status shows it until something else is."""
        if self.status:
            self.status.update(Text(sentence))

    def say(self, sentence: str) -> None:
        """Tell something on a line of its own."""
        if not self.quiet:
            self.warn(sentence)

    def warn(self, sentence: str) -> None:
        """Tell something on a line of its own, quiet or not."""
        if self.status:
            self.status.console.print(Text(sentence))
            return
        with contextlib.suppress(OSError):
            print(sentence, file=sys.stderr, flush=True)

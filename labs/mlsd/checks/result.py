"""What a check returns, and how it is run so that it never raises."""

from __future__ import annotations

import functools
import html
import io
import os
import signal
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr
from dataclasses import dataclass, field
from types import FrameType
from typing import Any, Literal

from mlsd.runtime import InputError

# CPU seconds that the answer to one exercise may take under grading; `MLSD_GRADING_SECONDS` wins.
GRADING_SECONDS = 120
# What a learner meets most often, by words of the message.
_MEANINGS = {
    "truth value of": "an `if`, `and`, `or` or `max` on a whole array; use `np.where`, `&`, `|`",
    "object is not callable": "a function was expected, here or as what your function returns",
    "unsupported operand type(s) for": "is a value missing, such as a `return`?",
}


@dataclass(frozen=True)
class Remark:
    """What a test says of an answer that is right, as in ``Remark("revenue 104")``."""

    text: str


Test = Callable[[Any], "str | Remark"]


class NotAttempted(Exception):
    """The answer is still the stub ``...``."""


class CheckFailed(AssertionError):
    """An answer that has to be right is not (``MLSD_CHECKS=strict``)."""


class _OutOfTime(BaseException):
    """The answer takes too long; not an Exception, so that no handler of the answer stops it."""


def grading() -> bool:
    """Tell whether the labs are being graded.

    That is so with ``MLSD_GRADING=1``, and wherever nbgrader itself runs the notebook, to grade it
    or to validate it.

    Examples
    --------
    >>> grading()
    False
    """
    return os.environ.get("MLSD_GRADING", "") == "1" or "NBGRADER_EXECUTION" in os.environ


def grading_seconds() -> int:
    """Return the CPU seconds that an answer may take under grading (``MLSD_GRADING_SECONDS``).

    Raises
    ------
    InputError
        If the variable is not a whole number of one or more.

    Examples
    --------
    >>> grading_seconds()
    120
    """
    text = os.environ.get("MLSD_GRADING_SECONDS", "") or str(GRADING_SECONDS)
    if not text.isdecimal() or not int(text):
        raise InputError(f"MLSD_GRADING_SECONDS is {text!r}; set it to whole seconds, as in 120")
    return int(text)


@dataclass(frozen=True)
class CheckResult:
    """Verdict on one answer.

    While learning it prints as a sentence. Under grading it prints as the points earned, which is
    what nbgrader reads from the value of a test cell, and its HTML is the sentence, which is what
    nbgrader's feedback shows.

    Examples
    --------
    >>> CheckResult("mean", "wrong", "expected shape (3,), got (3, 1)")
    wrong: expected shape (3,), got (3, 1)
    >>> CheckResult("mean", "passed", points=2)
    passed (2 points)
    >>> CheckResult("policy", "passed", "revenue 104")
    passed (1 point): revenue 104
    """

    name: str
    status: Literal["not attempted", "wrong", "passed"]
    message: str = ""
    points: float = 1
    answer: Any = field(default=None, repr=False, compare=False)

    def answer_or(self, other: Any) -> Any:
        """Return the reader's answer where it passed, and `other` where it did not.

        So a chapter goes on with the function that its reader wrote.

        Examples
        --------
        >>> check("twice", lambda x: x * x, lambda answer: "gives 4").answer_or(abs)(-2)
        2
        """
        return self.answer if self.status == "passed" else other

    @property
    def earned(self) -> float:
        """Return the points earned: all of them, or none."""
        return self.points if self.status == "passed" else 0

    @property
    def sentence(self) -> str:
        """Return the verdict in words."""
        verdict: str = self.status
        if self.status == "passed":
            verdict += f" ({self.points:g} point{'s' * (self.points != 1)})"
        return f"{verdict}: {self.message}" if self.message else verdict

    def __repr__(self) -> str:
        return f"{self.earned:g}" if grading() else self.sentence

    def _repr_html_(self) -> str | None:
        if not grading():
            return None
        points = f"{self.earned:g} of {self.points:g}"
        return f"<p>{points} · {html.escape(self.sentence)}</p>"


def attempted(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return `function`, made to say "not attempted" to the check when it returns ``...``.

    `check` does it to the answer itself; a test that takes a method from the answer does it there.

    Examples
    --------
    >>> attempted(abs)(-2)
    2
    """

    @functools.wraps(function)
    def watched(*arguments: Any, **keywords: Any) -> Any:
        value = function(*arguments, **keywords)
        if value is Ellipsis:
            raise NotAttempted
        return value

    return watched


def check(name: str, answer: Any, *tests: Test, points: float = 1) -> CheckResult:
    """Run `tests` on `answer` until one finds something wrong.

    Parameters
    ----------
    name : str
        The exercise.
    answer : object
        A function, a value, or ``...`` when the exercise was not begun.
    *tests : callable
        Each takes the answer and returns what is wrong with it in a few words, or ``""``, or a
        `Remark`. What a test raises counts as wrong, with the exception in the message.
    points : float
        What a right answer earns; there is no part credit within one check.

    Returns
    -------
    CheckResult
        Nothing is raised. Under grading nothing is written to stderr, and an answer that takes more
        than `grading_seconds` is wrong (where the system has interval timers: not on Windows).

    Raises
    ------
    CheckFailed
        Under ``MLSD_CHECKS=strict`` alone, which solutions are run with, unless the check passes.

    Examples
    --------
    >>> from mlsd.checks import gives
    >>> check("twice", lambda x: x + x, gives(3, expected=6), points=2)
    passed (2 points)
    >>> check("twice", lambda x: x * x, gives(3, expected=6))
    wrong: for (3): expected 6, got 9
    >>> check("twice", lambda x: ..., gives(3, expected=6))
    not attempted
    """
    if answer is Ellipsis:
        return _demanded(CheckResult(name, "not attempted", points=points))
    watched = attempted(answer) if callable(answer) and not isinstance(answer, type) else answer
    with _silence(), _time_limit():
        status, message = _first_failure(watched, tests)
    return _demanded(CheckResult(name, status, message, points, answer))


def _demanded(result: CheckResult) -> CheckResult:
    if os.environ.get("MLSD_CHECKS") == "strict" and result.status != "passed":
        said = f"{result.status}: {result.message}" if result.message else result.status
        raise CheckFailed(f"check {result.name!r} says {said}")
    return result


def _first_failure(answer: Any, tests: tuple[Test, ...]) -> tuple[str, str]:
    remarks = []
    try:
        for test in tests:
            said = test(answer)
            if isinstance(said, Remark):
                remarks.append(said.text)
            elif said:
                return "wrong", str(said)
    except NotAttempted:
        return "not attempted", ""
    except _OutOfTime:
        return "wrong", f"took over {grading_seconds()} CPU seconds"
    except Exception as error:  # the learner's code may raise anything
        return "wrong", f"raised {type(error).__name__}: {error}{_explained(error)}"
    return "passed", "; ".join(remarks)


def _explained(error: Exception) -> str:
    """Return in plain words what usually lies behind an error that numpy or Python words badly."""
    for words, meaning in _MEANINGS.items():
        if words in str(error):
            return f" ({meaning})"
    return ""


@contextmanager
def _silence() -> Iterator[None]:
    # nbgrader gives no points to a cell that wrote to stderr, whatever the value of the cell.
    if not grading():
        yield
        return
    with redirect_stderr(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@contextmanager
def _time_limit() -> Iterator[None]:
    """Raise `_OutOfTime` in the block after `grading_seconds` of CPU time, as often as it takes."""
    timed = hasattr(signal, "setitimer") and threading.current_thread() is threading.main_thread()
    if not (grading() and timed):
        yield
        return
    before = signal.signal(signal.SIGPROF, _stop_answer)
    # CPU time, so that a busy machine takes no points from anybody; what sleeps is left to the
    # time-out of the cell. Again every second, since an answer may catch the first one.
    signal.setitimer(signal.ITIMER_PROF, grading_seconds(), 1)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def _stop_answer(signum: int, frame: FrameType | None) -> None:
    raise _OutOfTime

"""What a check returns, and how it is run so that it never raises."""

from __future__ import annotations

import functools
import io
import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr
from dataclasses import dataclass
from typing import Any, Literal


@dataclass(frozen=True)
class Remark:
    """What a test says of an answer that is right, as in ``Remark("revenue 104")``."""

    text: str


Test = Callable[[Any], "str | Remark"]


class NotAttempted(Exception):
    """The answer is still the stub ``...``."""


class CheckFailed(AssertionError):
    """An answer that has to be right is not (``MLSD_CHECKS=strict``)."""


def grading() -> bool:
    """Tell whether the labs are being graded (``MLSD_GRADING=1``).

    Examples
    --------
    >>> grading()
    False
    """
    return os.environ.get("MLSD_GRADING", "") == "1"


@dataclass(frozen=True)
class CheckResult:
    """Verdict on one answer.

    While learning it prints as a sentence. Under ``MLSD_GRADING=1`` it prints as the points earned,
    which is what nbgrader reads from the last value of a test cell.

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

    @property
    def earned(self) -> float:
        """Return the points earned: all of them, or none."""
        return self.points if self.status == "passed" else 0

    def __repr__(self) -> str:
        if grading():
            return f"{self.earned:g}"
        verdict: str = self.status
        if self.status == "passed":
            verdict += f" ({self.points:g} point{'s' * (self.points != 1)})"
        return f"{verdict}: {self.message}" if self.message else verdict


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
        Nothing is raised, and under ``MLSD_GRADING=1`` nothing is written to stderr.

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
    with _silence():
        status, message = _first_failure(watched, tests)
    return _demanded(CheckResult(name, status, message, points))


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
    except Exception as error:  # the learner's code may raise anything
        return "wrong", f"raised {type(error).__name__}: {error}"
    return "passed", "; ".join(remarks)


@contextmanager
def _silence() -> Iterator[None]:
    # nbgrader gives no points to a cell that wrote to stderr, whatever the value of the cell.
    if not grading():
        yield
        return
    with redirect_stderr(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield

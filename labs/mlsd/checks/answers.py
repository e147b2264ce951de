"""Wrong answers that a lab's checks are known to reject."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from mlsd.checks.result import CheckResult


@dataclass(frozen=True)
class WrongAnswer:
    """A plausible mistake in one exercise of a lab.

    Attributes
    ----------
    exercise : str
        The exercise's name; its check is the function ``check_<exercise>``.
    mistake : str
        The mistake in a few words.
    answer : object
        What the learner would have handed in.
    """

    exercise: str
    mistake: str
    answer: Any


def accepted_wrong_answers(
    checks: Mapping[str, Callable[[Any], CheckResult]], wrong_answers: Iterable[WrongAnswer]
) -> list[str]:
    """Return what is amiss: wrong answers that pass, or that their check does not call wrong.

    Parameters
    ----------
    checks : mapping
        Check by exercise name.
    wrong_answers : iterable of WrongAnswer

    Examples
    --------
    >>> from mlsd.checks import check, gives
    >>> checks = {"twice": lambda answer: check("twice", answer, gives(2, expected=4))}
    >>> accepted_wrong_answers(checks, [WrongAnswer("twice", "squares", lambda x: x * x)])
    ["twice: the wrong answer 'squares' is called passed"]
    """
    amiss = []
    for wrong in wrong_answers:
        if wrong.exercise not in checks:
            amiss.append(f"{wrong.exercise}: there is no check_{wrong.exercise}")
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            status = checks[wrong.exercise](wrong.answer).status
        if status != "wrong":
            amiss.append(f"{wrong.exercise}: the wrong answer {wrong.mistake!r} is called {status}")
    return amiss

"""Checks of the labs: they say what is wrong, and never raise while learning.

The comparators here serve every lab. The checks of one lab stand in
``mlsd.checks.<case>.<lab>``, with the wrong answers that they are known to reject. Expected values
are written there as numbers and properties, never as a function that a learner could import.
"""

from mlsd.checks.answers import WrongAnswer, accepted_wrong_answers
from mlsd.checks.comparing import describe_difference
from mlsd.checks.outcome import OutcomeMargin, beats, outcome_margin, value_of
from mlsd.checks.result import CheckResult, attempted, check
from mlsd.checks.tests import gives, holds, raises

__all__ = [
    "CheckResult",
    "OutcomeMargin",
    "WrongAnswer",
    "accepted_wrong_answers",
    "attempted",
    "beats",
    "check",
    "describe_difference",
    "gives",
    "holds",
    "outcome_margin",
    "raises",
    "value_of",
]

"""The last exercise of most labs: a function that makes a policy, graded by what that earns."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mlsd.checks.result import CheckResult, Test, check
from mlsd.checks.tests import holds


def check_policy(
    answer: Any,
    given: Callable[[], Any],
    earns: Test,
    *,
    methods: tuple[str, ...] = ("act",),
    also: Callable[[Any], str] = lambda policy: "",
) -> CheckResult:
    """Check a function that makes a policy: that it gives one, and what that earns.

    Parameters
    ----------
    answer : callable
        From what the exercise gives, such as a log, to a policy.
    given : callable
        Makes something small of that kind, so that a slip is told before anything is deployed.
    earns : Test
        See `beats`.
    methods : tuple of str
        What the policy has to have.
    also : callable
        Says what else is wrong with the policy, in a few words, or ``""``.

    Examples
    --------
    >>> check_policy(lambda log: 5, list, lambda answer: "")
    wrong: return a policy, with a method act
    """

    def is_policy(make_policy: Callable[[Any], Any]) -> bool:
        policy = make_policy(given())
        return all(hasattr(policy, name) for name in methods)

    named = f"method{'s' * (len(methods) > 1)} {' and '.join(methods)}"
    named = named if len(methods) > 1 else f"a {named}"
    promise = holds(is_policy, f"return a policy, with {named}")

    def keeps_rules(make_policy: Callable[[Any], Any]) -> str:
        return also(make_policy(given()))

    return check("make_policy", answer, promise, keeps_rules, earns, points=4)

"""Tests that a check is made of: each takes the answer and says what is wrong with it."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from mlsd.checks.comparing import describe_difference, show_value
from mlsd.checks.result import Test


def gives(
    *arguments: Any,
    expected: Any,
    hint: str = "",
    rtol: float = 1e-6,
    atol: float = 1e-9,
    **keywords: Any,
) -> Test:
    """Return a test that calls the answer and compares what it gives.

    Parameters
    ----------
    *arguments, **keywords
        Given to the answer as copies; an answer that changes them is wrong.
    expected : object
        What a right answer gives.
    hint : str
        Added to the message when the value is wrong.
    rtol, atol : float
        See `describe_difference`.

    Examples
    --------
    >>> gives([1, 2, 3], expected=2.0)(lambda x: sum(x))
    'for ([1, 2, 3]): expected 2, got 6'
    >>> gives([3, 1], expected=[1, 3])(lambda x: (x.sort(), x)[1])
    'changed its input ([3, 1]); work on a copy'
    """

    def test(answer: Callable[..., Any]) -> str:
        given, named = copy.deepcopy((arguments, keywords))
        value = answer(*given, **named)
        call = _call(arguments, keywords)
        difference = describe_difference(value, expected, rtol=rtol, atol=atol)
        if difference:
            return f"for {call}: {difference}" + (f"; {hint}" if hint else "")
        if _changed((given, named), (arguments, keywords)):
            return f"changed its input {call}; work on a copy"
        return ""

    return test


def holds(condition: Callable[[Any], bool], message: str) -> Test:
    """Return a test of a property: `message` says what is wrong when `condition` fails.

    Examples
    --------
    >>> rises = holds(lambda f: f(2) > f(1), "more clicks have to give a higher rate")
    >>> rises(lambda clicks: -clicks)
    'more clicks have to give a higher rate'
    """

    def test(answer: Any) -> str:
        return "" if condition(answer) else message

    return test


def raises(exception: type[Exception], *arguments: Any, **keywords: Any) -> Test:
    """Return a test that the answer refuses these arguments with `exception`.

    Examples
    --------
    >>> raises(ValueError, "x")(int)
    ''
    >>> raises(ValueError, "1")(int)
    "for ('1'): expected ValueError, got 1"
    """

    def test(answer: Callable[..., Any]) -> str:
        try:
            value = answer(*arguments, **keywords)
        except exception:
            return ""
        call = _call(arguments, keywords)
        return f"for {call}: expected {exception.__name__}, got {show_value(value)}"

    return test


def _call(arguments: tuple[Any, ...], keywords: dict[str, Any]) -> str:
    parts = [show_value(value) for value in arguments]
    parts += [f"{name}={show_value(value)}" for name, value in keywords.items()]
    return f"({', '.join(parts)})"


def _changed(after: Any, before: Any) -> bool:
    (given, named), (arguments, keywords) = after, before
    pairs = [*zip(given, arguments), *((named[name], keywords[name]) for name in keywords)]
    try:
        return any(describe_difference(now, then, rtol=0, atol=0) for now, then in pairs)
    except (TypeError, ValueError):
        return False

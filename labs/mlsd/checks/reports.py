"""A test of answers that name the cause of each row of a report."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd

from mlsd.checks.result import Test


def names_causes(report: pd.DataFrame, expected: list[str], hint: str) -> Test:
    """Return a test that asks an answer for the cause of each row, and shows the rows.

    Examples
    --------
    >>> report = pd.DataFrame({"missing": [0.1, 9.0]})
    >>> asked = names_causes(report, ["nothing", "inputs"], "look at what is missing")
    >>> asked(lambda report: ["nothing", "inputs"])
    ''
    >>> asked(lambda report: ["nothing"] * 2)[:60]
    "for missing 0.1; missing 9: expected ['nothing', 'inputs'], "
    """

    def test(answer: Callable[[pd.DataFrame], list[str]]) -> str:
        said = list(answer(report.copy()))
        if said == expected:
            return ""
        shown = [row for _, row in report.iterrows()]
        rows = "; ".join(", ".join(f"{k} {v:g}" for k, v in row.items()) for row in shown)
        return f"for {rows}: expected {expected}, got {said}; {hint}"

    return test

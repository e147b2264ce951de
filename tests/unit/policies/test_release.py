"""The decision about a release: what has to be sure for each answer."""

import pytest

from mlsd.policies import decide_release
from mlsd.runtime import InputError

LIMITS = {"clicks": -2.0, "hides": 5.0}
CASES = [
    ((1.0, 4.0), (-1.0, 2.0), (-3.0, 4.0), "release"),
    ((-3.0, -1.0), (-1.0, 2.0), (0.0, 1.0), "roll back"),
    ((1.0, 4.0), (-6.0, -3.0), (0.0, 1.0), "roll back"),
    ((1.0, 4.0), (-3.0, 1.0), (0.0, 1.0), "keep testing"),
    ((1.0, 4.0), (-1.0, 2.0), (-2.0, 9.0), "keep testing"),
    ((1.0, 4.0), (-1.0, 2.0), (6.0, 9.0), "roll back"),
    ((-1.0, 4.0), (-1.0, 2.0), (0.0, 1.0), "keep testing"),
]


@pytest.mark.parametrize(("revenue", "clicks", "hides", "expected"), CASES)
def test_what_is_sure_decides(revenue, clicks, hides, expected):
    changes = {"revenue": revenue, "clicks": clicks, "hides": hides}
    assert decide_release(changes, LIMITS, "revenue") == expected


def test_without_guardrails_the_goal_decides_alone():
    assert decide_release({"revenue": (0.1, 2.0)}, {}, "revenue") == "release"


@pytest.mark.parametrize(("revenue", "clicks"), [((0, 0), (-1, 2)), ((1, 4), (-2, 2))])
def test_what_only_reaches_a_limit_is_not_sure(revenue, clicks):
    # Two equal policies in twin worlds differ by exactly nothing.
    changes = {"revenue": revenue, "clicks": clicks, "hides": (0, 1)}
    assert decide_release(changes, LIMITS, "revenue") == "keep testing"


def test_a_tolerance_of_zero_says_not_which_way_is_harm():
    with pytest.raises(InputError, match="'clicks' is 0; give -0.01"):
        decide_release({"revenue": (1, 4), "clicks": (1, 2)}, {"clicks": 0.0}, "revenue")

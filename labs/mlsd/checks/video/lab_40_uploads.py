"""Checks of the lab of cold uploads: who sees one, who is cold, when views beat text, a rule."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from mlsd.checks import CheckResult, attempted, beats, check, gives, holds
from mlsd.checks.outcome import grading_seed
from mlsd.checks.video.upload_mistakes import WRONG_ANSWERS
from mlsd.lab_support.video.cold_uploads import Rule, content_alone, hours_kept, upload_hours

__all__ = [
    "WRONG_ANSWERS",
    "check_best_switch",
    "check_blend_rule",
    "check_is_cold",
    "check_upload_view",
]

# Percentage points of the hours that uploads are watched under content alone.
MARGIN = 25.0
# Percent of all hours watched under content alone.
LEAST_HOURS_KEPT = 95.0
_FRESH_SEED = 40_011


def check_upload_view(answer: Callable[..., str]) -> CheckResult:
    """Check the first exercise."""
    rng = np.random.default_rng(0)
    is_upload = np.arange(30) >= 20
    personal = rng.normal(size=(8, 30))
    alike = personal.copy()
    alike[:, 20:] = np.arange(10.0) + 3 * rng.normal(size=(8, 1))
    stretched = alike * rng.uniform(0.5, 2.0, (8, 1))
    blind = personal.copy()
    blind[:, 20:] = rng.normal(size=(8, 1)) + 1e-15 * rng.normal(size=(8, 10))
    zero = np.where(is_upload, 0.0, personal)
    few = np.where(np.arange(8)[:, None] < 5, zero, personal)
    return check(
        "upload_view",
        answer,
        gives(np.array([[3.0, 1, 1], [0, 2, 2]]), np.array([False, True, True]), expected="blind"),
        gives(np.array([[3.0, 1, 2], [0, 4, 5]]), np.array([False, True, True]), expected="alike"),
        gives(zero, is_upload, expected="blind"),
        gives(
            blind,
            is_upload,
            expected="blind",
            hint="viewers differ, but for each of them all uploads score the same up to rounding",
        ),
        gives(alike, is_upload, expected="alike", hint="all viewers have the uploads in one order"),
        gives(stretched, is_upload, expected="alike", hint="compare orders, not differences"),
        gives(personal, is_upload, expected="personal", hint="look at the uploads alone"),
        gives(few, is_upload, expected="personal", hint="it can tell some viewers' uploads apart"),
        points=2,
    )


def check_is_cold(answer: Callable[..., np.ndarray]) -> CheckResult:
    """Check the second exercise."""
    uploaded = np.array([1.0, 2.0, 9.0, 12.0, 3.0])
    first = np.array([2.0, 11.0, 9.5, np.nan, np.nan])
    return check(
        "is_cold",
        answer,
        gives(
            uploaded[:2],
            first[:2],
            10.0,
            expected=np.array([False, True]),
            hint="what the model learned from decides, and not when a video was uploaded",
        ),
        gives(
            uploaded,
            first,
            10.0,
            expected=np.array([False, True, False, True, True]),
            hint="a video that was never watched has NaN, which no comparison finds",
        ),
        gives(uploaded, first, 1.0, expected=np.ones(5, bool)),
        points=2,
    )


def check_best_switch(answer: Callable[..., float]) -> CheckResult:
    """Check the third exercise on logs whose right answer is known."""
    three = np.array([0, 5, 20]), np.array([1, 1, 0]), np.array([0, 0, 1])
    return check(
        "best_switch",
        answer,
        gives(*three, expected=20, hint="content finds the first two, EASE the last"),
        gives(np.array([0, 5]), np.ones(2), np.zeros(2), expected=np.inf),
        gives(np.array([0, 5]), np.zeros(2), np.ones(2), expected=0),
        gives(
            np.array([20, 0, 5]),
            *(each[[2, 0, 1]] for each in three[1:]),
            expected=20,
            hint="rows are in no order",
        ),
        *(
            holds(
                lambda switch, at=at, seed=seed: _near_best(switch, at, seed),
                f"on a log where content is better below {at} watches, the answer finds fewer "
                "watches than another switch; add up hits over all rows instead of comparing the "
                "two where they first cross",
            )
            for at in (8, 40)
            for seed in range(4)
        ),
        points=3,
    )


def _near_best(switch: Callable[..., float], at: int, seed: int) -> bool:
    """Return whether the switch finds as much as any on a noisy log that crosses at `at`."""
    rng = np.random.default_rng(seed)
    watches = rng.geometric(1 / 30, 4_000) - 1
    content = rng.random(4_000) < 0.12
    collaborative = rng.random(4_000) < np.where(watches < at, 0.06, 0.2)
    chosen = attempted(switch)(watches.copy(), content.copy(), collaborative.copy())

    def found(from_watches: float) -> int:
        return int(np.where(watches < from_watches, content, collaborative).sum())

    return found(chosen) >= max(found(each) for each in np.unique(watches))


def check_blend_rule(answer: Rule) -> CheckResult:
    """Check the last exercise by the hours that uploads are watched in three fresh worlds."""
    seed = grading_seed(_FRESH_SEED)
    return check(
        "blend_rule",
        answer,
        holds(
            lambda rule: np.shape(attempted(rule)(*_tiny())) == (3, 4),
            "return scores of shape (viewers, videos)",
        ),
        holds(lambda rule: np.isfinite(rule(*_tiny())).all(), "every video needs a finite score"),
        beats(
            upload_hours,
            content_alone,
            margin=MARGIN,
            seed=_FRESH_SEED,
            unit="hours that uploads are watched, percent of content alone:",
            hint="EASE says nothing of videos that are younger than the models; how far up do they"
            " have to stand to be watched a quarter more?",
        ),
        _keeps_hours(seed),
        points=4,
    )


def _keeps_hours(seed: int) -> Callable[[Rule], str]:
    def test(rule: Rule) -> str:
        kept = hours_kept(seed, rule)
        if kept >= LEAST_HOURS_KEPT:
            return ""
        return (
            f"all hours watched fall to {kept:.1f} % of those under content alone; at least "
            f"{LEAST_HOURS_KEPT:g} % have to be kept: which uploads, to whom, and how many?"
        )

    return test


def _tiny() -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    rng = np.random.default_rng(0)
    content, collaborative = rng.normal(size=(2, 3, 4))
    return content, collaborative, np.array([0.5, 3.0, 20.0, 90.0]), 2.0

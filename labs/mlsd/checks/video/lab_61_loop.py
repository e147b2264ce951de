"""Checks of the loop lab: who made a log, fair comparisons, what chance costs, a feed's score."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from mlsd.checks import CheckResult, attempted, beats, check, gives
from mlsd.checks.result import Test
from mlsd.checks.video.loop_mistakes import WRONG_ANSWERS
from mlsd.lab_support.video.feed_logs import aged_lists, logs_by_maker
from mlsd.lab_support.video.made_up_lists import log_of_two_lists, two_lists
from mlsd.lab_support.video.own_log import COLUMNS, ScoreVideos, mean_points, quota_then_count

__all__ = [
    "WRONG_ANSWERS",
    "check_better_list",
    "check_choose_every",
    "check_choose_share",
    "check_score_videos",
    "check_who_made_it",
]

# Points above the quota and the count, four worlds together; tests/benchmarks/lab_verdicts.py
# judges further seeds.
MARGIN = 4.0
_SEED, _FRESH_SEED = 62, 61_007
_AUTHORS = "about 20 above the patched count"
_HINT = (
    "of how many impressions were those views, and what is an upload worth that has had none? "
    "`outcome` tells views and audience apart"
)


def check_who_made_it(answer: Callable[..., str]) -> CheckResult:
    """Check the first exercise on halves of the viewers, with other ids."""
    return check(
        "who_made_it",
        answer,
        *(_names(maker, half) for half in (0, 1) for maker in ("random", "runaway", "merit")),
        points=2,
    )


def _names(maker: str, half: int) -> Test:
    hints = {
        "random": "every video has about equally many impressions",
        "runaway": "what gets almost nothing in a feed that counts its own views?",
        "merit": "inequality and a stable order are no proof of a loop",
    }

    def test(who_made_it: Callable[..., str]) -> str:
        log, videos = logs_by_maker(_SEED)[maker]
        log = log[log["user_id"] % 2 == half].reset_index(drop=True)
        ids = np.random.default_rng(half).permutation(int(videos["item_id"].max()) + 1) + 5_000
        log = log.assign(item_id=ids[log["item_id"]])
        found = attempted(who_made_it)(log, videos.assign(item_id=ids[videos["item_id"]]))
        if found == maker:
            return ""
        return f"a {maker} log of half of the viewers is called {found!r}; {hints[maker]}"

    return test


def check_better_list(answer: Callable[..., str]) -> CheckResult:
    """Check the second exercise on made-up logs whose truth is known."""
    return check(
        "better_list",
        answer,
        _decides((0.10, 0.16), "second", "the feed showed the first list, so its log favours it"),
        _decides((0.16, 0.10), "first", "served viewers have seen the first list before"),
        _decides((0.13, 0.13), "undecided", "the lists are equally good", seeds=(2, 4)),
        _decides(
            (0.13, 0.13),
            "undecided",
            "some viewers watch one list alone, so that their rows are no independent evidence",
            taste=0.8,
            seeds=(1, 2, 5),
        ),
        points=3,
    )


def _decides(
    rates: tuple[float, float],
    expected: str,
    hint: str,
    *,
    taste: float = 0.0,
    seeds: tuple[int, ...] = (1, 2),
) -> Test:
    def test(better_list: Callable[..., str]) -> str:
        for seed in seeds:
            log = log_of_two_lists(seed, rates, taste=taste)
            found = attempted(better_list)(log, *two_lists())
            if found != expected:
                return (
                    f"new viewers watch {rates[0]:.0%} of the first list and {rates[1]:.0%} of the "
                    f"second: expected {expected!r}, got {found!r}; {hint}"
                )
        return ""

    return test


def check_choose_share(answer: Callable[..., int | None]) -> CheckResult:
    """Check the third exercise on a made-up log."""
    log, (first, _) = log_of_two_lists(3, (0.2, 0.1)), two_lists()
    # The served viewers of this log are tired of the list: let them like it.
    liked = (np.random.default_rng(3).random(len(log)) < 0.2).astype(np.int8)
    log["watched"] = log["watched"].where(log["holdout"], liked)
    return check(
        "choose_share",
        answer,
        gives(
            log, first, 0.04, 5_000, 30, expected=5, hint="a sixth of the viewers, not of the width"
        ),
        gives(log, first, 0.02, 5_000, 30, expected=20, hint="only rows of the list count"),
        gives(log, first, 0.005, 50_000, 30, expected=None, hint="no share is precise enough"),
        gives(log, first, 0.04, 450, 30, expected=5, hint="held-out viewers watch something, too"),
        gives(log, first, 0.04, 250, 30, expected=None, hint="it would cost too many views"),
        points=3,
    )


def check_choose_every(answer: Callable[..., int]) -> CheckResult:
    """Check the fourth exercise."""
    prompt = _aged({0: (12, 100), 1: (10, 100), 2: (2, 100)})
    uneven = _aged({0: (6, 50), 1: (20, 200), 2: (8, 400)})
    log = aged_lists(61)
    return check(
        "choose_every",
        answer,
        gives(prompt, 1_000, 30, expected=2, hint="a list lives through all ages up to the next"),
        gives(prompt, 1_000, 0, expected=1, hint="where a list costs nothing, make one a day"),
        gives(prompt, 1_000, 200, expected=3, hint="the price is shared by the days"),
        gives(uneven, 1_000, 30, expected=2, hint="ages have different numbers of rows: use rates"),
        gives(log.iloc[::-1], 14_000, 200, expected=2),
        gives(log, 14_000, 1_000, expected=7),
        points=2,
    )


def _aged(counts: dict[int, tuple[int, int]]) -> pd.DataFrame:
    parts = [
        pd.DataFrame({"age": age, "watched": np.arange(rows) < watched})
        for age, (watched, rows) in counts.items()
    ]
    return pd.concat(parts, ignore_index=True).astype({"watched": np.int8})


def check_score_videos(answer: ScoreVideos) -> CheckResult:
    """Check the last exercise by what a feed brings that learns from itself in four worlds."""
    return check(
        "score_videos",
        answer,
        _is_score(),
        beats(
            mean_points,
            quota_then_count,
            margin=MARGIN,
            seed=_FRESH_SEED,
            unit="points:",
            authors=_AUTHORS,
            hint=_HINT,
        ),
        points=4,
    )


def _is_score() -> Test:
    def test(score_videos: ScoreVideos) -> str:
        log = pd.DataFrame(
            {
                "day": [0.5, 1.5, 2.5],
                "user_id": [1, 2, 3],
                "item_id": [4, 4, 8],
                "position": [0, 1, 2],
                "explored": [False, True, False],
                "propensity": [0.5, 0.01, 0.2],
                "watched": [1, 0, 0],
            }
        )[list(COLUMNS)]
        videos = pd.DataFrame({"item_id": [4, 8, 9], "creator_id": 0, "topic": 1})
        videos = videos.assign(duration=60.0, uploaded=[0.0, 1.0, 2.9])
        scores = attempted(score_videos)(log, videos, 3.0)
        if not isinstance(scores, pd.Series):
            return "return a pd.Series of scores whose index is item_id"
        if scores.index.has_duplicates or not scores.index.isin(videos["item_id"]).all():
            return "the index has to hold item_id, each video once"
        return ""

    return test

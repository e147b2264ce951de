"""Checks of the counters lab: as-of rates, merged states, hash bits, leaks, a deployed policy."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from mlsd.checks import CheckResult, beats, check, gives, holds
from mlsd.checks.ad_click.counter_mistakes import WRONG_ANSWERS
from mlsd.checks.deployed import check_policy
from mlsd.lab_support.ad_click.counted_log import MakePolicy, baseline_policy, deployed_revenue
from mlsd.lab_support.ad_click.small_log import small_log
from mlsd.models import HashedLogisticRegression
from mlsd.policies.ad_click import ScorerPolicy

__all__ = [
    "WRONG_ANSWERS",
    "check_as_of_rate",
    "check_choose_bits",
    "check_leaks",
    "check_make_policy",
    "check_merged_state",
]

# Percent of the baseline's revenue; see `tests/benchmarks/README.md`. Crosses of ids earn up to 6
# without a counter, so the model has to be the baseline's.
MARGIN = 2.2
_FRESH_SEED = 20_030
_AUTHORS = "106 to 118 in forty single markets"
_HINT = (
    "Half-lives are in seconds: 86_400 is a day. Count what differs between the candidates of a "
    "request, such as user and category, and train on columns as of each row, not of its whole day"
)


def check_as_of_rate(answer: Callable[..., np.ndarray]) -> CheckResult:
    """Check the first exercise."""
    prior = {"average": 0.1, "strength": 1.0}
    late = (np.array([7, 7, 7, 8]), np.array([0.0, 2.0, 4.0, 5.0]), np.array([3.0, 9.0, 5.0, 6.0]))
    ties = (np.array([1, 1]), np.array([0.0, 5.0]), np.array([5.0, 6.0]))
    swapped = (np.array([1, 1, 1]), np.array([9.0, 0.0, 4.0]), np.array([9.5, 3.0, 20.0]))
    return check(
        "as_of_rate",
        answer,
        gives(
            *late,
            np.array([1, 1, 0, 1]),
            **prior,
            expected=[0.1, 0.1, 0.55, 0.1],
            hint="compare known_at of other rows with ts of this one, for views as for clicks",
        ),
        gives(
            *ties,
            np.array([1, 0]),
            **prior,
            expected=[0.1, 0.1],
            hint="strictly before: known_at and ts are both 5 here",
        ),
        gives(
            *swapped,
            np.array([1, 1, 0]),
            **prior,
            expected=[0.55, 0.1, 0.55],
            hint="the rows may come in any order",
        ),
        points=2,
    )


def check_merged_state(answer: Callable[..., tuple[float, float]]) -> CheckResult:
    """Check the second exercise."""
    return check(
        "merged_state",
        answer,
        gives((8.0, 0.0), (3.0, 10.0), 10.0, expected=(7.0, 10.0), hint="8 has aged one half-life"),
        gives((3.0, 10.0), (8.0, 0.0), 10.0, expected=(7.0, 10.0), hint="either may be newer"),
        gives((1.0, 5.0), (2.0, 5.0), 2.0, expected=(3.0, 5.0)),
        points=1,
    )


def check_choose_bits(answer: Callable[..., int]) -> CheckResult:
    """Check the third exercise, on test logs that say much, little, or less than it seems."""
    many, few = _test_log(4_000, rows=2), _test_log(60, rows=2)
    return check(
        "choose_bits",
        answer,
        gives(
            *many,
            0.02,
            expected=9,
            hint="9 bits lose something for certain, but less than is allowed",
        ),
        gives(*many, 0.01, expected=12, hint="9 bits lose 0.008 here, and may lose more elsewhere"),
        gives(*few, 0.01, expected=18, hint="so few rows show nothing: ask for the upper end"),
        gives(
            *_test_log(16, rows=500),
            0.01,
            expected=18,
            hint="8,000 rows, but of 16 users who share their fate: give the clusters",
        ),
        points=2,
    )


def check_leaks(answer: Callable[..., bool]) -> CheckResult:
    """Check the fourth exercise, on features that leak and features that do not."""
    frame = _leak_log()
    honest = "{} is honest, and was called a leak"
    leaky = "{} leaks, and was not found"
    tie = "a count of clicks that become known at `cut` itself, in a row shown at `cut`,"
    one_ad = frame.assign(ad_id=0)
    quiet, busy = (one_ad.assign(click=click) for click in (0, 1))
    flip = "in a log {} clicks a count of all of them was not found; turn 0 into 1 and 1 into 0"
    return check(
        "leaks",
        answer,
        holds(lambda leaks: not leaks(_known_clicks, frame, 50.0), honest.format("an as-of count")),
        holds(
            lambda leaks: not leaks(_all_views, frame, 50.0),
            honest.format("a feature without labels"),
        ),
        holds(lambda leaks: leaks(_all_clicks, frame, 50.0), leaky.format("a count of all clicks")),
        holds(
            lambda leaks: leaks(_clicks_until_now, frame, 50.0),
            leaky.format("a count with the row's own click"),
        ),
        holds(
            lambda leaks: leaks(_clicks_before_now, frame, 50.0),
            leaky.format("a count of clicks that were not known yet"),
        ),
        holds(lambda leaks: leaks(_clicks_known_by_now, one_ad, 50.0), leaky.format(tie)),
        holds(lambda leaks: leaks(_all_clicks, quiet, 50.0), flip.format("without")),
        holds(lambda leaks: leaks(_all_clicks, busy, 50.0), flip.format("full of")),
        holds(lambda leaks: _unchanged(leaks), "changed the log; work on a copy"),
        points=3,
    )


def check_make_policy(answer: MakePolicy) -> CheckResult:
    """Check the last exercise by what the policy earns in markets that nobody has seen."""
    return check_policy(
        answer,
        lambda: small_log(days=2, split=(1.0, 0.0, 0.0)),
        beats(
            deployed_revenue,
            baseline_policy,
            margin=MARGIN,
            seed=_FRESH_SEED,
            unit="percent of the baseline's revenue, mean of two markets:",
            authors=_AUTHORS,
            hint=_HINT,
        ),
        also=_earns_by_counting,
    )


def _earns_by_counting(policy: ScorerPolicy) -> str:
    model, counters = getattr(policy, "scorer", None), getattr(policy, "counters", None)
    if not isinstance(model, HashedLogisticRegression) or model.crosses:
        return "keep the baseline's model, HashedLogisticRegression without crosses"
    return "" if counters is not None else "look up counters: ScorerPolicy(model, counters=...)"


def _test_log(users: int, *, rows: int) -> tuple[dict[int, np.ndarray], np.ndarray, np.ndarray]:
    """Return predictions by bits, clicks, and users, each of whom has so many rows.

    Every second user clicks on 30 % of the impressions, the others on 12 %. The table of 18 bits
    predicts 20 % for all; smaller ones predict more, which suits the first and not the others.
    """
    shown = users * rows
    user = np.arange(shown) // rows
    place = user // 2 * rows + np.arange(shown) % rows
    rate = np.where(user % 2, 0.12, 0.3)
    clicked = (np.floor((place + 1) * rate) > np.floor(place * rate)).astype(int)
    predicted = {9: 0.25, 18: 0.2, 6: 0.35, 12: 0.23}
    return {bits: np.full(shown, p) for bits, p in predicted.items()}, clicked, user


def _leak_log() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    ts = np.arange(100.0)
    click = rng.integers(0, 2, 100)
    return pd.DataFrame(
        {"ad_id": rng.integers(0, 3, 100), "ts": ts, "known_at": ts + 5, "click": click}
    )


def _counts(frame: pd.DataFrame, counted: np.ndarray, values: np.ndarray) -> np.ndarray:
    ad = frame["ad_id"].to_numpy()
    return ((ad[:, None] == ad[None, :]) & counted) @ values


def _clock(frame: pd.DataFrame) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    ts, known_at, click = (frame[name].to_numpy() for name in ("ts", "known_at", "click"))
    return ts[:, None], ts[None, :], known_at[None, :], click


def _known_clicks(frame: pd.DataFrame) -> np.ndarray:
    now, _, known_at, click = _clock(frame)
    return _counts(frame, known_at < now, click)


def _clicks_known_by_now(frame: pd.DataFrame) -> np.ndarray:
    now, _, known_at, click = _clock(frame)
    return _counts(frame, known_at <= now, click)


def _clicks_before_now(frame: pd.DataFrame) -> np.ndarray:
    now, then, _, click = _clock(frame)
    return _counts(frame, then < now, click)


def _clicks_until_now(frame: pd.DataFrame) -> np.ndarray:
    now, then, known_at, click = _clock(frame)
    return _counts(frame, (known_at < now) | (then == now), click)


def _all_clicks(frame: pd.DataFrame) -> np.ndarray:
    return _counts(frame, np.ones((len(frame), len(frame)), bool), frame["click"].to_numpy())


def _all_views(frame: pd.DataFrame) -> np.ndarray:
    now, then, _, click = _clock(frame)
    return _counts(frame, then < now, np.ones(len(click)))


def _unchanged(leaks: Callable[..., bool]) -> bool:
    frame = _leak_log()
    leaks(_known_clicks, frame, 50.0)
    return frame.equals(_leak_log())

"""Checks of the counters lab: as-of rates, merged states, hash bits, leaks, a deployed policy."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from mlsd.checks import CheckResult, WrongAnswer, beats, check, gives, holds
from mlsd.checks.deployed import check_policy
from mlsd.data.log import LabelledLog
from mlsd.features import CounterFeatures
from mlsd.lab_support.ad_click.counted_log import MakePolicy, baseline_policy, deployed_revenue
from mlsd.lab_support.ad_click.small_log import small_log
from mlsd.models import HashedLogisticRegression
from mlsd.policies.ad_click import ScorerPolicy
from mlsd.runtime.times import DAY
from mlsd.worlds.base import Policy

# Percent of the baseline's revenue; on seeds 300 to 399 right gains 4.0 or more, wrong under 1.
MARGIN = 3.0
_FRESH_SEED = 20_030

Feature = Callable[[pd.DataFrame], np.ndarray]


def check_as_of_rate(answer: Callable[..., np.ndarray]) -> CheckResult:
    """Check the first exercise."""
    prior = {"average": 0.1, "strength": 1.0}
    late = (np.array([7, 7, 7, 8]), np.array([0.0, 2.0, 4.0, 5.0]), np.array([3.0, 9.0, 5.0, 6.0]))
    ties = (np.array([1, 1]), np.array([0.0, 5.0]), np.array([5.0, 6.0]))
    swapped = (np.array([1, 1, 1]), np.array([9.0, 0.0, 4.0]), np.array([9.5, 3.0, 20.0]))
    return check(
        "as_of_rate",
        answer,
        gives(*late, np.array([1, 1, 0, 1]), **prior, expected=[0.1, 0.1, 0.55, 0.1]),
        gives(*ties, np.array([1, 0]), **prior, expected=[0.1, 0.1], hint="strictly before"),
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
        gives((8.0, 0.0), (3.0, 10.0), 10.0, expected=(7.0, 10.0)),
        gives((3.0, 10.0), (8.0, 0.0), 10.0, expected=(7.0, 10.0), hint="either may be newer"),
        gives((1.0, 5.0), (2.0, 5.0), 2.0, expected=(3.0, 5.0)),
        points=1,
    )


def check_bits_for(answer: Callable[..., int]) -> CheckResult:
    """Check the third exercise."""
    return check(
        "bits_for",
        answer,
        gives(1_001, 10_000_000, 0.01, expected=17),
        gives(1_001, 1_000_000, 0.5, expected=11),
        gives(1_001, 100_000, 0.01, expected=13, hint="the budget has the last word"),
        gives(2, 16, 0.5, expected=1, hint="two words in two buckets share with probability 1/2"),
        points=2,
    )


def check_leaks(answer: Callable[..., bool]) -> CheckResult:
    """Check the fourth exercise, on features that leak and features that do not."""
    frame = _leak_log()
    honest = "{} is honest, and was called a leak"
    leaky = "{} leaks, and was not found"
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
        holds(lambda leaks: _unchanged(leaks), "changed the log; work on a copy"),
        points=3,
    )


def check_make_policy(answer: MakePolicy) -> CheckResult:
    """Check the last exercise by what the policy earns in a world that nobody has seen."""
    return check_policy(
        answer,
        lambda: small_log(days=2, split=(1.0, 0.0, 0.0)),
        beats(
            deployed_revenue,
            baseline_policy,
            margin=MARGIN,
            seed=_FRESH_SEED,
            unit="percent of the baseline's revenue:",
        ),
    )


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


def counter_policy(
    log: LabelledLog, features: CounterFeatures, *, known_at: np.ndarray | None = None
) -> Policy:
    """Return the policy of hashed ids and counters; the wrong answers are made with it.

    Parameters
    ----------
    log : LabelledLog
    features : CounterFeatures
    known_at : ndarray, shape (n,), or None
        When the training table believes that labels became known; None for the truth.
    """
    twin = features.serving(log, warm=False)
    twin.update(log.frame if known_at is None else log.frame.assign(known_at=known_at))
    columns = pd.DataFrame(twin.lookup(log.frame, log.frame["ts"].to_numpy()))
    model = HashedLogisticRegression(categorical=log.roles.identifiers, numeric=features.names)
    model.fit(log.frame.join(columns), log.frame["click"])
    return ScorerPolicy(model, counters=features.serving(log))


def ad_counter_policy(log: LabelledLog) -> Policy:
    """Return a policy that counts by ad alone, which the ids know already."""
    return counter_policy(log, CounterFeatures([("ad_id",)], half_lives=(7 * DAY,)))


def same_day_policy(log: LabelledLog) -> Policy:
    """Return a policy trained on counters of each row's whole day."""
    features = CounterFeatures(log.roles.entities, half_lives=(DAY, 7 * DAY))
    known_at = log.frame["ts"].to_numpy() // DAY * DAY - 1
    return counter_policy(log, features, known_at=known_at)


def _rate(counted: np.ndarray, key, click, average, strength):
    counted = counted & (key[:, None] == key[None, :])
    return (counted @ click + strength * average) / (counted.sum(1) + strength)


def _rate_shown_before(key, ts, known_at, click, **prior):
    return _rate(ts[None, :] < ts[:, None], key, click, **prior)


def _rate_known_until(key, ts, known_at, click, **prior):
    return _rate(known_at[None, :] <= ts[:, None], key, click, **prior)


def _sum_of_states(one, other, half_life):
    return one[0] + other[0], max(one[1], other[1])


def _second_is_newer(one, other, half_life):
    return one[0] * 0.5 ** ((other[1] - one[1]) / half_life) + other[0], other[1]


def _bits_that_fit(words, budget, most_shared):
    return int(np.log2(budget / 8))


def _one_place_a_word(words, budget, most_shared):
    return min(int(np.ceil(np.log2(words))), int(np.log2(budget / 8)))


def _any_change(feature, frame, cut):
    flipped = frame.assign(click=1 - frame["click"])
    return bool((feature(frame) != feature(flipped)).any())


def _flips_what_was_shown_later(feature, frame, cut):
    flipped = frame.assign(click=np.where(frame["ts"] > cut, 1 - frame["click"], frame["click"]))
    rows = frame["ts"] <= cut
    return bool((feature(frame) != feature(flipped))[rows].any())


WRONG_ANSWERS = (
    WrongAnswer("as_of_rate", "shown before, not known before", _rate_shown_before),
    WrongAnswer("as_of_rate", "known at this instant", _rate_known_until),
    WrongAnswer("merged_state", "sum without decay", _sum_of_states),
    WrongAnswer("merged_state", "takes the second for the newer", _second_is_newer),
    WrongAnswer("bits_for", "whatever fits the budget", _bits_that_fit),
    WrongAnswer("bits_for", "one place a word", _one_place_a_word),
    WrongAnswer("leaks", "flips every label", _any_change),
    WrongAnswer("leaks", "flips what was shown later", _flips_what_was_shown_later),
    WrongAnswer("make_policy", "the chapter's control", baseline_policy),
    WrongAnswer("make_policy", "counters by ad alone", ad_counter_policy),
    WrongAnswer("make_policy", "counters of the whole day", same_day_policy),
)

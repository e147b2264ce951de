"""Checks of the bandit lab: evidence that fades, logs that can judge, and new ads deployed."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from mlsd.checks import CheckResult, WrongAnswer, beats, check, gives
from mlsd.checks.deployed import check_policy
from mlsd.lab_support.ad_click.proven_ads import (
    MakePolicy,
    ProvenAdsPolicy,
    deployed_revenue,
    proven_ads_policy,
)
from mlsd.lab_support.ad_click.small_log import small_log
from mlsd.policies.ad_click import BetaPosteriors
from mlsd.worlds.base import Policy

# Percent of the baseline's revenue. `outcome_margin` gives 7.9 on seeds 500 to 519; but on 300 to
# 399 a wrong answer once reached 8.6, and right ones, whose gains are skewed, stayed above 12.4.
# With 10, no verdict on 700 to 729 was false either (tests/benchmarks/lab_verdicts.py).
MARGIN = 10.0
_FRESH_SEED = 20_051


def check_discounted_update(answer: Callable[..., tuple]) -> CheckResult:
    """Check the first exercise."""
    one, two = np.array([1.0]), np.array([1.0, 2.0])
    known = np.array([[3.0, 0.5], [0.5, 2.0]])
    return check(
        "discounted_update",
        answer,
        gives(np.array([[2.0]]), one, one, 1.0, 0.5, 1.0, expected=([[2.5]], [1.5])),
        gives(known, two, two, 0.0, 1.0, 3.0, expected=([[4.0, 2.5], [2.5, 6.0]], [1.0, 2.0])),
        gives(
            4.0 * np.eye(2),
            two,
            np.zeros(2),
            0.0,
            0.5,
            4.0,
            expected=(4.0 * np.eye(2), [0.5, 1.0]),
            hint="without news the matrix has to fall back to the ridge, not to zero",
        ),
        points=2,
    )


def check_choose_discount(answer: Callable[..., float]) -> CheckResult:
    """Check the second exercise."""
    rng = np.random.default_rng(0)
    stable = (rng.random(2_000) < 0.08).astype(int)
    jumping = (rng.random(2_000) < np.repeat([0.02, 0.4], 1_000)).astype(int)
    return check(
        "choose_discount",
        answer,
        gives(stable, [0.9, 0.99, 1.0], expected=1.0, hint="a stable ad is never to be forgotten"),
        gives(jumping, [1.0, 0.99, 0.9], expected=0.99),
        gives(
            np.array([1, 0]),
            [0.5, 0.0],
            expected=0.5,
            hint="predict each click from the views before it alone",
        ),
        points=3,
    )


def check_can_judge(answer: Callable[..., str]) -> CheckResult:
    """Check the third exercise."""
    rng = np.random.default_rng(0)
    right = 2.0 * (rng.random(4_000) < 0.5)
    rare = 500.0 * (np.arange(4_000) < 8)
    return check(
        "can_judge",
        answer,
        gives(np.array([4.0, 0.0, 2.0, 0.0]), 10, expected="too few"),
        gives(right, 500, expected="yes"),
        gives(
            2 * right, 500, expected="wrong propensities", hint="twice as many as there should be"
        ),
        gives(right / 2, 500, expected="wrong propensities", hint="weights may also be too small"),
        gives(rare, 500, expected="too few", hint="4,000 rows, of which eight count"),
        gives(
            np.full(100, 2.0),
            500,
            expected="too few",
            hint="first ask whether there is enough data",
        ),
        gives(np.tile([4.0, 0.0, 2.0, 0.0], 1_000), 500, expected="wrong propensities"),
        points=3,
    )


def check_make_policy(answer: MakePolicy) -> CheckResult:
    """Check the last exercise by what the policy earns in five markets that nobody has seen."""
    return check_policy(
        answer,
        lambda: small_log(days=1).frame,
        beats(
            deployed_revenue,
            proven_ads_policy,
            margin=MARGIN,
            seed=_FRESH_SEED,
            unit="percent of the house rule's revenue:",
            authors="above 112 on each of 130 seeds",
            hint="What is an ad believed to be before it has views, and who decides that now?",
        ),
    )


def proven_fresh_policy(log: pd.DataFrame) -> Policy:
    """Return the house rule with another prior: new ads still wait."""
    posteriors = BetaPosteriors(strength=100.0, inherit=False).update(log)
    return ProvenAdsPolicy("greedy", posteriors=posteriors)


def quick_proven_policy(log: pd.DataFrame) -> Policy:
    """Return the house rule with a weak prior: it believes proven ads sooner, and new ads wait."""
    return ProvenAdsPolicy("greedy", posteriors=BetaPosteriors(strength=10.0).update(log))


def _forgets_the_ridge(matrix, vector, x, reward, *rest):
    discount = rest[0]
    return discount * matrix + np.outer(x, x), discount * vector + reward * x


def _forgets_the_news(matrix, vector, x, reward, *rest):
    discount, ridge = rest
    kept = discount * (matrix + np.outer(x, x)) + (1 - discount) * ridge * np.eye(len(x))
    return kept, discount * (vector + reward * x)


def _always_remembers(clicks, discounts):
    return max(discounts)


def _knows_the_click(clicks, discounts):
    losses = []
    for discount in discounts:
        faded, loss = np.zeros(2), 0.0
        for click in clicks:
            faded = discount * faded + [click, 1]
            rate = (faded[0] + 1.5) / (faded[1] + 30)
            loss -= np.log(rate if click else 1 - rate)
        losses.append(loss)
    return discounts[int(np.argmin(losses))]


def _tests_the_mean_first(weight, needed):
    error = weight.std() / np.sqrt(len(weight))
    if abs(weight.mean() - 1) > 4 * error:
        return "wrong propensities"
    return "too few" if weight.sum() ** 2 < needed * (weight**2).sum() else "yes"


def _counts_the_agreements(weight, needed):
    if (weight > 0).sum() < needed:
        return "too few"
    error = weight.std() / np.sqrt(len(weight))
    return "wrong propensities" if weight.mean() - 1 > 4 * error else "yes"


WRONG_ANSWERS = (
    WrongAnswer("discounted_update", "ridge fades to zero", _forgets_the_ridge),
    WrongAnswer("discounted_update", "discounts the news too", _forgets_the_news),
    WrongAnswer("choose_discount", "remembers everything", _always_remembers),
    WrongAnswer("choose_discount", "predicts a click that it has counted", _knows_the_click),
    WrongAnswer("can_judge", "asks for the mean first", _tests_the_mean_first),
    WrongAnswer("can_judge", "counts the rows that agree", _counts_the_agreements),
    WrongAnswer("make_policy", "a weaker prior, new ads still wait", quick_proven_policy),
    WrongAnswer("make_policy", "another prior, new ads still wait", proven_fresh_policy),
)

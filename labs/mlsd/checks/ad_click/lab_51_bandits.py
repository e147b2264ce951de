"""Checks of the bandit lab: evidence that fades, logs that can judge, and rules for launch days."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from mlsd.checks import CheckResult, WrongAnswer, beats, check, gives, holds
from mlsd.lab_support.ad_click.launch_days import (
    STRENGTH,
    MakeRule,
    Rule,
    greedy_rule,
    launch_value,
)

# Of what knowing every rate would earn, in points above greedy.
MARGIN = 3.0
_FRESH_SEED = 20_051
_THREE_ADS = (
    np.array([[2.0, 0.0, 0.0]]),
    np.array([[40.0, 0.0, 9.0]]),
    np.array([[1.0, 2.0, 1.0]]),
)


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
        gives(
            np.array([1, 0, 0, 0, 1, 0]),
            [0.0, 0.5],
            expected=0.5,
            hint="predict each click from the views before it alone, and fade them before the new "
            "view is added",
        ),
        gives(stable, [0.9, 0.99, 1.0], expected=1.0, hint="a stable ad is never to be forgotten"),
        gives(
            jumping,
            [1.0, 0.99, 0.9],
            expected=0.99,
            hint="after a jump long memories are late, and short ones are noisy",
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
            2 * right,
            500,
            expected="wrong propensities",
            hint="these weights average two; a standard error is the standard deviation of the "
            "weights over the root of their number",
        ),
        gives(
            right / 2,
            500,
            expected="wrong propensities",
            hint="these weights average one half: too small is wrong too",
        ),
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


def check_make_rule(answer: MakeRule) -> CheckResult:
    """Check the last exercise by what the rule earns in six markets that nobody has seen."""
    past = pd.DataFrame({"views": [100, 200, 50, 150], "clicks": [3, 8, 0, 9]})
    return check(
        "make_rule",
        answer,
        holds(
            lambda make: np.shape(make(past)(*_THREE_ADS)) == (1, 3),
            "return a rule, which gives one score per ad from clicks, views and bids",
        ),
        beats(
            launch_value,
            greedy_rule,
            margin=MARGIN,
            seed=_FRESH_SEED,
            unit="earned, in percent of what knowing every rate would earn:",
            authors="4.6 to 9.3 above greedy",
            hint="What do earlier ads say about a new one, and how much benefit of the doubt "
            "should it get?",
        ),
        points=4,
    )


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


def _bid_alone(past):
    return lambda clicks, views, bid: bid


def _greedy_times_factor(past):
    rule = greedy_rule(past)
    return lambda clicks, views, bid: 1.1 * rule(clicks, views, bid)


def _even_trial(past):
    rate = past["clicks"].sum() / past["views"].sum()

    def rule(clicks, views, bid):
        mean = (STRENGTH * rate + clicks) / (STRENGTH + views)
        return np.where(views < 10, 1e6 - views, bid * mean)

    return rule


def _bounded(rate: float, strength: float, width: float) -> Rule:
    """Return a rule that ranks by an upper confidence bound."""

    def rule(clicks, views, bid):
        total = strength + views
        mean = (strength * rate + clicks) / total
        return bid * (mean + width * np.sqrt(mean * (1 - mean) / (total + 1)))

    return rule


def _drawing(rate: float, strength: float) -> Rule:
    """Return Thompson sampling."""
    rng = np.random.default_rng(0)

    def rule(clicks, views, bid):
        return bid * rng.beta(strength * rate + clicks, strength * (1 - rate) + views - clicks)

    return rule


def _textbook_thompson(past):
    return _drawing(past["clicks"].sum() / past["views"].sum(), STRENGTH)


def _epsilon_greedy(past):
    greedy, rng = greedy_rule(past), np.random.default_rng(0)

    def rule(clicks, views, bid):
        at_random = rng.random((len(bid), 1)) < 0.1
        return np.where(at_random, rng.random(bid.shape), greedy(clicks, views, bid))

    return rule


WRONG_ANSWERS = (
    WrongAnswer("discounted_update", "ridge fades to zero", _forgets_the_ridge),
    WrongAnswer("discounted_update", "discounts the news too", _forgets_the_news),
    WrongAnswer("choose_discount", "remembers everything", _always_remembers),
    WrongAnswer("choose_discount", "predicts a click that it has counted", _knows_the_click),
    WrongAnswer("can_judge", "asks for the mean first", _tests_the_mean_first),
    WrongAnswer("can_judge", "counts the rows that agree", _counts_the_agreements),
    WrongAnswer("make_rule", "the highest bid", _bid_alone),
    WrongAnswer("make_rule", "greedy times 1.1", _greedy_times_factor),
    WrongAnswer("make_rule", "ten views each, then greedy", _even_trial),
    WrongAnswer("make_rule", "epsilon-greedy", _epsilon_greedy),
    WrongAnswer("make_rule", "Thompson sampling as in textbooks", _textbook_thompson),
    WrongAnswer("make_rule", "a uniform prior", lambda past: _drawing(0.5, 2.0)),
    WrongAnswer("make_rule", "a bound, earlier ads ignored", lambda past: _bounded(0.5, 2.0, 0.5)),
    WrongAnswer("make_rule", "a remembered rate", lambda past: _bounded(0.1, 10.0, 1.0)),
    WrongAnswer("make_rule", "another remembered rate", lambda past: _bounded(0.05, 30.0, 1.0)),
)

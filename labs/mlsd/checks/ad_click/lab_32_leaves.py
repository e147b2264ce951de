"""Checks of the leaves lab: a guard, leaf columns, purchases, and a policy on a budget."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from mlsd.checks import CheckResult, WrongAnswer, beats, check, gives, holds
from mlsd.checks.deployed import check_policy
from mlsd.checks.result import Test
from mlsd.data.log import LabelledLog
from mlsd.features import CounterFeatures
from mlsd.lab_support.ad_click.guarded_split import best_cut
from mlsd.lab_support.ad_click.key_budget import (
    CONTEXT,
    MakePolicy,
    context_policy,
    deployed_revenue,
    fitted_policy,
)
from mlsd.lab_support.ad_click.small_log import small_log
from mlsd.models import GlobalRate, HashedLogisticRegression, LightGBMScorer
from mlsd.policies.ad_click import ScorerPolicy

# Percent of the baseline's revenue; see `tests/benchmarks/README.md`.
MARGIN = 5.0
_FRESH_SEED = 20_032


def check_choose_guard(answer: Callable[..., float]) -> CheckResult:
    """Check the first exercise, on days that repeat the training days and days that do not."""
    ones, tens = np.ones(3), np.full(3, 10.0)
    noise = (np.array([-3.0, 1.0, 2.0]), ones), (np.array([1.0, 0.0, 0.0]), ones)
    same = (np.array([-30.0, 10.0, 20.0]), tens)
    steep = (np.array([-2.0, 2.0]), np.full(2, 0.5)), (np.array([-0.5, 0.5]), np.full(2, 0.5))
    return check(
        "choose_guard",
        answer,
        gives(
            *noise,
            1.0,
            (1.0, 2.0),
            expected=2.0,
            hint="leaf values from the training days, their effect on later days",
        ),
        gives(same, same, 1.0, (15.0, 1.0), expected=1.0, hint="here the split holds later too"),
        gives(same, same, 1.0, (0.1, 1.0, 15.0), expected=1.0, hint="0.1 and 1 cut alike"),
        gives(*steep, 2.0, (0.1, 1.0), expected=0.1, hint="the penalty makes leaf values smaller"),
        *(_smallest_guard(*case) for case in _GUARDS),
        points=2,
    )


# Gradients of the training and of later days, for which a guard of 1 does better than one of 3.
_GUARDS = (
    ((3, 4, -1), (2, 4, 1), "the square of the leaf value counts half"),
    ((-1, 0, 2), (4, -4, 4), "the training days settle the cut"),
    ((3, 1, 0), (-2, -2, -4), "without a split all form one leaf, which changes the loss too"),
)


def _smallest_guard(train: tuple[int, ...], later: tuple[int, ...], hint: str) -> Test:
    days = ((np.array(gradient, float), np.ones(3)) for gradient in (train, later))
    return gives(*days, 1.0, (1.0, 3.0), expected=1.0, hint=hint)


def check_leaf_columns(answer: Callable[..., dict[str, np.ndarray]]) -> CheckResult:
    """Check the second exercise."""
    one, two = np.array([[3], [3], [5]]), np.array([[1, 7], [1, 8], [2, 7], [2, 8], [2, 9]])
    shared = np.array([[1, 1], [1, 2], [2, 2]])
    return check(
        "leaf_columns",
        answer,
        holds(
            lambda columns: list(columns(two, 1)) == ["tree_0", "tree_1"],
            "one entry per tree: tree_0, tree_1, ...",
        ),
        holds(
            lambda columns: np.array_equal(columns(one, 2)["tree_0"], [3, 3, -1]),
            "a leaf with fewer than `least` rows becomes -1",
        ),
        holds(
            lambda columns: np.array_equal(columns(two, 3)["tree_0"], [-1, -1, 2, 2, 2]),
            "in the first tree leaf 2 has three rows, leaf 1 has two",
        ),
        holds(
            lambda columns: np.array_equal(columns(shared, 2)["tree_0"], [1, 1, -1]),
            "count rows in each tree by itself: leaf 2 of one tree is not leaf 2 of another",
        ),
        holds(
            lambda columns: np.array_equal(columns(two, 2)["tree_1"], [7, 8, 7, 8, -1]),
            "a leaf with exactly `least` rows stays",
        ),
        points=2,
    )


def check_next_purchase(answer: Callable[..., str | None]) -> CheckResult:
    """Check the third exercise."""
    entropy = {"a": 0.96, "b": 0.94, "c": 0.98, "d": 0.90}
    keys = {"a": 1_000, "b": 6_000, "c": 10, "d": 20_000}
    return check(
        "next_purchase",
        answer,
        gives(entropy, 0.97, keys, 50_000, expected="a"),
        gives({"b": 0.94, "d": 0.90}, 0.97, keys, 50_000, expected="b"),
        gives({"b": 0.94, "d": 0.60}, 0.97, keys, 6_000, expected="b", hint="it has to fit"),
        gives({"c": 0.98}, 0.97, keys, 50_000, expected=None, hint="it has to improve"),
        gives({}, 0.97, keys, 50_000, expected=None),
        points=2,
    )


def check_make_policy(answer: MakePolicy) -> CheckResult:
    """Check the last exercise by what the policy earns in markets that nobody has seen."""
    return check_policy(
        answer,
        lambda: small_log(days=3),
        beats(
            deployed_revenue,
            context_policy,
            margin=MARGIN,
            seed=_FRESH_SEED,
            unit="percent of the baseline's revenue, mean [lowest, highest] of three markets:",
            authors="106 or more on all of 100 seeds",
            hint=(
                "Beyond the key budget a policy earns 0. A counter that is the same for all "
                "candidates of a request hardly changes which of them wins"
            ),
        ),
    )


def identifiers_policy(log: LabelledLog) -> ScorerPolicy:
    """Return trees on every identifier but the user's, no counters."""
    names = (*CONTEXT, "ad_id", "campaign_id", "publisher_id")
    model = LightGBMScorer(categorical=names, num_leaves=15, n_estimators=40)
    return fitted_policy(log, model)


def all_counters_policy(log: LabelledLog) -> ScorerPolicy:
    """Return a policy that counts the pair of user and category, far beyond the budget."""
    return _with_counters(log, [("user_id",), ("user_id", "category")])


def linear_identifiers_policy(log: LabelledLog) -> ScorerPolicy:
    """Return a linear model on the same identifiers: the solution without its counters."""
    names = (*CONTEXT, "ad_id", "campaign_id", "publisher_id")
    return fitted_policy(log, HashedLogisticRegression(categorical=names, C=0.1))


def crosses_policy(log: LabelledLog) -> ScorerPolicy:
    """Return a policy without counters that keeps a weight for each user and category."""
    names, pair = (*CONTEXT, "ad_id", "publisher_id"), ("user_id", "category")
    return fitted_policy(log, HashedLogisticRegression(categorical=names, crosses=(pair,)))


def linear_context_policy(log: LabelledLog) -> ScorerPolicy:
    """Return a linear model on the baseline's columns: another class, no counter."""
    return fitted_policy(log, HashedLogisticRegression(categorical=CONTEXT, C=0.1))


def users_counter_policy(log: LabelledLog) -> ScorerPolicy:
    """Return a policy that spends the budget on the user, who is the same for all candidates."""
    return _with_counters(log, [("user_id",)])


def campaign_counter_policy(log: LabelledLog) -> ScorerPolicy:
    """Return a policy with the cheapest counter alone, the first by gain per key."""
    return _with_counters(log, [("campaign_id",)])


def one_rate_policy(log: LabelledLog) -> ScorerPolicy:
    """Return the policy of one rate for all, which ranks by the bid."""
    return fitted_policy(log, GlobalRate())


def _with_counters(log: LabelledLog, entities: list[tuple[str, ...]]) -> ScorerPolicy:
    counters = CounterFeatures(entities, half_lives=(3 * 86_400.0,), refresh="nightly")
    model = HashedLogisticRegression(categorical=CONTEXT, numeric=counters.names, C=0.1)
    return fitted_policy(log, model, counters)


def _guard(
    train, values_of, judged, penalty, choices, *, of_leaves=None, half=0.5, cut_on=None, alone=True
):
    of_leaves = penalty if of_leaves is None else of_leaves

    def change_of_loss(least):
        cut, change = best_cut(*(cut_on or train), penalty, least), 0.0
        if not (cut or alone):
            return change
        for side in (slice(0, cut), slice(cut, None)):
            held = values_of[1][side].sum() + of_leaves
            value = -values_of[0][side].sum() / held if held else 0.0
            change += value * judged[0][side].sum() + half * value**2 * judged[1][side].sum()
        return change

    return min(sorted(choices, reverse=True), key=change_of_loss)


def _judged_in_training(train, later, penalty, choices):
    return _guard(train, train, train, penalty, choices)


def _leaves_of_later_days(train, later, penalty, choices):
    return _guard(train, later, later, penalty, choices)


def _leaves_without_penalty(train, later, penalty, choices):
    return _guard(train, train, later, penalty, choices, of_leaves=0.0)


def _without_half(train, later, penalty, choices):
    return _guard(train, train, later, penalty, choices, half=1.0)


def _cut_of_later_days(train, later, penalty, choices):
    return _guard(train, train, later, penalty, choices, cut_on=later)


def _no_split_is_free(train, later, penalty, choices):
    return _guard(train, train, later, penalty, choices, alone=False)


def _counted_over_all_trees(leaves, least):
    values, rows = np.unique(leaves, return_counts=True)
    rare = values[rows < least]
    return {f"tree_{i}": np.where(np.isin(c, rare), -1, c) for i, c in enumerate(leaves.T)}


def _at_most(leaves, least):
    rare = [(column[:, None] == column).sum(axis=1) <= least for column in leaves.T]
    return {f"tree_{i}": np.where(rare[i], -1, c) for i, c in enumerate(leaves.T)}


def _largest_gain(entropy, now, keys, left):
    fits = [name for name in entropy if keys[name] <= left and entropy[name] < now]
    return min(fits, key=entropy.get, default=None)


def _cheapest(entropy, now, keys, left):
    return min((name for name in entropy if keys[name] <= left), key=keys.get, default=None)


WRONG_ANSWERS = (
    WrongAnswer("choose_guard", "judged on the training days", _judged_in_training),
    WrongAnswer("choose_guard", "leaf values of the later days", _leaves_of_later_days),
    WrongAnswer("choose_guard", "leaf values without the penalty", _leaves_without_penalty),
    WrongAnswer("choose_guard", "the square counted in full", _without_half),
    WrongAnswer("choose_guard", "the cut of the later days", _cut_of_later_days),
    WrongAnswer("choose_guard", "no split costs nothing", _no_split_is_free),
    WrongAnswer("choose_guard", "always the largest", lambda *given: max(given[3])),
    WrongAnswer("leaf_columns", "rows counted over all trees", _counted_over_all_trees),
    WrongAnswer("leaf_columns", "a leaf with exactly least rows goes", _at_most),
    WrongAnswer("next_purchase", "largest gain, not gain per key", _largest_gain),
    WrongAnswer("next_purchase", "the cheapest", _cheapest),
    WrongAnswer("make_policy", "identifiers without counters", identifiers_policy),
    WrongAnswer("make_policy", "identifiers in a linear model", linear_identifiers_policy),
    WrongAnswer("make_policy", "beyond the budget", all_counters_policy),
    WrongAnswer("make_policy", "a cross that is beyond the budget", crosses_policy),
    WrongAnswer("make_policy", "one rate for all", one_rate_policy),
    WrongAnswer("make_policy", "a linear model without counters", linear_context_policy),
    WrongAnswer("make_policy", "the users' counter alone", users_counter_policy),
    WrongAnswer("make_policy", "the cheapest counter alone", campaign_counter_policy),
)

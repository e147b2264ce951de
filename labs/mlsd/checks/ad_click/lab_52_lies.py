"""Checks of the lab on experiments that lie: four diagnoses, and what an analysis earns."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from mlsd.checks import CheckResult, WrongAnswer, beats, check, gives, holds
from mlsd.checks.ad_click import shipping_mistakes
from mlsd.experiments import sample_ratio_p_value, sequential_boundary
from mlsd.lab_support.ad_click.lying_experiments import (
    Experiment,
    Ship,
    naive_ship,
    shipped_value,
    simulate_experiment,
)

# Percent of what can be earned.
MARGIN = 89.5
_FRESH_SEED = 20_052
# Seed, effect, and z of `rate_z`.
_RATE_CASES = ((1, 0.0, -1.304315), (2, 0.8, 4.083939), (3, 0.3, 1.857495))


def _users(**counts: tuple[int, int]) -> pd.DataFrame:
    """Return users of both arms by browser, and some outside."""
    rows = [
        (arm, browser)
        for browser, pair in counts.items()
        for arm, number in zip(("control", "treatment"), pair)
        for _ in range(number)
    ]
    rows += [("outside", browser) for browser in counts for _ in range(50)]
    return pd.DataFrame(rows, columns=["arm", "browser"])


def check_broken_browser(answer: Callable[[pd.DataFrame], str | None]) -> CheckResult:
    """Check the first exercise."""
    cases = [
        (_users(chrome=(1000, 1000), safari=(300, 200)), "safari", "one browser is far off"),
        (_users(chrome=(1000, 1004), safari=(200, 197)), None, "no browser is off"),
        (
            _users(a=(500, 500), b=(500, 500), c=(500, 500), d=(240, 170)),
            None,
            "a p value of 0.0005 is no surprise among four browsers",
        ),
        (_users(chrome=(5000, 4400), other=(20, 8)), "chrome", "judge by p, not by the ratio"),
    ]
    tests = [
        holds(
            lambda find, users=users, name=name: find(users.copy()) == name,
            f"{said}; expected {name!r}",
        )
        for users, name, said in cases
    ]
    return check("broken_browser", answer, *tests, points=2)


def _rates(seed: int, effect: float) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    rate = rng.beta(1, 12, 400)
    treated = rng.random(400) < 0.5
    table = pd.DataFrame({"treated": treated})
    for name, shown in (("", rate * (1 + effect * treated)), ("_before", rate)):
        views = 1 + rng.poisson(rng.gamma(0.6, 25, 400))
        table[f"views{name}"] = views
        table[f"clicks{name}"] = rng.binomial(views, np.minimum(shown, 1))
    return table


def check_rate_z(answer: Callable[[pd.DataFrame], float]) -> CheckResult:
    """Check the second exercise."""
    hint = (
        "linearise the test at the control's rate and the past at the past rate of both arms, "
        "adjust all users at once, then compare the arms by user"
    )
    worked = pd.DataFrame(
        {
            "treated": [False, False, True, True],
            "clicks": [1, 3, 2, 5],
            "views": [10] * 4,
            "clicks_before": [0, 2, 0, 2],
            "views_before": [10] * 4,
        }
    )
    return check(
        "rate_z",
        answer,
        gives(worked, expected=4.242641, rtol=1e-4, hint="this is the worked number of the text"),
        *(
            gives(_rates(seed, effect), expected=expected, rtol=1e-4, hint=hint)
            for seed, effect, expected in _RATE_CASES
        ),
        points=3,
    )


def check_unsettled(answer: Callable[[np.ndarray, np.ndarray], bool]) -> CheckResult:
    """Check the third exercise."""
    rng = np.random.default_rng(4)
    treated = np.arange(2_000) % 2 == 1
    rate = rng.lognormal(0, 1, 2_000)[:, None]
    steady = rate * rng.gamma(4.0, 0.25, (2_000, 6)) * np.where(treated, 1.3, 1.0)[:, None]
    season = steady * np.array([2.0, 2.0, 2.0, 1.0, 1.0, 1.0]) / np.where(treated, 1.3, 1)[:, None]
    fading = steady * np.where(treated[:, None], np.array([1.4, 1.3, 1.2, 1.0, 1.0, 1.0]), 1.0)
    faint = steady * np.where(treated[:, None], np.array([1.15, 1.15, 1.15, 1.0, 1.0, 1.0]), 1.0)
    growing = steady * np.where(treated[:, None], np.array([1.0, 1.0, 1.0, 1.3, 1.3, 1.3]), 1.0)
    cases = [
        (fading, True, "an effect that fades is not settled"),
        (growing, True, "an effect that grows is not settled either"),
        (
            faint / np.where(treated, 1.3, 1.0)[:, None],
            True,
            "a small fade was missed: a user's halves are alike, so take each user's change first",
        ),
        (season, False, "both arms fall alike: compare the change of one with that of the other"),
        (rate * rng.gamma(4.0, 0.25, (2_000, 6)), False, "no effect in either half is steady"),
    ]
    tests = [
        holds(lambda tell, y=y, right=right: bool(tell(y, treated)) is right, said)
        for y, right, said in cases
    ]
    return check("unsettled", answer, *tests, points=2)


def check_stopping_look(answer: Callable[[np.ndarray, int], int | None]) -> CheckResult:
    """Check the fourth exercise."""
    hint = (
        "take O'Brien and Fleming's boundary for all looks planned, not for those taken; "
        "looks count from 1"
    )
    return check(
        "stopping_look",
        answer,
        gives(np.array([3.0, 3.1, 2.7]), 5, expected=3, hint=hint),
        gives(np.array([2.5, 2.5]), 14, expected=None, hint=hint),
        gives(np.array([0.1, 2.2, -5.0, 4.0]), 4, expected=3, hint="harm counts as well as gain"),
        gives(np.array([1.0, 2.1]), 2, expected=2, hint=hint),
        points=2,
    )


def _ship_nothing(experiment: Experiment) -> bool:
    return False


def check_ship(answer: Ship) -> CheckResult:
    """Check the last exercise by what its decisions are worth on experiments nobody has seen."""
    return check(
        "ship",
        answer,
        holds(
            lambda ship: isinstance(ship(simulate_experiment(1)[0]), (bool, np.bool_)),
            "return True or False for an experiment",
        ),
        beats(
            shipped_value,
            _ship_nothing,
            margin=MARGIN,
            seed=_FRESH_SEED,
            unit="value of what ships, in percent of what can be earned:",
            authors="96 to 100",
            hint="Leave out one of your checks at a time: which kind of experiment gets through, "
            "and how many good ones does a check turn away?",
        ),
        points=4,
    )


def _smallest_ratio(users):
    counts = pd.crosstab(users["browser"], users["arm"])
    return (counts["treatment"] / counts["control"]).idxmin()


def _one_test_in_a_thousand(users):
    counts = pd.crosstab(users["browser"], users["arm"])[["control", "treatment"]]
    p_values = counts.apply(lambda row: sample_ratio_p_value(row.to_numpy()), axis=1)
    return p_values.idxmin() if p_values.min() < 0.001 else None


def _five_percent(users):
    counts = pd.crosstab(users["browser"], users["arm"])[["control", "treatment"]]
    p_values = counts.apply(lambda row: sample_ratio_p_value(row.to_numpy()), axis=1)
    return p_values.idxmin() if p_values.min() < 0.05 else None


def _rows_as_units(table):
    sums = table.groupby("treated")[["clicks", "views"]].sum()
    rate = sums["clicks"] / sums["views"]
    return (rate[True] - rate[False]) / np.sqrt((rate * (1 - rate) / sums["views"]).sum())


def _mean_of_rates(table):
    rate = (table["clicks"] / table["views"]).groupby(table["treated"])
    return (rate.mean()[True] - rate.mean()[False]) / np.sqrt((rate.var() / rate.size()).sum())


def _no_past(table):
    control = table[~table["treated"]]
    outcome = table["clicks"] - control["clicks"].sum() / control["views"].sum() * table["views"]
    by_arm = outcome.groupby(table["treated"])
    return (by_arm.mean()[True] - by_arm.mean()[False]) / np.sqrt(
        (by_arm.var() / by_arm.size()).sum()
    )


def _difference_of_halves(revenue, treated):
    half = revenue.shape[1] // 2
    change = revenue[treated, :half].mean(axis=1) - revenue[treated, half:].mean(axis=1)
    return bool(abs(change.mean()) > 1.96 * change.std() / np.sqrt(len(change)))


def _halves_as_independent(revenue, treated):
    half = revenue.shape[1] // 2
    gaps, variance = [], 0.0
    for part in (revenue[:, :half], revenue[:, half:]):
        one, two = part[~treated].mean(axis=1), part[treated].mean(axis=1)
        gaps.append(two.mean() - one.mean())
        variance += one.var() / len(one) + two.var() / len(two)
    return bool(abs(gaps[0] - gaps[1]) > 1.96 * np.sqrt(variance))


def _looks_so_far(z, planned):
    passed = np.flatnonzero(np.abs(z) > sequential_boundary(len(z)))
    return int(passed[0]) + 1 if len(passed) else None


def _every_look_at_196(z, planned):
    passed = np.flatnonzero(np.abs(z) > 1.96)
    return int(passed[0]) + 1 if len(passed) else None


def _only_gains(z, planned):
    passed = np.flatnonzero(z > sequential_boundary(planned)[: len(z)])
    return int(passed[0]) + 1 if len(passed) else None


WRONG_ANSWERS = (
    WrongAnswer("broken_browser", "the smallest ratio", _smallest_ratio),
    WrongAnswer("broken_browser", "several tests, one threshold", _one_test_in_a_thousand),
    WrongAnswer("broken_browser", "five percent", _five_percent),
    WrongAnswer("rate_z", "impressions as units", _rows_as_units),
    WrongAnswer("rate_z", "mean of the users' rates", _mean_of_rates),
    WrongAnswer("rate_z", "the past ignored", _no_past),
    WrongAnswer("unsettled", "the treatment's halves alone", _difference_of_halves),
    WrongAnswer("unsettled", "halves as independent", _halves_as_independent),
    WrongAnswer("stopping_look", "boundary of the looks so far", _looks_so_far),
    WrongAnswer("stopping_look", "1.96 at each look", _every_look_at_196),
    WrongAnswer("stopping_look", "gains only", _only_gains),
    WrongAnswer("ship", "always", shipping_mistakes.ship_all),
    WrongAnswer("ship", "never", _ship_nothing),
    WrongAnswer("ship", "a positive estimate", shipping_mistakes.ship_positive),
    WrongAnswer("ship", "p below 0.05", naive_ship),
    WrongAnswer("ship", "CUPED without a check", shipping_mistakes.cuped_alone),
    WrongAnswer("ship", "shared budgets ignored", shipping_mistakes.budgets_ignored),
    WrongAnswer("ship", "novelty ignored", shipping_mistakes.novelty_ignored),
    WrongAnswer("ship", "missing users ignored", shipping_mistakes.missing_users_ignored),
    WrongAnswer("ship", "the stop ignored", shipping_mistakes.stop_ignored),
    WrongAnswer("ship", "growth over the own past", shipping_mistakes.own_past),
    WrongAnswer("ship", "another market as control", shipping_mistakes.outside_as_control),
)

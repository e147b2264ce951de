"""Simulated A/B tests whose answer is known, some of which are broken in a way that data show.

They are drawn, not deployed: what a test looks like from inside depends on users and on faults, and
hundreds of them are needed to judge an analysis. Users and spreads imitate those of the ad market.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from mlsd.metrics import Interval

DAYS = 14
USERS = 2_400
OUTSIDE = 1_200
BROWSERS = ("chrome", "safari", "firefox", "other")
# How often each kind occurs among the experiments that grade an answer.
KINDS = {
    "sound, better": 0.24,
    "sound, no effect": 0.06,
    "sound, worse": 0.04,
    "lost users": 0.12,
    "novelty": 0.17,
    "shared budget": 0.17,
    "stopped early": 0.2,
}
_BETTER, _WORSE, _STOPPED = 0.2, -0.12, -0.06
_EXPERIMENTS = 300
# Of a test that will be stopped, drawn at once until one crosses: about one in 700 does.
_SPLITS = 64
# Of the logarithm of what all users spend during a test, against the days before, and from day to
# day: without a control, growth tells nothing.
_SEASON_SD, _DAY_SD = 0.25, 0.1

Ship = Callable[["Experiment"], bool]


@dataclass(frozen=True)
class Experiment:
    """One A/B test as its team hands it over.

    Attributes
    ----------
    users : DataFrame
        One row per user: `arm` (``"control"``, ``"treatment"``, or ``"outside"`` for users of a
        market that spends other budgets and saw the old policy all the time), `browser`, and
        `before`, the user's revenue in the 14 days before.
    revenue : ndarray, shape (users, days run)
        Of each user on each day.
    planned_days : int
        For how long the test was planned; it ran for fewer if somebody stopped it.
    """

    users: pd.DataFrame
    revenue: np.ndarray
    planned_days: int = DAYS

    @property
    def days(self) -> int:
        """Days that the test ran."""
        return self.revenue.shape[1]

    def of(self, arm: str) -> np.ndarray:
        """Return which users are in an arm, shape (users,)."""
        return (self.users["arm"] == arm).to_numpy()


def simulate_experiment(
    seed: int, *, kind: str | None = None, users: int = USERS
) -> tuple[Experiment, float]:
    """Return an experiment and its true lasting effect on revenue, as a share.

    Parameters
    ----------
    seed : int
    kind : str or None
        One of `KINDS`; None draws one.
    users : int
        Assigned to the two arms together.

    Examples
    --------
    >>> experiment, effect = simulate_experiment(1, kind="sound, better")
    >>> experiment.days, effect
    (14, 0.2)
    """
    rng = np.random.default_rng([52, seed])
    drawn = str(rng.choice(list(KINDS), p=list(KINDS.values())))
    kind = kind or drawn
    table = _assigned(rng, users)
    effect = _effect(kind)
    if kind == "stopped early":
        return _stopped_early(rng, table), effect
    revenue = _revenue(rng, table, _shown_effect(kind, effect))
    table = table.drop(columns="rate")
    if kind == "lost users":
        kept = _kept(rng, table, revenue)
        table, revenue = table[kept].reset_index(drop=True), revenue[kept]
    return Experiment(table, revenue), effect


def simulate_mixture(
    seed: int, experiments: int = _EXPERIMENTS
) -> Iterator[tuple[Experiment, float]]:
    """Yield many experiments of all kinds with their true effects, in an order that tells nothing.

    Examples
    --------
    >>> len(list(simulate_mixture(3, experiments=5)))
    5
    """
    for number, kind in enumerate(_kinds(seed, experiments)):
        yield simulate_experiment(1_000 * seed + number, kind=kind)


def shipped_value(seed: int, ship: Ship) -> Interval:
    """Return what an analysis earns on fresh experiments, in percent of what could be earned.

    Parameters
    ----------
    seed : int
        Of the experiments.
    ship : callable
        From an `Experiment` to True (ship the treatment) or False.

    Returns
    -------
    Interval
        Sum of the true effects of all that was shipped, over the sum of all positive ones, with its
        95 % interval over experiments: 100 ships the good ones alone, 0 ships nothing, and shipping
        harm counts negatively.

    Raises
    ------
    TypeError
        If an answer is neither True nor False.

    Examples
    --------
    >>> shipped_value(3, lambda experiment: False).estimate
    0.0
    """
    shipped = np.array([_verdict(ship, experiment) for experiment, _ in simulate_mixture(seed)])
    # Only now, so that no answer is called from where the effects are known.
    effect = np.array([_effect(kind) for kind in _kinds(seed, _EXPERIMENTS)])
    earned, possible = effect * shipped, np.maximum(effect, 0.0)
    share = earned.sum() / possible.sum()
    error = np.sqrt(len(effect)) * (earned - share * possible).std() / possible.sum()
    ends = share, share - 1.96 * error, min(share + 1.96 * error, 1.0)
    return Interval(*(float(100 * end) for end in ends))


def _verdict(ship: Ship, experiment: Experiment) -> bool:
    answer = ship(experiment)
    if not isinstance(answer, (bool, np.bool_)):
        raise TypeError(f"return True or False, not {answer!r}")
    return bool(answer)


def _effect(kind: str) -> float:
    """Return the true lasting effect of a kind of experiment."""
    known = {"sound, better": _BETTER, "sound, no effect": 0.0, "stopped early": _STOPPED}
    return known.get(kind, _WORSE)


def _kinds(seed: int, experiments: int) -> list[str]:
    """Return kinds in fixed numbers, so that no analysis gains from the mixture of a seed."""
    ends = experiments * np.cumsum(list(KINDS.values()))
    kinds = np.array(list(KINDS))[np.searchsorted(ends, np.arange(experiments) + 0.5)]
    return [str(kind) for kind in np.random.default_rng(seed).permutation(kinds)]


def naive_z(experiment: Experiment) -> np.ndarray:
    """Return z of treatment against control on each day, from the revenue per user so far.

    Examples
    --------
    >>> naive_z(simulate_experiment(1)[0]).ndim
    1
    """
    seen = experiment.revenue.cumsum(axis=1)
    return _z(seen, experiment.of("control"), experiment.of("treatment"))


def naive_ship(experiment: Experiment) -> bool:
    """Ship if the treatment is better with p < 0.05 on the last day: the usual analysis."""
    return bool(naive_z(experiment)[-1] > 1.96)


def _assigned(rng: np.random.Generator, users: int) -> pd.DataFrame:
    """Return users with their arm, their past and, hidden from the reader, their daily rate."""
    total = users + OUTSIDE
    rate = rng.lognormal(-1.0, 1.0, total)
    arm = np.where(rng.random(total) < 0.5, "control", "treatment").astype(object)
    arm[users:] = "outside"
    browser = rng.choice(BROWSERS, total, p=[0.5, 0.35, 0.1, 0.05])
    before = rng.gamma(0.5 * DAYS * rate, 0.5)
    return pd.DataFrame({"arm": arm, "browser": browser, "before": before, "rate": rate})


def _shown_effect(kind: str, effect: float) -> tuple[np.ndarray, float]:
    """Return by day what treated users do more than they would, and what control loses to them."""
    day = np.arange(DAYS)
    if kind == "novelty":
        return effect + 1.2 * 0.5 ** (day / 1.5), 0.0
    if kind == "shared budget":
        return np.full(DAYS, effect + 0.3), -0.2
    if kind == "lost users":
        # Those who stay do more; the harm is in those who are not in the table any more.
        return np.full(DAYS, effect + 0.25), 0.0
    return np.full(DAYS, effect), 0.0


def _revenue(
    rng: np.random.Generator, table: pd.DataFrame, shown: tuple[np.ndarray, float]
) -> np.ndarray:
    """Return revenue by user and day."""
    treated, of_control = shown
    factor = np.ones((len(table), DAYS))
    factor[(table["arm"] == "treatment").to_numpy()] += treated
    factor[(table["arm"] == "control").to_numpy()] += of_control
    season = np.exp(rng.normal(0, _SEASON_SD) + rng.normal(0, _DAY_SD, DAYS))
    return rng.gamma(0.5 * table["rate"].to_numpy()[:, None] * factor, 0.5 * season)


def _kept(rng: np.random.Generator, table: pd.DataFrame, revenue: np.ndarray) -> np.ndarray:
    """Return who is left where one browser's treatment drives away users who buy less."""
    exposed = (table["arm"] == "treatment") & (table["browser"] == "safari")
    before = table["before"].to_numpy()
    change = revenue.sum(axis=1) - before * revenue.sum() / before.sum()
    fell = change < np.quantile(change, 0.75)
    return ~(exposed & fell & (rng.random(len(table)) < 0.95)).to_numpy()


def _stopped_early(rng: np.random.Generator, table: pd.DataFrame) -> Experiment:
    """Return a slightly harmful treatment whose dashboard, with CUPED, showed p < 0.05 one day."""
    revenue = _revenue(rng, table, (np.zeros(DAYS), 0.0))
    users = table.drop(columns="rate")
    inside = np.flatnonzero(users["arm"] != "outside")
    seen = revenue.cumsum(axis=1)
    past = users["before"].to_numpy() - users["before"].mean()
    residual = seen - np.outer(past, past @ (seen - seen.mean(axis=0)) / (past @ past))
    seen, residual, arm = seen[inside], residual[inside], users["arm"].to_numpy(copy=True)
    while True:
        # Which users are treated makes no difference yet, so that any split is as probable.
        treated = rng.integers(0, 2, (_SPLITS, len(inside)), dtype=bool)
        harm = _STOPPED * (treated @ seen) / treated.sum(axis=1, keepdims=True)
        crossed = _z(residual, ~treated, treated, shift=harm)[:, 1:-1] > 1.96
        if crossed.any():
            split = crossed.any(axis=1).argmax()
            arm[inside] = np.where(treated[split], "treatment", "control")
            shown = np.where((arm == "treatment")[:, None], (1 + _STOPPED) * revenue, revenue)
            days = crossed[split].argmax() + 2
            return Experiment(users.assign(arm=arm), shown[:, :days])


def _z(
    seen: np.ndarray, control: np.ndarray, treated: np.ndarray, shift: np.ndarray | float = 0.0
) -> np.ndarray:
    """Return z by day of the totals so far, the treated ones shifted.

    Arms are of shape (users,), or (splits, users) for z of shape (splits, days).
    """
    means, variance = [], 0.0
    for arm in (control, treated):
        users = arm.sum(axis=-1, keepdims=True)
        sums = arm.astype(float) @ np.hstack([seen, seen**2])
        mean, square = np.split(sums / users, 2, axis=-1)
        variance = variance + (square - mean**2) / (users - 1)
        means.append(mean)
    return (means[1] + shift - means[0]) / np.sqrt(variance)

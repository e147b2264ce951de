"""Simulated A/B tests whose answer is known, some of which are broken in a way that data show.

They are drawn, not deployed: what a test looks like from inside depends on users and on faults, and
hundreds of them are needed to judge an analysis. Users and spreads imitate those of the ad market.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

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
_BETTER, _WORSE, _STOPPED = 0.2, -0.12, -0.04
_EXPERIMENTS = 150

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
    effect = {"sound, better": _BETTER, "sound, no effect": 0.0}.get(kind, _WORSE)
    if kind == "stopped early":
        return _stopped_early(rng, table), _STOPPED
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
    # Fixed numbers of each kind, so that what an analysis is worth does not hang on the mixture.
    ends = experiments * np.cumsum(list(KINDS.values()))
    kinds = np.array(list(KINDS))[np.searchsorted(ends, np.arange(experiments) + 0.5)]
    for number, kind in enumerate(np.random.default_rng(seed).permutation(kinds)):
        yield simulate_experiment(1_000 * seed + number, kind=str(kind))


def shipped_value(seed: int, ship: Ship) -> float:
    """Return what an analysis earns on fresh experiments, in percent of what could be earned.

    Parameters
    ----------
    seed : int
        Of the experiments.
    ship : callable
        From an `Experiment` to True (ship the treatment) or False.

    Returns
    -------
    float
        Sum of the true effects of all that was shipped, over the sum of all positive ones: 100
        ships the good ones alone, 0 ships nothing, and shipping harm counts negatively.

    Raises
    ------
    TypeError
        If an answer is neither True nor False.

    Examples
    --------
    >>> shipped_value(3, lambda experiment: False)
    0.0
    """
    earned = possible = 0.0
    for experiment, effect in simulate_mixture(seed):
        answer = ship(experiment)
        if not isinstance(answer, (bool, np.bool_)):
            raise TypeError(f"return True or False, not {answer!r}")
        earned += effect * bool(answer)
        possible += max(effect, 0.0)
    return 100 * earned / possible


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
        return np.full(DAYS, effect + 0.2), -0.13
    return np.full(DAYS, effect), 0.0


def _revenue(
    rng: np.random.Generator, table: pd.DataFrame, shown: tuple[np.ndarray, float]
) -> np.ndarray:
    """Return revenue by user and day."""
    treated, of_control = shown
    factor = np.ones((len(table), DAYS))
    factor[(table["arm"] == "treatment").to_numpy()] += treated
    factor[(table["arm"] == "control").to_numpy()] += of_control
    return rng.gamma(0.5 * table["rate"].to_numpy()[:, None] * factor, 0.5)


def _kept(rng: np.random.Generator, table: pd.DataFrame, revenue: np.ndarray) -> np.ndarray:
    """Return who is left where one browser's treatment drives away users who buy less."""
    exposed = (table["arm"] == "treatment") & (table["browser"] == "safari")
    change = revenue.sum(axis=1) - table["before"].to_numpy()
    fell = change < np.quantile(change, 0.6)
    return ~(exposed & fell & (rng.random(len(table)) < 0.9)).to_numpy()


def _stopped_early(rng: np.random.Generator, table: pd.DataFrame) -> Experiment:
    """Return a slightly harmful treatment whose dashboard, with CUPED, showed p < 0.05 one day."""
    revenue = _revenue(rng, table, (np.zeros(DAYS), 0.0))
    users = table.drop(columns="rate")
    inside = np.flatnonzero(users["arm"] != "outside")
    seen = revenue.cumsum(axis=1)
    past = users["before"].to_numpy() - users["before"].mean()
    residual = seen - np.outer(past, past @ (seen - seen.mean(axis=0)) / (past @ past))
    arm = users["arm"].to_numpy(copy=True)
    while True:
        # Which users are treated makes no difference yet, so that any split is as probable.
        arm[inside] = rng.permutation(arm[inside])
        treated, control = arm == "treatment", arm == "control"
        harm = _STOPPED * seen[treated].mean(axis=0)
        crossed = np.flatnonzero(_z(residual, control, treated, shift=harm)[1:-1] > 1.96)
        if len(crossed):
            shown = np.where(treated[:, None], (1 + _STOPPED) * revenue, revenue)
            return Experiment(users.assign(arm=arm), shown[:, : crossed[0] + 2])


def _z(
    seen: np.ndarray, control: np.ndarray, treated: np.ndarray, shift: np.ndarray | float = 0.0
) -> np.ndarray:
    """Return z by day of the totals so far, the treated ones shifted."""
    one, two = seen[control], seen[treated]
    variance = one.var(axis=0, ddof=1) / len(one) + two.var(axis=0, ddof=1) / len(two)
    return (two.mean(axis=0) + shift - one.mean(axis=0)) / np.sqrt(variance)

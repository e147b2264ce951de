"""What the rollback lab works on: quiet days of three markets, and canaries split from them.

Nothing was released on a quiet day, so any division of its users is a harmless release. A harmful
one is made by dropping clicks of the users in the canary at random: in each market as many as its
own noise lets a good rule find within three days.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pandas as pd

from mlsd.lab_support.deployed import market_seeds
from mlsd.policies import in_canary, rate_gap
from mlsd.runtime.times import DAY, HOUR
from mlsd.worlds import AdClickConfig, AdClickWorld

HOURS, SHARE = 72, 20
# Relative losses of clicks, in standard errors of all three days with users as the unit.
HARMS = (6, 8)
HARMLESS, HARMFUL = 100, 16
POINTS_PER_FALSE_PERCENT = 8.0
_MARKET = {"live_ads": 400, "campaigns": 160, "publishers": 60}
_LARGE = _MARKET | {"users": 8_000, "requests_per_day": 40_000}
_SMALL = _MARKET | {"users": 4_000, "requests_per_day": 20_000}
_ALIKE = {"user_taste_sd": 0.3, "cluster_taste_sd": 0.3, "bot_share": 0.0}
# How much users differ in how often they come and how readily they click, which is what makes the
# impressions of one user alike: the design effect is about 1, 4 and 34.
MARKETS = {
    "strangers": AdClickConfig(
        **_LARGE, **_ALIKE, activity_sd=0.3, user_bias_sd=0.1, base_logit=-3.0
    ),
    "regulars": AdClickConfig(**_SMALL, activity_sd=1.0, user_bias_sd=1.0),
    "devotees": AdClickConfig(**_LARGE, activity_sd=1.2, user_bias_sd=3.2, base_logit=-5.2),
}

# Sums of each user so far, who is in the canary, and hours since the start; True to go back.
Rule = Callable[[np.ndarray, np.ndarray, np.ndarray, int], bool]


@dataclass(frozen=True)
class QuietDays:
    """Three days on which nothing was released.

    Attributes
    ----------
    clicks, views : ndarray, shape (72, users)
        Of each user, until the end of each hour.
    """

    clicks: np.ndarray
    views: np.ndarray

    @property
    def users(self) -> int:
        """Number of users."""
        return self.clicks.shape[1]


MakeRule = Callable[[QuietDays], Rule]


@lru_cache(maxsize=8)
def market_days(seed: int, market: str) -> tuple[QuietDays, QuietDays, dict[float, np.ndarray]]:
    """Return three quiet days to learn from, the three after them, and their damaged clicks.

    Parameters
    ----------
    seed : int
    market : str
        One of `MARKETS`.

    Returns
    -------
    past, later : QuietDays
    damaged : dict of float to ndarray, shape (72, users)
        Clicks of the later days by the share of them that was dropped: each of `HARMS`.
    """
    world = AdClickWorld(seed=seed, config=MARKETS[market])
    rows = world.history(days=6).impressions
    rows = rows[["user_id", "ts", "click"]]
    users = int(rows["user_id"].max()) + 1
    past, later = rows[rows["ts"] < 3 * DAY], rows[rows["ts"] >= 3 * DAY]
    keep = np.random.default_rng(seed).random(len(later))
    days = _quiet(later, users)
    harms = [min(size * _error(days), 0.95) for size in HARMS]
    damaged = {h: _by_hour(later, later["click"] * (keep > h), users) for h in harms}
    return _quiet(past, users), days, damaged


def _error(days: QuietDays, splits: int = 20) -> float:
    """Return the standard error of a canary's change in clicks after three days."""
    users, last = np.arange(days.users), (days.clicks[-1], days.views[-1])
    canaries = [in_canary(users, SHARE, salt=salt) for salt in range(splits)]
    return float(np.median([rate_gap(*last, is_new).error for is_new in canaries]))


def _quiet(rows: pd.DataFrame, users: int) -> QuietDays:
    return QuietDays(
        _by_hour(rows, rows["click"], users), _by_hour(rows, rows["click"] >= 0, users)
    )


def _by_hour(rows: pd.DataFrame, values: pd.Series, users: int) -> np.ndarray:
    hour = ((rows["ts"] % (3 * DAY)) // HOUR).to_numpy().astype(int)
    at = hour * users + rows["user_id"].to_numpy()
    table = np.bincount(at, values.to_numpy(float), minlength=HOURS * users)
    return table.reshape(HOURS, users).cumsum(axis=0)


def hours_until_rollback(
    rule: Rule, clicks: np.ndarray, views: np.ndarray, is_new: np.ndarray
) -> int | None:
    """Return the hour after which a rule goes back, None if it never does.

    Examples
    --------
    >>> views = np.ones((72, 2)).cumsum(axis=0)
    >>> after_ten = lambda clicks, views, is_new, hours: hours >= 10
    >>> hours_until_rollback(after_ten, 0 * views, views, np.array([True, False]))
    10
    """
    for hour in range(HOURS):
        if bool(rule(clicks[hour].copy(), views[hour].copy(), is_new.copy(), hour + 1)):
            return hour + 1
    return None


def market_outcome(seed: int, market: str, make_rule: MakeRule) -> dict[str, float]:
    """Return what a rule does in one market: harm avoided and false rollbacks, in percent."""
    past, later, damaged = market_days(seed, market)
    rule = make_rule(past)
    users = np.arange(later.users)
    false = 0
    for salt in range(HARMLESS):
        is_new = in_canary(users, SHARE, salt=salt)
        false += hours_until_rollback(rule, later.clicks, later.views, is_new) is not None
    suffered = 0.0
    for salt in range(HARMFUL):
        is_new = in_canary(users, SHARE, salt=1_000 + salt)
        for harm, clicks in damaged.items():
            mixed = np.where(is_new, clicks, later.clicks)
            hours = hours_until_rollback(rule, mixed, later.views, is_new) or HOURS
            suffered += harm * hours
    possible = HOURS * HARMFUL * sum(damaged)
    return {"avoided": 100 * (1 - suffered / possible), "false": 100 * false / HARMLESS}


def rule_outcomes(seed: int, make_rule: MakeRule) -> pd.DataFrame:
    """Return `market_outcome` of each market, and its points: harm avoided, minus false rollbacks.

    Parameters
    ----------
    seed : int
        Of all markets together.
    make_rule : callable
        From three quiet days of a market to the rule for its canaries.
    """
    seeds = dict(zip(MARKETS, market_seeds(seed, len(MARKETS))))
    table = pd.DataFrame({m: market_outcome(s, m, make_rule) for m, s in seeds.items()}).T
    return table.assign(points=table["avoided"] - POINTS_PER_FALSE_PERCENT * table["false"])


def rule_points(seed: int, make_rule: MakeRule) -> float:
    """Return the points of a rule in its worst market; going back never has none."""
    return 0.0 if make_rule is never else float(rule_outcomes(seed, make_rule)["points"].min())


def never(past: QuietDays) -> Rule:
    """Return the rule that keeps every release."""
    return lambda clicks, views, is_new, hours: False


def row_score(clicks: np.ndarray, views: np.ndarray, is_new: np.ndarray) -> float:
    """Return the two-proportion score, with impressions taken as independent.

    Examples
    --------
    >>> clicks, views = np.array([20.0, 10.0]), np.array([100.0, 100.0])
    >>> round(row_score(clicks, views, np.array([False, True])), 2)
    -1.98
    """
    new, old = views[is_new].sum(), views[~is_new].sum()
    rate = clicks.sum() / max(views.sum(), 1)
    if min(new, old) == 0 or not 0 < rate < 1:
        return 0.0
    error = np.sqrt(rate * (1 - rate) * (1 / new + 1 / old))
    return float((clicks[is_new].sum() / new - clicks[~is_new].sum() / old) / error)

"""The delay lab's past, replayed: what each wait would have cost, and how often an alarm sounds."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from mlsd.lab_support.ad_click.delayed_credit import LOG_DAYS, OPEN_DAYS, WINDOW_DAYS

WAITS = (0, 1, 3, 7, 10)
_RECENT_DAYS, _ADVERTISERS = 14, 40
# Clicks aged 7 to 13 days are young and those of 14 to 29 days old; all had a week to convert.
_FOLLOW_UP, _YOUNG, _COMPARED, _LOGS = 7, 7, 23, 10_000


def hesitate(delay: np.ndarray) -> np.ndarray:
    """Return the delays, in days, when a tenth of those within an hour take two days longer.

    Examples
    --------
    >>> hesitate(np.zeros(11))[[0, 1, 10]]
    array([2., 0., 2.])
    """
    tenth = (delay < 1 / 24) & (np.arange(len(delay)) % 10 == 0)
    return np.where(tenth, delay + 2, delay)


def double(delay: np.ndarray) -> np.ndarray:
    """Return the delays when every buyer takes twice as long."""
    return 2 * delay


SLOWDOWNS = {"nothing changed": None, "a tenth hesitates": hesitate, "all take twice": double}


def errors_by_wait(clicks: pd.DataFrame, clicks_per_day: Sequence[float]) -> pd.DataFrame:
    """Return how far the rate is off after each wait, for advertisers of several sizes.

    An advertiser is a random sample of the market's settled clicks; forty are drawn of each size.

    Parameters
    ----------
    clicks : DataFrame
        As of `clicks_and_credit`.
    clicks_per_day : sequence of float
        One size per row of the result.

    Returns
    -------
    DataFrame, shape (sizes, waits)
        Root of the mean squared error, in percent of the rate, over replayed days and advertisers.

    Examples
    --------
    >>> from mlsd.lab_support.ad_click.delayed_credit import clicks_and_credit
    >>> errors_by_wait(clicks_and_credit(3)[0], [40]).shape
    (1, 5)
    """
    settled = clicks[clicks["elapsed"] >= WINDOW_DAYS]
    made, delay = LOG_DAYS - settled["elapsed"].to_numpy(), settled["delay"].to_numpy()
    rng, errors = np.random.default_rng(0), {}
    for size in clicks_per_day:
        share = size * (LOG_DAYS - OPEN_DAYS) / len(settled)
        drawn = (rng.random(len(settled)) < share for _ in range(_ADVERTISERS))
        squares = [_squared_errors(made[rows], delay[rows]) for rows in drawn]
        errors[size] = 100 * np.sqrt(np.mean(squares, axis=0))
    table = pd.DataFrame(errors, index=pd.Index(WAITS, name="days waited")).T
    return table.rename_axis("clicks per day")


def _squared_errors(made: np.ndarray, delay: np.ndarray) -> np.ndarray:
    """Return the mean squared relative error of each wait over the replayed days."""
    errors = []
    for today in range(_RECENT_DAYS, LOG_DAYS - OPEN_DAYS + 1):
        recent = (made > today - _RECENT_DAYS) & (made <= today)
        known, credited = made + delay <= today, np.isfinite(delay[recent]).mean()
        kept = [recent & (made <= today - wait) for wait in WAITS]
        errors.append([known[rows].mean() / credited - 1 for rows in kept])
    return np.mean(np.square(errors), axis=0)


def alarms_sounded(
    clicks: pd.DataFrame,
    quick: float,
    slower: Callable[[np.ndarray], np.ndarray] | None = None,
    limit: float = -3.0,
) -> float:
    """Return the percentage of replayed logs in which the young clicks' z-score is below a limit.

    Each of the 10,000 logs draws its days, whole and with replacement, from those of the real log,
    so that nothing differs between its young and its old clicks but chance and `slower`.

    Parameters
    ----------
    clicks : DataFrame
        As of `clicks_and_credit`.
    quick : float
        A conversion within so many days is quick.
    slower : callable, optional
        From delays in days to those of the young clicks; without it the log is quiet.
    limit : float
        Of the z-score.

    Examples
    --------
    >>> from mlsd.lab_support.ad_click.delayed_credit import clicks_and_credit
    >>> alarms_sounded(clicks_and_credit(3)[0], 1.0) < 1
    True
    """
    known = clicks[clicks["delay"].notna() & (clicks["elapsed"] >= _FOLLOW_UP)]
    day, delay = known["day"].to_numpy(), known["delay"].to_numpy()
    changed = delay if slower is None else slower(delay)
    days = np.random.default_rng(0).integers(day.max() + 1, size=(_LOGS, _COMPARED))
    young = _counts(day, changed, quick)[:, days[:, :_YOUNG]].sum(axis=2)
    old = _counts(day, delay, quick)[:, days[:, _YOUNG:]].sum(axis=2)
    pooled = (young[1] + old[1]) / (young[0] + old[0])
    error = np.sqrt(pooled * (1 - pooled) * (1 / young[0] + 1 / old[0]))
    z_score = (young[1] / young[0] - old[1] / old[0]) / error
    return 100 * float(np.mean(z_score < limit))


def _counts(day: np.ndarray, delay: np.ndarray, quick: float) -> np.ndarray:
    """Return by day the conversions within a week and the quick ones, shape (2, days)."""
    counted = [delay <= _FOLLOW_UP, delay <= quick]
    return np.stack([np.bincount(day, rows, minlength=day.max() + 1) for rows in counted])

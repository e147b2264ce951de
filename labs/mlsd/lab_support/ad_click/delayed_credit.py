"""The delay lab's market: clicks as known today, what is credited later, and forecasts of it."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd
from scipy import optimize, stats
from scipy.special import expit

from mlsd.data import conversion_known_at
from mlsd.lab_support.deployed import market_seeds
from mlsd.metrics import Interval
from mlsd.runtime.times import DAY
from mlsd.worlds import AdClickWorld
from mlsd.worlds.ad_click import AdClickConfig

# The log reaches back two attribution windows, so that half of its clicks are settled.
LOG_DAYS, OPEN_DAYS, WINDOW_DAYS = 60, 30, 30
PAUSE_DAYS = 5
# Fewer requests than the default and more clicks, conversions and money from them, which narrows
# the noise of a day's count; what a click is worth stays of the same size.
MARKET = AdClickConfig(
    requests_per_day=8_000,
    base_logit=-1.6,
    budget_per_impression=0.2,
    conversion_rate=0.25,
    conversion_value=3.84,
    horizon_days=LOG_DAYS + WINDOW_DAYS,
)
# Buyers of the graded worlds take half as long as the lab's, or two and a half times as long,
# so that a curve remembered from the lab's own log is wrong in all.
GRADED_PACES = (0.5, 2.5, 0.5, 2.5)
# Delays and ages that differ by less than this on a log scale are counted as one, for speed.
_BIN = 0.02
Forecast = Callable[[pd.DataFrame], np.ndarray]


def clicks_and_credit(seed: int, pace: float = 1.0) -> tuple[pd.DataFrame, np.ndarray]:
    """Return two months of clicks as known at their end, and what was credited a month later.

    Parameters
    ----------
    seed : int
        Of the world.
    pace : float
        Every delay is that many times the world's; what then takes longer than the window is lost.

    Returns
    -------
    clicks : DataFrame
        `day` of the click (0 to 59), days `elapsed` since, and `delay` in days of the conversion,
        NaN where none is known yet.
    credited : ndarray of int, shape (30,)
        Conversions finally credited to the clicks of each of days 30 to 59.

    Examples
    --------
    >>> clicks, credited = clicks_and_credit(3)
    >>> bool(naive_forecast(clicks).sum() < credited.sum())
    True
    """
    later = AdClickWorld(seed=seed, config=MARKET).history(days=LOG_DAYS + WINDOW_DAYS)
    clicks = _without_pauses(later.as_of(LOG_DAYS * DAY).clicks, later.conversions)
    ts = clicks["ts"].to_numpy()
    days = pace * (conversion_known_at(clicks, later.conversions) - ts) / DAY
    day, elapsed = (ts // DAY).astype(np.intp), LOG_DAYS - ts / DAY
    delay = np.where(days <= np.minimum(elapsed, WINDOW_DAYS), days, np.nan)
    table = pd.DataFrame({"day": day, "elapsed": elapsed, "delay": delay})
    return table, open_days(day, days <= WINDOW_DAYS)


def _without_pauses(clicks: pd.DataFrame, conversions: pd.DataFrame) -> pd.DataFrame:
    """Return the clicks less those of the best tenth of campaigns in every other five open days.

    Campaigns pause, so the rate of a day is not the rate of the months before.
    """
    day, campaign = clicks["ts"] // DAY, clicks["campaign_id"]
    settled = day < LOG_DAYS - OPEN_DAYS
    converts = clicks["impression_id"].isin(conversions["impression_id"])[settled]
    rate = converts.groupby(campaign[settled]).mean()
    pauses = campaign.isin(rate.index[rate > rate.quantile(0.9)])
    return clicks[settled | (day // PAUSE_DAYS % 2 == 0) | ~pauses]


def open_days(day: np.ndarray, amount: np.ndarray) -> np.ndarray:
    """Return the sum of `amount` over the clicks of each day whose window is open, shape (30,).

    Examples
    --------
    >>> open_days(np.array([0, 30, 59, 59]), np.ones(4))[[0, 1, 29]]
    array([1., 0., 2.])
    """
    return np.bincount(day, amount, minlength=LOG_DAYS)[-OPEN_DAYS:]


def naive_forecast(clicks: pd.DataFrame) -> np.ndarray:
    """Return the conversions known today as if no more would come, shape (30,)."""
    return open_days(clicks["day"].to_numpy(), clicks["delay"].notna().to_numpy())


def forecast_accuracy(seed: int, make_forecast: Forecast) -> Interval:
    """Return 100 minus the mean error of a day's forecast, in percent of what it was credited.

    The mean is over the open days of four worlds, two with quicker and two with slower buyers, and
    the interval is that of such a mean.

    Examples
    --------
    >>> 80 < forecast_accuracy(3, naive_forecast).estimate < 95
    True
    """
    worlds = zip(market_seeds(seed, len(GRADED_PACES)), GRADED_PACES)
    error = np.concatenate([_errors(*world, make_forecast) for world in worlds])
    half = 1.96 * error.std(ddof=1) / np.sqrt(len(error))
    accuracy = 100 - error.mean()
    return Interval(float(accuracy), float(accuracy - half), float(accuracy + half))


def _errors(seed: int, pace: float, make_forecast: Forecast) -> np.ndarray:
    clicks, credited = _graded_world(seed, pace)
    forecast = np.asarray(make_forecast(clicks.copy()), dtype=float)
    return 100 * np.abs(forecast - credited) / credited


@lru_cache(maxsize=len(GRADED_PACES))
def _graded_world(seed: int, pace: float) -> tuple[pd.DataFrame, np.ndarray]:
    """Return what `clicks_and_credit` does, once for an answer and the baseline."""
    return clicks_and_credit(seed, pace)


def one_law_forecast(
    clicks: pd.DataFrame, law: Callable[[np.ndarray], Any], start: list[float]
) -> np.ndarray:
    """Return the forecast of a delay model with one law for all clicks.

    Parameters
    ----------
    clicks : DataFrame
        As of `clicks_and_credit`.
    law : callable
        From parameters to a frozen distribution of scipy.
    start : list of float
        The parameters to search from.

    Returns
    -------
    ndarray, shape (30,)
        Conversions expected of each day's clicks, those that are known included.
    """
    known = clicks["delay"].notna().to_numpy()
    days = np.minimum(np.where(known, clicks["delay"], clicks["elapsed"]), WINDOW_DAYS)
    steps = np.round(np.log(np.maximum(days, 1e-5)) / _BIN)
    pairs, count = np.unique(np.column_stack([known, steps]), axis=0, return_counts=True)
    converted, moments = pairs[:, 0] == 1, np.exp(pairs[:, 1] * _BIN)

    def loss(theta: np.ndarray) -> float:
        p, kind = expit(theta[0]), law(theta[1:])
        none = 1 - p + p * kind.sf(moments)
        terms = np.where(converted, p * kind.pdf(moments), none)
        return -float(count @ np.log(np.maximum(terms, 1e-300))) / len(clicks)

    best = optimize.minimize(loss, [-1.0, *start], method="L-BFGS-B").x
    p, kind = expit(best[0]), law(best[1:])
    still_out, never = kind.sf(days), kind.sf(WINDOW_DAYS)
    coming = np.where(known, 1.0, p * (still_out - never) / (1 - p + p * still_out))
    return open_days(clicks["day"].to_numpy(), coming)


def exponential_forecast(clicks: pd.DataFrame) -> np.ndarray:
    """Return the forecast under an exponential delay, shape (30,)."""
    return one_law_forecast(clicks, lambda a: stats.expon(scale=np.exp(a[0])), [0.0])


def log_normal_forecast(clicks: pd.DataFrame) -> np.ndarray:
    """Return the forecast under a log-normal delay, shape (30,): the one to beat."""
    start = [-2.0, 1.0]
    return one_law_forecast(
        clicks, lambda a: stats.lognorm(np.exp(a[1]), scale=np.exp(a[0])), start
    )

"""The delay lab's market: clicks as known today, what is credited later, and forecasts of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from scipy import optimize, stats
from scipy.special import expit

from mlsd.data import conversion_known_at
from mlsd.runtime.times import DAY
from mlsd.worlds import AdClickWorld
from mlsd.worlds.ad_click import AdClickConfig

DAYS, WINDOW_DAYS = 14, 30
# Less traffic than the default and more conversions a click, so that a forecast of a day's
# conversions is more than luck; values and bids stay of the same size.
MARKET = AdClickConfig(requests_per_day=8_000, conversion_rate=0.3, conversion_value=3.2)
Forecast = Callable[[pd.DataFrame], np.ndarray]


def clicks_and_credit(seed: int) -> tuple[pd.DataFrame, np.ndarray]:
    """Return the clicks of a fortnight as known at its end, and what was credited a month later.

    Parameters
    ----------
    seed : int
        Of the world.

    Returns
    -------
    clicks : DataFrame
        `day` of the click (0 to 13), days `elapsed` since, and `delay` in days of the conversion,
        NaN where none is known yet.
    credited : ndarray of int, shape (14,)
        Conversions finally credited to each day's clicks.

    Examples
    --------
    >>> clicks, credited = clicks_and_credit(3)
    >>> bool(clicks["delay"].notna().sum() < credited.sum())
    True
    """
    later = AdClickWorld(seed=seed, config=MARKET).history(days=DAYS + WINDOW_DAYS)
    clicks = later.as_of(DAYS * DAY).clicks
    ts, known_at = clicks["ts"].to_numpy(), conversion_known_at(clicks, later.conversions)
    day = (ts // DAY).astype(np.intp)
    delay = np.where(known_at <= DAYS * DAY, known_at - ts, np.nan) / DAY
    table = pd.DataFrame({"day": day, "elapsed": DAYS - ts / DAY, "delay": delay})
    return table, np.bincount(day[np.isfinite(known_at)], minlength=DAYS)


def naive_forecast(clicks: pd.DataFrame) -> np.ndarray:
    """Return the conversions known today as if no more would come, shape (14,)."""
    known = clicks["delay"].notna()
    return np.bincount(clicks["day"], known, minlength=DAYS)


def forecast_accuracy(seed: int, make_forecast: Forecast) -> float:
    """Return 100 minus the summed error of a forecast, in percent of what was credited.

    Examples
    --------
    >>> 80 < forecast_accuracy(3, naive_forecast) < 95
    True
    """
    clicks, credited = clicks_and_credit(seed)
    error = np.abs(np.asarray(make_forecast(clicks), dtype=float) - credited).sum()
    return float(100 * (1 - error / credited.sum()))


def _contribution(p: float, law, converted: np.ndarray, days: np.ndarray) -> np.ndarray:
    return np.where(converted == 1, p * law.pdf(days), 1 - p + p * law.sf(days))


def one_law_forecast(
    clicks: pd.DataFrame, law: Callable[[np.ndarray], Any], start: list[float]
) -> np.ndarray:
    """Return the forecast of a delay model of one law, which the tail of this world defies.

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
    ndarray, shape (14,)
        Conversions expected of each day's clicks, those that are known included.
    """
    known = clicks["delay"].notna().to_numpy()
    days = np.where(known, clicks["delay"], clicks["elapsed"])

    def loss(theta: np.ndarray) -> float:
        return -np.mean(np.log(_contribution(expit(theta[0]), law(theta[1:]), known, days)))

    best = optimize.minimize(loss, [-1.0, *start], method="L-BFGS-B").x
    p, kind = expit(best[0]), law(best[1:])
    still_out, never = kind.sf(days), kind.sf(WINDOW_DAYS)
    coming = np.where(known, 1.0, p * (still_out - never) / (1 - p + p * still_out))
    return np.bincount(clicks["day"], coming, minlength=DAYS)


def exponential_forecast(clicks: pd.DataFrame) -> np.ndarray:
    """Return the forecast under an exponential delay, shape (14,)."""
    return one_law_forecast(clicks, lambda a: stats.expon(scale=np.exp(a[0])), [0.0])

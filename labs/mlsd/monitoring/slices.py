"""A scan over slices: where a value of a column is clicked more, or less, than it was."""

from __future__ import annotations

from collections.abc import Collection, Iterable

import numpy as np
import pandas as pd

from mlsd.monitoring.calibration import alarm_threshold
from mlsd.runtime import InputError


def slice_scores(
    rows: pd.DataFrame,
    columns: Iterable[str],
    *,
    window: int = 7,
    minimum: float = 20.0,
    skip: Collection[int] = (),
) -> pd.DataFrame:
    """Score each slice on each day against the calibration of its own last days.

    A slice is one value of one column. Its calibration ratio over the last `window` days, clicks
    over expected clicks, says how far off the model usually is there; times today's expectation it
    is what today should bring. The score is today's clicks minus that, in standard deviations of
    the difference: the sampling error of today's clicks and that of the reference.

    Parameters
    ----------
    rows : DataFrame
        One row per impression whose label is complete, with `day` (whole number), `click` (0 or 1),
        `expected` (probability) and the columns.
    columns : iterable of str
        Columns with few values each; a number is put into bins first.
    window : int
        Days of the reference.
    minimum : float
        Expected clicks per day below which a slice is not scored.
    skip : collection of int
        Days that enter no reference, such as those of a known incident.

    Returns
    -------
    DataFrame
        One line per (column, value), one column per day that has `window` days before it; missing
        where the slice is too small.

    Examples
    --------
    >>> day = np.repeat(np.arange(3), 1000)
    >>> rows = pd.DataFrame({"day": day, "click": 0, "expected": 0.1, "region": "north"})
    >>> rows.loc[rows.index % 1000 < np.array([100, 100, 150])[day], "click"] = 1
    >>> slice_scores(rows, ["region"], window=2).loc[("region", "north")].round(2).to_dict()
    {2: 4.3}
    """
    sums = rows[["day", "click", "expected"]].assign(
        variance=rows["expected"] * (1 - rows["expected"])
    )
    found = {}
    for column in columns:
        by_day = sums.groupby([rows[column], "day"], observed=True).sum().unstack("day").fillna(0.0)
        found[column] = _scores_of(by_day, window, minimum, skip)
    if not found:
        raise InputError("no columns; name at least one to slice by")
    return pd.concat(found, names=["column", "value"]).dropna(how="all")


def _scores_of(
    by_day: pd.DataFrame, window: int, minimum: float, skip: Collection[int]
) -> pd.DataFrame:
    days = [int(day) for day in by_day["click"].columns]
    scores = {}
    for day in days:
        past = [other for other in days if other < day and other not in skip][-window:]
        if len(past) < window:
            continue
        usual = {name: by_day[name][past].sum(axis=1) for name in ("click", "expected")}
        ratio = usual["click"] / usual["expected"].where(usual["expected"] > 0)
        today = by_day["expected"][day]
        variance = ratio * by_day["variance"][day] * (1 + today / usual["expected"])
        score = (by_day["click"][day] - ratio * today) / np.sqrt(variance.where(variance > 0))
        scores[day] = score.where((today >= minimum) & (usual["expected"] >= 3 * minimum))
    return pd.DataFrame(scores, index=by_day.index).rename_axis(columns="day")


def scan_threshold(quiet: pd.DataFrame, *, false_alarms: float) -> float:
    """Return the absolute score from which a scan pages, calibrated on days without an incident.

    The quiet scores' spread around zero says how much wider they are than a standard normal, for
    the model and the users that we have. The share of false alarms of each of the day's tests
    (Bonferroni) is then taken from a normal of that spread. It needs far fewer quiet days than the
    quantile of the daily maximum would.

    Parameters
    ----------
    quiet : DataFrame
        As from `slice_scores`; missing scores count as no test.
    false_alarms : float
        Expected number per day.

    Raises
    ------
    InputError
        If there is no score, or more false alarms are allowed than tests are made.

    Examples
    --------
    >>> scores = pd.DataFrame(np.random.default_rng(0).normal(scale=1.2, size=(100, 7)))
    >>> round(scan_threshold(scores, false_alarms=1 / 30), 1)
    4.3
    """
    scores = quiet.to_numpy(dtype=float)
    if not np.isfinite(scores).any():
        raise InputError("there is no quiet score to calibrate on")
    tests = max(1, round(np.isfinite(scores).sum(axis=0).mean()))
    spread = np.sqrt(np.nanmean(scores**2))
    return float(spread * alarm_threshold(tests, false_alarms=false_alarms))

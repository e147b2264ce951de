"""Is what comes in complete, fresh, and known? Checks of each hour that need no label."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np
import pandas as pd

from mlsd.runtime import InputError

HOUR = 3_600


def hourly_health(
    rows: pd.DataFrame,
    *,
    known: Mapping[str, Collection[object]],
    required: Collection[str] = (),
    hours: range | None = None,
) -> pd.DataFrame:
    """Return volume, freshness, missing values and unknown ids of each hour.

    Parameters
    ----------
    rows : DataFrame
        What the log pipeline delivered, with `ts`, seconds since the first midnight.
    known : mapping of str to collection
        For each id column the ids that the model was trained on. A missing id counts as missing,
        not as unknown.
    required : collection of str
        Columns whose missing values are counted.
    hours : range or None
        Hours to report; without it those from the first row's to the last row's. Needed to see that
        nothing came at all.

    Returns
    -------
    DataFrame
        One row per hour: `rows`; `lag_minutes`, the age of the newest row at the end of the hour;
        `missing <column>` and `unknown <column>`, shares of the hour's rows.

    Examples
    --------
    >>> rows = pd.DataFrame({"ts": [0, 1800, 5400], "ad_id": [1.0, 2.0, np.nan]})
    >>> hourly_health(rows, known={"ad_id": {1}}, required=["ad_id"])
          rows  lag_minutes  missing ad_id  unknown ad_id
    hour
    0        2         30.0            0.0            0.5
    1        1         30.0            1.0            0.0
    """
    if rows.empty and hours is None:
        raise InputError("no rows, so no hours; say which to report")
    hour = (rows["ts"] // HOUR).astype(int)
    if hours is None:
        hours = range(int(hour.min()), int(hour.max()) + 1)
    facts = pd.DataFrame({"ts": rows["ts"]})
    for column in required:
        facts[f"missing {column}"] = rows[column].isna()
    for column, ids in known.items():
        facts[f"unknown {column}"] = ~rows[column].isin(ids) & rows[column].notna()
    grouped = facts.groupby(hour)
    wanted = pd.RangeIndex(hours.start, hours.stop, name="hour")
    health = grouped.mean().drop(columns="ts").reindex(wanted)
    newest = grouped["ts"].max().reindex(wanted).ffill()
    health.insert(0, "rows", grouped.size().reindex(wanted, fill_value=0))
    health.insert(1, "lag_minutes", ((wanted + 1) * HOUR - newest) / 60)
    return health


def surprise(series: pd.Series, *, lag: int, window: int) -> pd.Series:
    """Return how many standard deviations a count has moved since the same hour before.

    The change of its logarithm against `lag` steps ago takes out the shape of the day, and of the
    week where `lag` is 168 hours. It is divided by what chance explains (of a count a and a count
    b, the root of 1/a + 1/b), so that small hours may move more, and by the usual spread of that
    over the last `window` steps: by quartiles, which an incident among them hardly moves.

    Parameters
    ----------
    series : Series
        Counts per hour; half a row is added, so that an hour without any is finite.
    lag, window : int
        In steps.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> counts = pd.Series(rng.poisson(1_000, size=24 * 14))
    >>> counts.iloc[-1] = 500
    >>> bool(surprise(counts, lag=24, window=168).iloc[-1] < -8)
    True
    """
    if lag < 1 or window < 4:
        raise InputError(f"lag {lag} and window {window}: give a lag from 1, a window from 4")
    counts = series + 0.5
    change = np.log(counts).diff(lag) / np.sqrt(1 / counts + 1 / counts.shift(lag))
    past = change.shift(1).rolling(window)
    spread = (past.quantile(0.75) - past.quantile(0.25)) / 1.349
    return (change - past.median()) / spread.where(spread > 0)


def burn_rate(bad: pd.Series, total: pd.Series, *, objective: float, window: int) -> pd.Series:
    """Return how many times faster than allowed the error budget is spent, over the last steps.

    An objective of 0.999 leaves a budget of 0.001. At a burn rate of 1 it lasts exactly for its
    period; at 14.4 a budget of 30 days is gone in 50 hours.

    Parameters
    ----------
    bad, total : Series
        Failed and all requests per step, such as a minute.
    objective : float
        Share of good requests that is promised, between 0 and 1.
    window : int
        Steps; until so many have passed the rate is 0.

    References
    ----------
    B. Beyer, N. R. Murphy, D. K. Rensin, K. Kawahara, S. Thorne (eds.), The Site Reliability
    Workbook, O'Reilly, 2018, chapter 5.

    Examples
    --------
    >>> minutes = pd.Series([0, 0, 2]), pd.Series([100, 100, 100])
    >>> burn_rate(*minutes, objective=0.99, window=2).round(6).tolist()
    [0.0, 0.0, 1.0]
    """
    if not 0 < objective < 1:
        raise InputError(f"the objective is {objective}; give a share between 0 and 1")
    failed = bad.rolling(window).sum()
    requests = total.rolling(window).sum()
    return (failed / requests.where(requests > 0)).fillna(0.0) / (1 - objective)

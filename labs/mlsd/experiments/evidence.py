"""When a test part says enough for an interval, and the sentence where it does not.

Below `FEWEST_UNITS` users a percentile interval has too little to go by: with ten of them, of many
rows each, it covers the truth 86 times in a hundred, with five 81 times, and with one it has no
width at all. So an interval over a few dozen users is too narrow, and the more so where a few of
them have most of the rows.

A resample may also leave a metric undefined, for want of a click for instance. As long as that is
rare, an interval rests on the others; where less than the share `LEAST_DEFINED` of the draws is
defined, as happens with fewer than about five clicks in the test part, the others are no longer a
fair choice.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

FEWEST_UNITS = 10
LEAST_DEFINED = 0.99
NO_INTERVAL = (float("nan"), float("nan"))


def percentile_interval(draws: np.ndarray, units: int) -> tuple[float, float]:
    """Return the 95 % interval over the draws that are defined, or `NO_INTERVAL`.

    Parameters
    ----------
    draws : ndarray
        Of a metric or difference, NaN where it is undefined.
    units : int
        How many users, or rows without a user, were resampled.

    Examples
    --------
    >>> percentile_interval(np.arange(201.0), units=50)
    (5.0, 195.0)
    >>> percentile_interval(np.arange(201.0), units=1)
    (nan, nan)
    """
    if units < FEWEST_UNITS or not well_defined(draws):
        return NO_INTERVAL
    low, high = np.nanquantile(draws, [0.025, 0.975])
    return float(low), float(high)


def well_defined(draws: np.ndarray) -> bool:
    """Return whether enough draws are defined for an interval.

    Examples
    --------
    >>> well_defined(np.array([0.1] * 99 + [np.nan])), well_defined(np.array([0.1, np.nan]))
    (True, False)
    """
    return bool(np.mean(~np.isnan(draws)) >= LEAST_DEFINED)


def interval_notes(
    drawn: Iterable[Mapping[str, tuple[float, np.ndarray]]], units: int, *, unit: str, held: str
) -> tuple[str, ...]:
    """Say in a sentence why intervals are absent; nothing where all are there.

    Parameters
    ----------
    drawn : iterable of mappings
        Of each rung by metric: the estimate and its draws.
    units : int
        That were resampled.
    unit : str
        What one of them is: ``"user"``.
    held : str
        What the test part holds of what is rare: ``"2 of 60 test rows have label 1"``.

    Examples
    --------
    >>> interval_notes([], 1, unit="user", held="")
    ('no intervals: the test part has 1 user, whose rows are not independent; it takes 10',)
    >>> drawn = {"auc": (0.5, np.array([0.5, np.nan]))}
    >>> interval_notes([drawn], 60, unit="row", held="1 of 60 rows is clicked")
    ('no interval of auc: 1 of 60 rows is clicked, and 1 of 2 resamples leave it undefined',)
    """
    if units < FEWEST_UNITS:
        named = f"{units} {unit}" if units == 1 else f"{units} {unit}s"
        kin = "" if unit == "row" else ", whose rows are not independent"
        return (f"no intervals: the test part has {named}{kin}; it takes {FEWEST_UNITS}",)
    missing: dict[str, int] = {}
    for rung in drawn:
        for metric, (_, draws) in rung.items():
            if not well_defined(draws):
                undefined = int(np.isnan(draws).sum())
                missing[metric] = max(missing.get(metric, 0), undefined)
                total = len(draws)
    if not missing:
        return ()
    them = "it" if len(missing) == 1 else "them"
    often = f"{max(missing.values())} of {total} resamples leave {them} undefined"
    return (f"no interval of {', '.join(missing)}: {held}, and {often}",)

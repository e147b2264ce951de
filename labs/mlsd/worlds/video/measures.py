"""What a deployment in the video world is judged by: time, return, satisfaction, creators."""

from __future__ import annotations

import numpy as np

from mlsd.runtime.times import HOUR
from mlsd.worlds.kit.exposure import EXPOSURE_UNITS
from mlsd.worlds.kit.tally import Measures

PARTS = (
    "slates",
    "sessions",
    "clicks",
    "watch_seconds",
    "satisfaction",
    "not_interested",
    "visitor_days",
    "returns",
    "settled_days",
    "returns_28",
)
UNITS = {
    "watch_hours": "hours watched per thousand sessions",
    "session_slates": "slates per session",
    "clicks": "videos started per session",
    "satisfaction": "satisfaction, 0 to 1, per started video",
    "not_interested": "videos refused per thousand sessions",
    "return_1": "share of a day's visitors who come the next day",
    "return_28": "share of a day's visitors who come 28 days later",
    **EXPOSURE_UNITS,
}


def measure_values(parts: np.ndarray) -> np.ndarray:
    """Return the measures, shape (..., 7): the first of `UNITS`, from sums of shape (..., 10).

    A measure of which nothing is known yet is NaN, as return after 28 days in a test of a week; a
    report leaves it out.

    Examples
    --------
    >>> measure_values(np.array([8, 2, 4, 7200, 2.0, 1, 10, 5, 0, 0])).round(2).tolist()
    [1000.0, 4.0, 2.0, 0.5, 500.0, 0.5, nan]
    """
    slates, sessions, clicks, seconds, satisfied, refused, days, back, settled, later = np.moveaxis(
        np.asarray(parts, float), -1, 0
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        columns = [
            1_000 * seconds / HOUR / sessions,
            slates / sessions,
            clicks / sessions,
            satisfied / clicks,
            1_000 * refused / sessions,
            back / days,
            later / settled,
        ]
    return np.stack([np.where(np.isfinite(each), each, np.nan) for each in columns], axis=-1)


MEASURES = Measures(
    parts=PARTS,
    units=UNITS,
    values=measure_values,
    daily={"watch_hours": lambda day: day["watch_seconds"] / HOUR},
)

"""What a deployment in the ad market is judged by: revenue, clicks, advertisers and users."""

from __future__ import annotations

import numpy as np

from mlsd.worlds.kit.tally import Measures

PARTS = ("requests", "impressions", "clicks", "revenue", "conversion_value", "hides")
UNITS = {
    "revenue": "money per thousand requests",
    "clicks": "clicks per thousand requests",
    "click_through_rate": "clicks per impression",
    "advertiser_value": "conversion value minus spend, money per thousand requests",
    "user_cost": "ads hidden per thousand impressions",
}


def measure_values(parts: np.ndarray) -> np.ndarray:
    """Return the measures, shape (..., 5) in the order of `UNITS`, from sums of shape (..., 6).

    Examples
    --------
    >>> measure_values(np.array([10, 30, 3, 1.5, 2.0, 1.0])).round(3).tolist()
    [150.0, 300.0, 0.1, 50.0, 33.333]
    """
    requests, impressions, clicks, revenue, value, hides = np.moveaxis(parts, -1, 0)
    requests, impressions = np.maximum(requests, 1), np.maximum(impressions, 1)
    return np.stack(
        [
            1_000 * revenue / requests,
            1_000 * clicks / requests,
            clicks / impressions,
            1_000 * (value - revenue) / requests,
            1_000 * hides / impressions,
        ],
        axis=-1,
    )


MEASURES = Measures(
    parts=PARTS,
    units=UNITS,
    values=measure_values,
    daily={
        "advertiser_value": lambda day: day["conversion_value"] - day["revenue"],
        "click_through_rate": lambda day: day["clicks"] / day["impressions"].clip(lower=1),
    },
)

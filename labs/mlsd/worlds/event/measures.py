"""What a deployment in the event world is judged by: who came, tickets, refusals, opt-outs."""

from __future__ import annotations

import numpy as np

from mlsd.worlds.kit.tally import Measures

PARTS = ("user_days", "yes", "tickets", "refused", "attended", "enjoyed", "opt_outs")
UNITS = {
    "attendance": "events attended per thousand days of a user",
    "tickets": "money paid for tickets per thousand days of a user",
    "rsvps": "yeses per thousand days of a user",
    "show_rate": "events attended per yes",
    "over_subscription": "people turned away per thousand yeses",
    "enjoyment": "enjoyment, 0 to 1, per event attended",
    "opt_outs": "users who switched pushes off per thousand days of a user",
    "hosts_reached": "share of hosts with an event whose events somebody attended",
    "host_gini": "inequality of attendance over hosts, 0 equal to 1 one has all",
}


def measure_values(parts: np.ndarray) -> np.ndarray:
    """Return the measures, shape (..., 7): the first of `UNITS`, from sums of shape (..., 7).

    A measure of which nothing is known yet is NaN; a report leaves it out.

    Examples
    --------
    >>> measure_values(np.array([1000, 20, 60.0, 5, 12, 9.0, 2])).round(2).tolist()
    [12.0, 60.0, 20.0, 0.6, 250.0, 0.75, 2.0]
    """
    days, yes, tickets, refused, attended, enjoyed, gone = np.moveaxis(
        np.asarray(parts, float), -1, 0
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        columns = [
            1_000 * attended / days,
            1_000 * tickets / days,
            1_000 * yes / days,
            attended / yes,
            1_000 * refused / yes,
            enjoyed / attended,
            1_000 * gone / days,
        ]
    return np.stack([np.where(np.isfinite(each), each, np.nan) for each in columns], axis=-1)


MEASURES = Measures(parts=PARTS, units=UNITS, values=measure_values)

"""How often the delay lab's alarm sounds on quiet logs and on slower ones, in other worlds.

Per world, limit of what is quick, and change: the percentage of logs, resampled by whole days, in
which the young clicks' share of quick conversions is more than three standard errors too low.
"""

from __future__ import annotations

from mlsd.experiments import run_study
from mlsd.lab_support.ad_click.delay_replays import SLOWDOWNS, alarms_sounded
from mlsd.lab_support.ad_click.delayed_credit import clicks_and_credit

SEEDS = tuple(range(20, 30))
LIMITS = {"half an hour": 1 / 48, "an hour": 1 / 24, "a day": 1.0}


def measure(seed):
    """Return one row per limit and change."""
    clicks, _ = clicks_and_credit(seed)
    return [
        {"quick": limit, "change": name, "alarms": alarms_sounded(clicks, days, slower)}
        for limit, days in LIMITS.items()
        for name, slower in SLOWDOWNS.items()
    ]


if __name__ == "__main__":
    run_study(measure, SEEDS, "ad_click/42_alarm")

"""What watches of the monitoring lab are worth: harm avoided, and pages about nothing."""

from __future__ import annotations

import numpy as np
import pandas as pd

from mlsd.lab_support.ad_click.watched_services import (
    HARMFUL,
    HARMFUL_DAYS,
    HARMFUL_RUNS,
    PAST,
    QUIET,
    QUIET_RUNS,
    SERVICES,
    Fortnight,
    MakeWatch,
    ServiceLog,
    Watch,
    fortnight,
)
from mlsd.lab_support.deployed import market_seeds

FALSE_PRICE = 1.5
# Scatter of the graded services in units of their own, so that no remembered scatter fits. With one
# service of each kind and scatter, a right answer's points differ by 1.8 from seed to seed, with
# three by 1.0.
SCATTERS = (0.5, 1.0, 1.5)
GRADED_SCATTER = SCATTERS * 3


def first_page(watch: Watch, run: Fortnight) -> int | None:
    """Return the day whose morning after brought the first page, None for silence.

    Examples
    --------
    >>> first_page(lambda log: log.days > 73, fortnight(1, "travel", "nothing"))
    73
    """
    for day in range(PAST, run.log.days):
        said = watch(run.log.until(day + 1))
        if not isinstance(said, (bool, np.bool_)):
            raise TypeError(f"the watch returns True to page or False, not {said!r}")
        if said:
            return day
    return None


def service_outcome(
    seed: int, service: str, make_watch: MakeWatch, *, scatter: float = 1.0
) -> dict[str, float]:
    """Return the harm avoided and the share of harmless fortnights with a page, in percent.

    A page before the incident is false: nothing is avoided by it.
    """
    past = fortnight(seed, service, "nothing", scatter=scatter).log.until(PAST)
    watch = make_watch(past)
    avoided, false = [], []
    for place, kind in enumerate((*QUIET, *HARMFUL)):
        for number in range(QUIET_RUNS if kind in QUIET else HARMFUL_RUNS):
            run = fortnight(seed, service, kind, 1 + 100 * place + number, scatter=scatter)
            day = first_page(watch, run)
            if kind in QUIET:
                false.append(day is not None)
            else:
                found = day is not None and day >= run.start
                avoided.append(1 - (day - run.start + 1) / HARMFUL_DAYS if found else 0.0)
    return {"avoided": 100 * float(np.mean(avoided)), "false": 100 * float(np.mean(false))}


def watch_outcomes(seed: int, make_watch: MakeWatch, *, scatter: float = 1.0) -> pd.DataFrame:
    """Return `service_outcome` of each service and its points.

    Parameters
    ----------
    seed : int
        Of the services and all that happens to them.
    make_watch : callable
        From the log of ten quiet weeks to the watch of that service.
    scatter : float
        As of `fortnight`.
    """
    table = pd.DataFrame(
        {name: service_outcome(seed, name, make_watch, scatter=scatter) for name in SERVICES}
    ).T
    return table.assign(points=table["avoided"] - FALSE_PRICE * table["false"])


def watch_points(seed: int, make_watch: MakeWatch) -> float:
    """Return the mean points over 27 services; a watch that never pages has none.

    There are nine of each kind, three of each scatter.
    """
    if make_watch is never:
        return 0.0
    seeds = market_seeds(seed, len(GRADED_SCATTER))
    tables = [watch_outcomes(own, make_watch, scatter=s) for own, s in zip(seeds, GRADED_SCATTER)]
    return float(pd.concat(tables)["points"].mean())


def never(past: ServiceLog) -> Watch:
    """Return the watch that is silent."""
    return lambda log: False

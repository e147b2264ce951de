"""What somebody on call finds in the tables of one morning, for the monitoring lab.

Scores are taken against the true rates, so that the tables do not depend on an exercise.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from mlsd.lab_support.ad_click.watched_services import (
    AGES,
    PAST,
    SERVICES,
    Fortnight,
    ServiceLog,
    fortnight,
    true_rates,
)

CAUSES = {
    "nothing": "nothing",
    "campaign": "nothing",
    "late sales": "late sales",
    "tastes": "predictions",
    "region": "predictions",
    "promise": "predictions",
    "inputs": "inputs",
}


def night_triangle(seed: int, service: str, kind: str, number: int) -> pd.DataFrame:
    """Return scores by day of the click and night of arrival, of the slice that moved most.

    Examples
    --------
    >>> night_triangle(1, "travel", "region", 1).shape
    (13, 7)
    """
    run = fortnight(seed, service, kind, number)
    rates, scatter = true_rates(seed, service), SERVICES[service][1]
    log = run.log.until(run.log.days)
    mean = log.expected[:, :, None] * rates
    scores = (log.known - mean) / np.sqrt(mean + (scatter * mean) ** 2)
    days = np.arange(run.start - 6, log.days)
    moved = np.nan_to_num(scores[run.start : run.start + 3]).sum(axis=(0, 2))
    loudest = int(np.abs(moved).argmax())
    table = pd.DataFrame(np.nan_to_num(scores[days, loudest], nan=0.0), index=days - run.start)
    hidden = np.isnan(log.known[days, loudest])
    return table.mask(hidden).rename_axis(index="day of the click", columns="nights until known")


def morning_report(seed: int, service: str) -> pd.DataFrame:
    """Return one morning of each kind of incident, in an order that tells nothing.

    Examples
    --------
    >>> sorted(morning_report(1, "travel")["cause"].unique())
    ['inputs', 'late sales', 'nothing', 'predictions']
    """
    kinds = np.random.default_rng(seed).permutation(list(CAUSES))
    rows = []
    for number, kind in enumerate(kinds):
        run = fortnight(seed, service, str(kind), number)
        rows.append({**_morning(run, seed, service), "cause": CAUSES[str(kind)]})
    return pd.DataFrame(rows, index=pd.Index(list("ABCDEFG"), name="morning"))


def _morning(run: Fortnight, seed: int, service: str) -> dict[str, float]:
    """Return what the tables of the morning after the first bad day say."""
    log = run.log.until(run.start + 1)
    rates = true_rates(seed, service)
    today, older = (_scores(log, rates, nights, service) for nights in ([0], range(1, AGES)))
    usual = log.missing[:PAST]
    share = log.expected / log.expected[:, :3].sum(axis=1, keepdims=True)
    return {
        "new": float(today[np.abs(today).argmax()]),
        "older": float(older.min()),
        "missing": float((log.missing[-1] - usual.mean()) / usual.std()),
        "volume": 100 * float((share[-1] / share[:PAST].mean(axis=0) - 1).max()),
    }


def _scores(
    log: ServiceLog, rates: np.ndarray, nights: range | list[int], service: str
) -> np.ndarray:
    """Return scores by slice of the sales of last night that were so many nights under way."""
    last = log.days - 1
    came = sum(log.known[last - n, :, n] for n in nights)
    mean = sum(rates[:, n] * log.expected[last - n] for n in nights)
    return (came - mean) / np.sqrt(mean + (1.7 * SERVICES[service][1] * mean) ** 2 / len(nights))

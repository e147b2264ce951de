"""How near each delay estimate of chapter 42 comes to what is finally credited, in other worlds.

For the clicks of the last fortnight before day 44: the estimated conversions over those credited by
day 74, all together and for the age group that is farthest off; with a log of 14 and of 44 days.
The laws have one constant per parameter and no features, unlike the delay model of chapter 42.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import optimize, stats
from scipy.special import expit

from mlsd.data import completeness_curve, conversion_known_at
from mlsd.experiments import run_study
from mlsd.worlds import AdClickConfig, AdClickWorld

SEEDS = (20, 21, 22, 23, 24)
DAY, TODAY, WINDOW, RECENT = 86_400, 44, 30, 14
MARKET = AdClickConfig(conversion_rate=0.2, conversion_value=4.8, horizon_days=90)
AGES = [0, 1, 3, 7, 14]
# Delays that differ by less than this on a log scale are counted as one, for speed.
BIN = 0.02


class TwoKinds:
    """A mixture of a log-normal and a Weibull law: the family that the simulator draws from."""

    def __init__(self, a):
        self.share = expit(a[0])
        self.laws = (
            stats.lognorm(np.exp(a[1]), scale=np.exp(a[2])),
            stats.weibull_min(np.exp(a[3]), scale=np.exp(a[4])),
        )

    def pdf(self, t):
        return self.share * self.laws[0].pdf(t) + (1 - self.share) * self.laws[1].pdf(t)

    def sf(self, t):
        return self.share * self.laws[0].sf(t) + (1 - self.share) * self.laws[1].sf(t)


LAWS = {
    "exponential": (lambda a: stats.expon(scale=np.exp(a[0])), [0.0]),
    "log-normal": (lambda a: stats.lognorm(np.exp(a[1]), scale=np.exp(a[0])), [-2.0, 1.0]),
    "log-normal and Weibull mixed": (TwoKinds, [0.0, 0.0, -5.0, -0.5, 1.0]),
}


def clicks_of(seed):
    """Return the clicks of the first 44 days, as known then and as credited a month later."""
    later = AdClickWorld(seed=seed, config=MARKET).history(days=TODAY + WINDOW)
    clicks = later.as_of(TODAY * DAY).clicks[["impression_id", "ts"]]
    known_at = conversion_known_at(clicks, later.conversions)
    return pd.DataFrame(
        {
            "elapsed": TODAY - clicks["ts"] / DAY,
            "delay": (known_at - clicks["ts"]) / DAY,
            "known": known_at <= TODAY * DAY,
            "ever": np.isfinite(known_at),
        }
    )


def by_curve(log, ages):
    known = log[log["known"]]
    return np.interp(ages, *completeness_curve(known["delay"], known["elapsed"], WINDOW))


def by_law(log, ages, law, start):
    known = log["known"].to_numpy()
    days = np.minimum(np.where(known, log["delay"], log["elapsed"]), WINDOW)
    steps = np.round(np.log(np.maximum(days, 1e-5)) / BIN)
    pairs, count = np.unique(np.column_stack([known, steps]), axis=0, return_counts=True)
    converted, moments = pairs[:, 0] == 1, np.exp(pairs[:, 1] * BIN)

    def loss(theta):
        p, kind = expit(theta[0]), law(theta[1:])
        terms = np.where(converted, p * kind.pdf(moments), 1 - p + p * kind.sf(moments))
        return -(count @ np.log(np.maximum(terms, 1e-300))) / len(log)

    best = optimize.minimize(loss, [-1.5, *start], method="L-BFGS-B").x
    kind = law(best[1:])
    return (1 - kind.sf(ages)) / (1 - kind.sf(WINDOW))


def measure(seed):
    """Return one row per length of the log and estimate."""
    clicks, rows = clicks_of(seed), []
    recent = clicks[clicks["elapsed"] <= RECENT]
    group = pd.cut(recent["elapsed"], AGES, labels=False).to_numpy()
    for log_days in (14, 44):
        log = clicks[clicks["elapsed"] <= log_days]
        shares = {"naive": np.ones(len(recent)), "product-limit": by_curve(log, recent["elapsed"])}
        for name, (law, start) in LAWS.items():
            shares[name] = by_law(log, recent["elapsed"], law, start)
        for name, share in shares.items():
            known, ever = (np.bincount(group, recent[column]) for column in ("known", "ever"))
            found = known / (np.bincount(group, share) / np.bincount(group)) / ever
            worst = found[np.abs(np.log(found)).argmax()]
            total = recent["known"].sum() / share.mean() / recent["ever"].sum()
            row = {"log_days": log_days, "estimate": name, "all": total, "worst_age": worst}
            rows.append(row)
    return rows


if __name__ == "__main__":
    run_study(measure, SEEDS, "ad_click/42_delay")

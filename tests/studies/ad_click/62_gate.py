"""The offline gate in forty worlds: how often it stops harmless, better and broken builds.

The champion is the smoothed rate of an ad, fitted to seven days. *refit* is the same model without
one of the seven, so there are seven harmless challengers per world; *right* adds user and category;
in *old codes* the categories are shifted. Each is scored on the impressions of the eighth day.
Written are the upper end of the gate's interval and the calibration ratio. About 2 CPU seconds per
seed.
"""

import numpy as np

from mlsd import metrics
from mlsd.experiments import run_study
from mlsd.models import SmoothedRate
from mlsd.monitoring import RecordedPolicy
from mlsd.policies.ad_click import ScorerPolicy
from mlsd.runtime.times import DAY
from mlsd.worlds import AdClickWorld

SEEDS = range(200, 240)
HISTORY = 7
LEVELS = (("ad_id",), ("publisher_id", "category"), ("user_id", "category"))


def fitted(log, levels=LEVELS):
    """Return the smoothed rate of a log."""
    return SmoothedRate(levels=levels, strength=30.0).fit(log, log["click"])


def measure(seed):
    """Return one row per challenger."""
    world = AdClickWorld(seed=seed)
    week = world.history(days=HISTORY).labelled_log().frame
    champion = fitted(week, LEVELS[:1])
    recorded = RecordedPolicy(ScorerPolicy(champion))
    world.deploy(recorded, days=1, history_days=HISTORY)
    seen = recorded.rows().query(f"ts >= {HISTORY * DAY}")
    builds = {("right", np.nan): fitted(week)}
    shifted = week.assign(category=(week["category"] + 1) % 24)
    builds["old codes", np.nan] = fitted(shifted)
    day = week["ts"] // DAY
    builds |= {("refit", d): fitted(week[day != d], LEVELS[:1]) for d in range(HISTORY)}
    outcome, users = seen["click"].to_numpy(), seen["user_id"].to_numpy()
    base = champion.predict_proba(seen)[:, 1]
    for (build, without), model in builds.items():
        p = model.predict_proba(seen)[:, 1]
        change = metrics.paired_interval(
            metrics.normalized_entropy, outcome, p, base, clusters=users, repetitions=100
        )
        yield {
            "build": build,
            "without day": without,
            "high": change.high,
            "calibration ratio": metrics.calibration_ratio(outcome, p),
            "champion's ratio": metrics.calibration_ratio(outcome, base),
        }


if __name__ == "__main__":
    run_study(measure, SEEDS, "ad_click/62_gate")

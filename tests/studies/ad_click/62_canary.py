"""The canary of the package in worlds that no setting was chosen on: a harmless release, a bad one.

The service ranks by the smoothed rate of user and category. *A/A* releases the service itself;
*bid only* releases its model with ``rank_by="bid"``. `always valid` is the hour in which
`AdCanaryPolicy` takes its release back, empty where it does not, and `crossed by` the outcome that
crossed its boundary. The other hours are those of fixed limits on clicks, with users as the unit or
with impressions taken as independent, at the same looks. About 5 CPU seconds per seed.
"""

import math

import numpy as np

from mlsd.experiments import run_study
from mlsd.models import SmoothedRate
from mlsd.policies.ad_click import AdCanaryPolicy, ScorerPolicy
from mlsd.runtime.times import DAY, HOUR
from mlsd.worlds import AdClickWorld

SEEDS = range(200, 220)
HISTORY, DAYS = 7, 3
LEVELS = (("ad_id",), ("publisher_id", "category"), ("user_id", "category"))


class Traced(AdCanaryPolicy):
    """The canary, but it writes down what each look says instead of going back."""

    def _limit(self, gap):
        """Keep the limit of the package, and give one that nothing crosses."""
        self.looks[-1].append(gap.score + super()._limit(gap))
        return math.inf

    def observe(self, events):
        """Keep the time, the distances to the boundary, the scores of clicks, and the clicks."""
        self.looks.append([self._now])
        super().observe(events)
        if len(self.looks[-1]) == 1:
            self.looks.pop()
            return
        rows, clicks, _ = self.totals
        rate = clicks.sum() / max(rows.sum(), 1)
        is_new = self._is_new(np.arange(len(rows)))
        arms = np.array([rows[~is_new].sum(), rows[is_new].sum()])
        by_row = 0.0
        if arms.min() > 0 and rate > 0:
            difference = clicks[is_new].sum() / arms[1] - clicks[~is_new].sum() / arms[0]
            by_row = difference / np.sqrt(rate * (1 - rate) * (1 / arms).sum())
        self.looks[-1] += [self.gaps()["click"].score, by_row, clicks.sum()]


def first(looks, crossed):
    """Return hours until the first look that crossed, NaN for none."""
    return (looks[crossed.argmax(), 0] - HISTORY * DAY) / HOUR if crossed.any() else np.nan


def measure(seed):
    """Return one row per release and share."""
    world = AdClickWorld(seed=seed)
    log = world.history(days=HISTORY).labelled_log().frame
    model = SmoothedRate(levels=LEVELS, strength=30.0).fit(log, log["click"])
    service = ScorerPolicy(model)
    releases = {"A/A": service, "bid only": ScorerPolicy(model, rank_by="bid")}
    for name, release in releases.items():
        for share in (5, 20):
            canary = Traced(service, release, share=share, start=HISTORY * DAY, salt=seed)
            canary.looks = []
            world.deploy(canary, days=DAYS, history_days=HISTORY)
            looks = np.array(canary.looks)
            _, by_clicks, by_revenue, score, by_row, clicks = looks.T
            hours = [first(looks, by_clicks < 0), first(looks, by_revenue < 0)]
            both = np.fmin(*hours)
            by = "clicks" if both == hours[0] else "revenue"
            yield {
                "release": name,
                "share": share,
                "always valid": both,
                "crossed by": "" if np.isnan(both) else by,
                "users 1.96": first(looks, (score < -1.96) & (clicks >= 50)),
                "rows 1.96": first(looks, (by_row < -1.96) & (clicks >= 50)),
                "rows 3.5": first(looks, (by_row < -3.5) & (clicks >= 50)),
                "final score": score[-1],
                "final score by row": by_row[-1],
            }


if __name__ == "__main__":
    run_study(measure, SEEDS, "ad_click/62_canary")

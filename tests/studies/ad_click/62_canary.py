"""Canaries in worlds that no setting was chosen on: a release that changes nothing, and a bad one.

The service ranks by the smoothed rate of user and category. *A/A* releases the service itself;
*bid only* releases its model with ``rank_by="bid"``. Written is the hour of the rollback, empty
where there was none, by boundary: the always-valid one, and fixed ones on users or on rows taken as
independent. About 8 CPU seconds per seed.
"""

import numpy as np

from mlsd.experiments import run_study
from mlsd.models import SmoothedRate
from mlsd.policies import CanaryPolicy, always_valid_limit
from mlsd.policies.ad_click import ScorerPolicy
from mlsd.runtime.times import DAY, HOUR
from mlsd.worlds import AdClickWorld

SEEDS = range(200, 220)
HISTORY, DAYS = 7, 3
LEVELS = (("ad_id",), ("publisher_id", "category"), ("user_id", "category"))


class Traced(CanaryPolicy):
    """A canary that never goes back, and writes down what each look said."""

    def observe(self, events):
        """Count, and keep the scores and the limit."""
        super().observe(events)
        gap = self.gaps()["click"]
        rows, clicks = self.totals
        rate = clicks.sum() / max(rows.sum(), 1)
        is_new = self._is_new(np.arange(len(rows)))
        arms = np.array([rows[~is_new].sum(), rows[is_new].sum()])
        by_row = 0.0
        if arms.min() > 0 and rate > 0:
            difference = clicks[is_new].sum() / arms[1] - clicks[~is_new].sum() / arms[0]
            by_row = difference / np.sqrt(rate * (1 - rate) * (1 / arms).sum())
        valid = always_valid_limit(gap.error, promise=self.promise, harm=self.harm)
        self.looks.append((self._now, gap.score, valid, by_row, clicks.sum()))

    def __deepcopy__(self, memo):
        """Share the looks."""
        other = super().__deepcopy__(memo)
        other.looks = self.looks
        return other


def hours(looks, crossed):
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
            canary = Traced(
                service, release, share=share, start=HISTORY * DAY, limit=1e9, salt=seed
            )
            canary.looks = []
            world.deploy(canary, days=DAYS, history_days=HISTORY)
            looks = np.array(canary.looks)
            _, score, valid, by_row, clicks = looks.T
            yield {
                "release": name,
                "share": share,
                "always valid": hours(looks, score < -valid),
                "users 1.96": hours(looks, (score < -1.96) & (clicks >= 50)),
                "rows 1.96": hours(looks, (by_row < -1.96) & (clicks >= 50)),
                "rows 3.5": hours(looks, (by_row < -3.5) & (clicks >= 50)),
                "final score": score[-1],
                "final score by row": by_row[-1],
            }


if __name__ == "__main__":
    run_study(measure, SEEDS, "ad_click/62_canary")

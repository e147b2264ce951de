"""Canaries of nothing: 400 divisions of the users of three recorded days, in each of twenty worlds.

The service ranks by the smoothed rate of user and category. Written is the percentage of harmless
canaries that each rule takes back at some of 72 hourly looks, the design effect, and the standard
deviation of the score after three days with impressions and with users as the unit. `clicks` and
`revenue` have the always-valid boundary to themselves, with a promise of one percent; `either` is
the rule of `AdCanaryPolicy`, in which they share it. About 2 CPU seconds per seed.
"""

import numpy as np

from mlsd.experiments import run_study
from mlsd.models import SmoothedRate
from mlsd.monitoring import RecordedPolicy
from mlsd.policies import always_valid_limit, in_canary
from mlsd.policies.ad_click import ScorerPolicy
from mlsd.runtime.times import DAY, HOUR
from mlsd.worlds import AdClickWorld

SEEDS = range(200, 220)
HISTORY, DAYS, LOOKS, SPLITS = 7, 3, 72, 400
LEVELS = (("ad_id",), ("publisher_id", "category"), ("user_id", "category"))


def quiet_days(seed):
    """Return views, clicks and revenue by user until the end of each hour, each (72, users)."""
    world = AdClickWorld(seed=seed)
    log = world.history(days=HISTORY).labelled_log().frame
    model = SmoothedRate(levels=LEVELS, strength=30.0).fit(log, log["click"])
    recorded = RecordedPolicy(ScorerPolicy(model))
    world.deploy(recorded, days=DAYS, history_days=HISTORY)
    rows = recorded.rows().query(f"ts >= {HISTORY * DAY}")
    hour = ((rows["known_at"] - HISTORY * DAY) // HOUR).astype(int).to_numpy()
    users = int(rows["user_id"].max()) + 1
    at = hour * users + rows["user_id"].to_numpy()
    for values in (np.ones(len(rows)), rows["click"], rows["click"] * rows["price"]):
        table = np.bincount(at, np.asarray(values, float), minlength=LOOKS * users)
        yield table.reshape(LOOKS, users).cumsum(axis=0)


def scores(outcome, views, split):
    """Return score by users, error relative to the old rate, and variance per view by users."""
    total, seen = outcome.sum(axis=1)[:, None], views.sum(axis=1)[:, None]
    rate = total / seen
    by_user = ((outcome - rate * views) ** 2).sum(axis=1)[:, None] / seen
    new_seen, new = np.maximum(views @ split, 1), outcome @ split
    old_rate = (total - new) / (seen - new_seen)
    error = np.sqrt(by_user * (1 / new_seen + 1 / (seen - new_seen))) / old_rate
    return (new / new_seen / old_rate - 1) / error, error, by_user


def crossed(score, error, promise):
    """Return which canaries cross the always-valid boundary at some look."""
    limit = np.vectorize(lambda e: always_valid_limit(e, promise=promise, harm=0.2))(error)
    return (score < -limit).any(axis=0)


def measure(seed):
    """Return one row per share."""
    views, clicks, revenue = quiet_days(seed)
    rate = (clicks.sum(axis=1) / views.sum(axis=1))[:, None]
    settled = clicks.sum(axis=1) >= 50
    for share in (5, 20):
        split = np.stack(
            [in_canary(np.arange(views.shape[1]), share, salt=s) for s in range(SPLITS)], axis=1
        )
        users, error, by_user = scores(clicks, views, split)
        paid, paid_error, _ = scores(revenue, views, split)
        effect = by_user / (rate * (1 - rate))
        rows = users * np.sqrt(effect)
        rules = {
            "rows 1.96": (rows[settled] < -1.96).any(axis=0),
            "rows 3.5": (rows[settled] < -3.5).any(axis=0),
            "users 1.96": (users[settled] < -1.96).any(axis=0),
            "clicks": crossed(users, error, 0.01),
            "revenue": crossed(paid, paid_error, 0.01),
            "either": crossed(users, error, 0.005) | crossed(paid, paid_error, 0.005),
        }
        yield {
            "share": share,
            **{name: 100 * hit.mean() for name, hit in rules.items()},
            "design effect": effect[-1, 0],
            "sd rows": rows[-1].std(),
            "sd users": users[-1].std(),
            "sd revenue": paid[-1].std(),
        }


if __name__ == "__main__":
    run_study(measure, SEEDS, "ad_click/62_quiet")

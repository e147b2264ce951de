"""Canaries of nothing: 400 divisions of the users of three recorded days, in each of twenty worlds.

The service ranks by the smoothed rate of user and category. Written is the percentage of harmless
canaries that each rule takes back at some of 72 hourly looks, the design effect, and the standard
deviation of the score after three days with impressions and with users as the unit. About 2 CPU
seconds per seed.
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
    """Return clicks and views by user until the end of each hour, shape (72, users)."""
    world = AdClickWorld(seed=seed)
    log = world.history(days=HISTORY).labelled_log().frame
    model = SmoothedRate(levels=LEVELS, strength=30.0).fit(log, log["click"])
    recorded = RecordedPolicy(ScorerPolicy(model))
    world.deploy(recorded, days=DAYS, history_days=HISTORY)
    rows = recorded.rows().query(f"ts >= {HISTORY * DAY}")
    hour = ((rows["known_at"] - HISTORY * DAY) // HOUR).astype(int).to_numpy()
    users = int(rows["user_id"].max()) + 1
    at = hour * users + rows["user_id"].to_numpy()
    for values in (rows["click"].to_numpy(float), np.ones(len(rows))):
        table = np.bincount(at, values, minlength=LOOKS * users).reshape(LOOKS, users)
        yield table.cumsum(axis=0)


def measure(seed):
    """Return one row per share."""
    clicks, views = quiet_days(seed)
    all_clicks, all_views = clicks.sum(axis=1)[:, None], views.sum(axis=1)[:, None]
    rate = all_clicks / all_views
    by_row = rate * (1 - rate)
    by_user = ((clicks - rate * views) ** 2).sum(axis=1)[:, None] / all_views
    settled = all_clicks[:, 0] >= 50
    for share in (5, 20):
        split = np.stack(
            [in_canary(np.arange(views.shape[1]), share, salt=s) for s in range(SPLITS)], axis=1
        )
        new_views, new_clicks = np.maximum(views @ split, 1), clicks @ split
        gap = new_clicks / new_views - (all_clicks - new_clicks) / (all_views - new_views)
        arms = 1 / new_views + 1 / (all_views - new_views)
        rows, users = gap / np.sqrt(by_row * arms), gap / np.sqrt(by_user * arms)
        error = np.sqrt(by_user * arms) / rate
        limit = np.vectorize(lambda e: always_valid_limit(e, promise=0.01, harm=0.2))(error)
        rules = {
            "rows 1.96": rows[settled] < -1.96,
            "rows 3.5": rows[settled] < -3.5,
            "users 1.96": users[settled] < -1.96,
            "always valid": users < -limit,
        }
        false = {name: 100 * hit.any(axis=0).mean() for name, hit in rules.items()}
        effect = {"design effect": (by_user / by_row)[-1, 0]}
        spread = {"sd rows": rows[-1].std(), "sd users": users[-1].std()}
        yield {"share": share, **false, **effect, **spread}


if __name__ == "__main__":
    run_study(measure, SEEDS, "ad_click/62_quiet")

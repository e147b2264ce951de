"""How often two alarms page on quiet days, and whether they see an event, in ten worlds.

One alarm is the scan over slices, the other the single score of all impressions; both compare a day
with the seven days before it. Each world trains a model on its first week, calibrates limits on its
third (days 14 to 20) and is watched for two more quiet weeks; then the same world is run with an
event from day 21 on. A row is one rule on one day: the largest score and what it belongs to, the
limit for standard normal scores (`plain_limit`) and the one that knows the spread of the third
week's scores (`spread_limit`), both for a page in thirty days.
"""

import numpy as np

from mlsd.experiments import run_study
from mlsd.models import HashedLogisticRegression
from mlsd.monitoring import RecordedPolicy, alarm_threshold, scan_threshold, slice_scores
from mlsd.policies.ad_click import ScorerPolicy
from mlsd.worlds import AdClickConfig, AdClickWorld

SEEDS = tuple(range(201, 211))
DAY, WEEK, EVENT = 86_400, 7, (21, 23)
EVENT_SD = 0.7
PAGES_PER_DAY = 1 / 30
COLUMNS = ["category", "format", "publisher_id", "advertiser_id", "campaign_id", "device"]
COLUMNS += ["region", "age_band", "hour", "position", "ad_age", "account_age", "promise"]
EIGHTHS = np.arange(1, 8) / 8
NUMBERS = {"ad_age": "ad_age_days", "account_age": "account_age_days", "promise": "predicted_ctr"}


def trained_policy(seed):
    """Return a policy with a model of the world's first week."""
    log = AdClickWorld(seed=seed).history(days=WEEK).labelled_log()
    names = tuple(n for n in log.roles.identifiers if n not in ("user_id", "weekday"))
    model = HashedLogisticRegression(categorical=names, numeric=log.roles.numeric, C=0.1)
    return ScorerPolicy(model.fit(log.frame, log.label))


def served_rows(seed, policy, days, **event):
    """Return what the policy showed on the days after the first week."""
    world = AdClickWorld(seed=seed, config=AdClickConfig(**event))
    recorded = RecordedPolicy(policy)
    world.deploy(recorded, days=days, history_days=WEEK)
    rows = recorded.rows().query("ts >= @DAY * @WEEK")
    expected = policy.scorer.predict_proba(rows)[:, 1]
    rows = rows.assign(day=(rows["ts"] // DAY).astype(int), expected=expected, all=0)
    first_week = rows["day"] < 2 * WEEK
    for name, column in NUMBERS.items():
        edges = rows.loc[first_week, column].quantile(EIGHTHS).unique()
        rows[name] = np.searchsorted(edges, rows[column])
    return rows


def measure(seed):
    """Return the largest score of each quiet day and of the event's first day, by rule."""
    policy = trained_policy(seed)
    quiet = served_rows(seed, policy, days=28)
    event = served_rows(seed, policy, days=15, event_days=EVENT, event_sd=EVENT_SD)
    rows = []
    for rule, columns in (("scan", COLUMNS), ("total", ["all"])):
        scores = slice_scores(quiet, columns)
        calibration = scores.loc[:, 14:20]
        limits = {
            "plain_limit": alarm_threshold(
                calibration.notna().sum().mean(), false_alarms=PAGES_PER_DAY
            ),
            "spread_limit": scan_threshold(calibration, false_alarms=PAGES_PER_DAY),
        }
        days = {("quiet", day): scores[day].abs() for day in range(21, 35)}
        days["event", EVENT[0]] = slice_scores(event, columns)[EVENT[0]].abs()
        for (world, day), score in days.items():
            largest = {"score": score.max(), "column": score.idxmax()[0]}
            rows.append({"rule": rule, "world": world, "day": day, **largest, **limits})
    return rows


if __name__ == "__main__":
    run_study(measure, SEEDS, "ad_click/61_alarms")

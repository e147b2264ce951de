"""How often the scan over slices pages in quiet weeks, and whether it sees an event, in ten worlds.

Each world trains a model on its first week, calibrates the threshold on its third (days 14 to 20)
and is scanned for two more quiet weeks; then the same world is run with an event on days 21 and 22.
`pages` are days on which the scan pages, `plain` those under the threshold of a standard normal.
`named` is the column of the largest score on the first day of the event. The rules beside the scan
get the same days and a single threshold for a page in thirty days.
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


def served_rows(seed, days, **event):
    """Return what a model of the first week showed on the days after it."""
    world = AdClickWorld(seed=seed, config=AdClickConfig(**event))
    log = world.history(days=WEEK).labelled_log()
    names = tuple(n for n in log.roles.identifiers if n not in ("user_id", "weekday"))
    model = HashedLogisticRegression(categorical=names, numeric=log.roles.numeric, C=0.1)
    recorded = RecordedPolicy(ScorerPolicy(model.fit(log.frame, log.label)))
    world.deploy(recorded, days=days, history_days=WEEK)
    rows = recorded.rows().query("ts >= @DAY * @WEEK")
    rows = rows.assign(
        day=(rows["ts"] // DAY).astype(int), expected=model.predict_proba(rows)[:, 1], all=0
    )
    first_week = rows["day"] < 2 * WEEK
    for name, column in NUMBERS.items():
        edges = rows.loc[first_week, column].quantile(EIGHTHS).unique()
        rows[name] = np.searchsorted(edges, rows[column])
    return rows


def measure(seed):
    """Return the pages of quiet weeks, and what the scan said in the event."""
    rows = served_rows(seed, days=28)
    quiet = slice_scores(rows, COLUMNS)
    calibration, later = quiet.loc[:, 14:20], quiet.loc[:, 21:34]
    threshold = scan_threshold(calibration, false_alarms=PAGES_PER_DAY)
    plain = alarm_threshold(len(quiet), false_alarms=PAGES_PER_DAY)
    total = slice_scores(rows, ["all"]).loc[:, 21:34]
    single = alarm_threshold(1, false_alarms=PAGES_PER_DAY)
    event = served_rows(seed, days=16, event_days=EVENT, event_sd=EVENT_SD)
    seen = slice_scores(event, COLUMNS)[21]
    return {
        "days": later.shape[1],
        "spread": (calibration.stack() ** 2).mean() ** 0.5,
        "threshold": threshold,
        "pages": int((later.abs().max() > threshold).sum()),
        "plain_pages": int((later.abs().max() > plain).sum()),
        "total_pages": int((total.abs().max() > single).sum()),
        "quiet_largest": later.abs().max().max(),
        "event_largest": seen.abs().max(),
        "named": seen.abs().idxmax()[0],
        "slices_beyond": int((seen.abs() > threshold).sum()),
        "total_seen": bool(slice_scores(event, ["all"])[21].abs().max() > single),
    }


if __name__ == "__main__":
    run_study(measure, SEEDS, "ad_click/61_alarms")

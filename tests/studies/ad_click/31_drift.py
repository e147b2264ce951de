"""Nightly batch retraining against online learning around a drift day, in five other worlds.

Day 11 is ordinary, tastes are shifted on day 12 alone, and day 13 is the day after. `nightly` is a
batch fit at each midnight on the whole log; `online` is FTRL-Proximal that passed twice over days 0
to 10 and then learns from every impression, `one pass` the same after a single pass. Settings are
those of 31_settings, chosen on seed 42. `entropy_*` and `misplaced_*` are offline on one log; the
latter adds up, over categories, how far the expected clicks are from the real ones. Revenue and
clicks come from deployments in twin worlds, online in percent of nightly, by day and for three days
with the interval. `ratio_*` is the calibration on days 9 to 11 of a model frozen after one pass
over days 0 to 8. About 200 CPU seconds:

    OMP_NUM_THREADS=1 python tests/studies/ad_click/31_drift.py
"""

from drift_day import CONFIG, FIRST, KINDS, learning_columns, misplaced, money

from mlsd.experiments import run_study
from mlsd.metrics import calibration_ratio, normalized_entropy
from mlsd.models import FTRLProximal, HashedLogisticRegression
from mlsd.policies.ad_click import OnlineScorerPolicy
from mlsd.worlds import AdClickWorld

SEEDS = (291, 292, 293, 294, 295)


def frozen_ratios(table, categorical, numeric):
    """Return the calibration ratio of frozen single-pass models, by columns and order of rows."""
    train, later = table[table["day"] <= 8], table[table["day"].between(9, 11)]
    shuffled = train.sample(frac=1, random_state=0)
    found = {}
    for name, columns in {"": categorical, "_weekday": (*categorical, "weekday")}.items():
        for order, rows in {"": train, "_shuffled": shuffled}.items():
            model = FTRLProximal(categorical=columns, numeric=numeric, alpha=0.3)
            predicted = model.fit(rows, rows["click"]).predict_proba(later)[:, 1]
            found[f"ratio{name}{order}"] = calibration_ratio(later["click"], predicted)
    return found


def measure(seed):
    """Return one row."""
    world = AdClickWorld(seed=seed, config=CONFIG)
    log = world.history(days=14).labelled_log()
    table = log.frame.assign(day=lambda rows: (rows["ts"] // 86_400).astype(int))
    columns = learning_columns(log)
    batch = HashedLogisticRegression(**columns, C=0.3, tolerance=1e-6)
    past = table[table["day"] < FIRST]
    online = FTRLProximal(**columns, alpha=0.3, epochs=2).fit(past, past["click"])
    once = FTRLProximal(**columns, alpha=0.3).fit(past, past["click"])
    given = past[[*columns["categorical"], *columns["numeric"], "known_at", "click"]]
    night = OnlineScorerPolicy(
        batch.fit(given, given["click"]), refit="nightly", history=given, window_days=30
    )
    report = world.compare(night, OnlineScorerPolicy(online), days=3, history_days=FIRST)
    row = money(report)
    for day, kind in KINDS.items():
        before, today = table[table["day"] < day], table[table["day"] == day]
        answers = {
            "nightly": batch.fit(before, before["click"]).predict_proba(today)[:, 1],
            "online": online.progressive_fit(today, today["click"]),
            "one_pass": once.progressive_fit(today, today["click"]),
        }
        for name, predicted in answers.items():
            row[f"entropy_{kind}_{name}"] = normalized_entropy(today["click"], predicted)
            row[f"misplaced_{kind}_{name}"] = misplaced(today, predicted)
    return row | frozen_ratios(table, columns["categorical"], columns["numeric"])


if __name__ == "__main__":
    run_study(measure, SEEDS, "ad_click/31_drift")

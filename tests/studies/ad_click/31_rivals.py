"""An hourly batch job beside online learning and nightly retraining, around a drift day.

Day 11 is ordinary, tastes are shifted on day 12 alone, and day 13 is the day after. `nightly` is a
batch fit at each midnight on the whole log, and `hourly` the same, corrected at each full hour by
the day's settled rows; `online` is FTRL-Proximal that passed twice over days 0 to 10 and then
learns from every impression. Three more take `online` apart, with its settings: `refit` is fitted
from scratch at each midnight on the whole log, in two passes, and serves unchanged; `restarted` is
the same fit, but learns from every impression of the day; and `seeded` learns like `restarted`,
with its learning rates, from the weights of `nightly`. Settings are those of 31_settings, chosen on
seed 42, and of 31_hourly, chosen on seed 296. `entropy_*` and `misplaced_*` are offline on one log;
the latter adds up, over categories, how far the expected clicks are from the real ones. Revenue and
clicks come from deployments in twin worlds, as `world.compare` makes them, with one run of the
control for both: online and (`hourly_*`) the hourly job in percent of nightly, by day and for three
days with the interval; the three parts are not deployed. Seed 42 is the world of the chapter, the
others are of 31_drift. About 57 CPU seconds per world:

    OMP_NUM_THREADS=1 python tests/studies/ad_click/31_rivals.py
"""

import copy

import numpy as np
from drift_day import CONFIG, FIRST, KINDS, learning_columns, misplaced, money

from mlsd.experiments import run_study
from mlsd.lab_support.ad_click.hourly_job import CorrectedModel, HourlyPolicy, hourly_predictions
from mlsd.metrics import normalized_entropy
from mlsd.models import FTRLProximal, HashedLogisticRegression
from mlsd.policies.ad_click import OnlineScorerPolicy
from mlsd.worlds import AdClickWorld
from mlsd.worlds.kit.tally import compare_tallies

SEEDS = (42, 291, 292, 293, 294)
STRENGTH = 0.03


def seeded(learner, nightly):
    """Return a copy of an online learner that has the weights of a batch fit and its own rates."""
    ids, copied = len(nightly.used_), copy.deepcopy(learner)
    hashed = np.zeros(2**copied.bits)
    hashed[nightly.used_] = nightly.coef_[:ids]
    dense = np.concatenate([[nightly.intercept_], nightly.coef_[ids:]])
    # Without L1 a weight is -z / ((beta + sqrt(n)) / alpha + l2); the intercept has no penalty.
    rigid, dense_rigid = (
        (copied.beta + np.sqrt(n)) / copied.alpha + copied.l2 for n in (copied.n_, copied.dense_n_)
    )
    dense_rigid[0] -= copied.l2
    copied.z_, copied.dense_z_ = -hashed * rigid, -dense * dense_rigid
    return copied


def measure(seed):
    """Return one row."""
    world = AdClickWorld(seed=seed, config=CONFIG)
    log = world.history(days=14).labelled_log()
    table = log.frame.assign(day=lambda rows: (rows["ts"] // 86_400).astype(int))
    columns = learning_columns(log)
    batch = HashedLogisticRegression(**columns, C=0.3, tolerance=1e-6)
    past = table[table["day"] < FIRST]
    learner = FTRLProximal(**columns, alpha=0.3, epochs=2)
    online = copy.deepcopy(learner).fit(past, past["click"])
    given = past[[*columns["categorical"], *columns["numeric"], "known_at", "click"]]
    batch.fit(given, given["click"])
    night = OnlineScorerPolicy(batch, refit="nightly", history=given, window_days=30)
    hourly = HourlyPolicy(CorrectedModel(copy.deepcopy(batch), C=STRENGTH), history=given)
    control, *others = (
        world._online([policy], 3, FIRST)[0]
        for policy in (night, OnlineScorerPolicy(online), hourly)
    )
    row = {}
    for prefix, tally in zip(("", "hourly_"), others):
        row |= money(compare_tallies(control, tally, design="twin", seed=seed, paired=True), prefix)
    for day, kind in KINDS.items():
        before, today = table[table["day"] < day], table[table["day"] == day]
        if day > FIRST:
            batch.fit(before, before["click"])
        refit = copy.deepcopy(learner).fit(before, before["click"])
        answers = {
            "nightly": batch.predict_proba(today)[:, 1],
            "online": online.progressive_fit(today, today["click"]),
            "hourly": hourly_predictions(CorrectedModel(batch, C=STRENGTH), today),
            "refit": refit.predict_proba(today)[:, 1],
            "seeded": seeded(refit, batch).progressive_fit(today, today["click"]),
            "restarted": refit.progressive_fit(today, today["click"]),
        }
        for name, predicted in answers.items():
            row[f"entropy_{kind}_{name}"] = normalized_entropy(today["click"], predicted)
            row[f"misplaced_{kind}_{name}"] = misplaced(today, predicted)
    return row


if __name__ == "__main__":
    run_study(measure, SEEDS, "ad_click/31_rivals")

"""How far an hourly batch job may move last night's weights, and how fast an online learner learns.

One world that the chapter does not report, with the drift day of the others. On the ordinary day 11
and the drift day 12, `hourly` is the nightly batch fit, corrected at each full hour by a fit to the
day's settled rows whose penalty C pulls it to last night's weights; `online` is FTRL-Proximal at a
learning rate, after two passes over the past. `misplaced` adds up, over categories, how far the
expected clicks are from the real ones, from noon of the drift day on. About 45 CPU seconds:

    OMP_NUM_THREADS=1 python tests/studies/ad_click/31_hourly.py
"""

import copy

from drift_day import CONFIG, learning_columns, misplaced

from mlsd.experiments import run_study
from mlsd.lab_support.ad_click.hourly_job import CorrectedModel, hourly_predictions
from mlsd.metrics import normalized_entropy
from mlsd.models import FTRLProximal, HashedLogisticRegression
from mlsd.worlds import AdClickWorld

SEEDS = (296,)
STRENGTHS, RATES = (0.01, 0.03, 0.1, 0.3), (0.1, 0.3, 1.0)
DAYS = {"ordinary": 11, "drift_day": 12}


def measure(seed):
    """Return one row per model and setting."""
    log = AdClickWorld(seed=seed, config=CONFIG).history(days=13).labelled_log()
    table = log.frame.assign(day=lambda rows: (rows["ts"] // 86_400).astype(int))
    columns = learning_columns(log)
    batch = HashedLogisticRegression(**columns, C=0.3, tolerance=1e-6)
    nights = {}
    for kind, day in DAYS.items():
        known = table[table["day"] < day]
        nights[kind] = copy.deepcopy(batch).fit(known, known["click"])
    past = table[table["day"] < DAYS["ordinary"]]
    learners = {
        rate: FTRLProximal(**columns, alpha=rate, epochs=2).fit(past, past["click"])
        for rate in RATES
    }
    answers = {("nightly", 0.3): lambda kind, today: nights[kind].predict_proba(today)[:, 1]}
    for C in STRENGTHS:
        answers["hourly", C] = lambda kind, today, C=C: hourly_predictions(
            CorrectedModel(nights[kind], C=C), today
        )
    for rate, learner in learners.items():
        answers["online", rate] = lambda kind, today, learner=learner: learner.progressive_fit(
            today, today["click"]
        )
    for (model, setting), answer in answers.items():
        row = {"model": model, "setting": setting}
        for kind, day in DAYS.items():
            today = table[table["day"] == day]
            predicted = answer(kind, today)
            row[kind] = normalized_entropy(today["click"], predicted)
        yield row | {"misplaced": misplaced(today, predicted)}


if __name__ == "__main__":
    run_study(measure, SEEDS, "ad_click/31_hourly")

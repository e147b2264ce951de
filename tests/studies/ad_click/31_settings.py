"""Settings of the online and of the nightly model, chosen on days before anything unusual.

For each world, learning rate and passes of FTRL-Proximal, and the penalty of the batch fit on the
same columns. All train on days 0 to 8 and are read, frozen, on days 9 and 10; FTRL-Proximal's
progressive entropy is that of days 5 to 10 in one pass over days 0 to 10. `tracker` is KalmanRate
with the ledger's setting, which reads the rows in order of time too, with and without the weekday
among its columns. Seed 42 is the world of the chapter; its drift day is day 12. About 50 CPU
seconds:

    OMP_NUM_THREADS=1 python tests/studies/ad_click/31_settings.py
"""

from mlsd.experiments import run_study
from mlsd.metrics import calibration_ratio, normalized_entropy
from mlsd.models import FTRLProximal, HashedLogisticRegression, KalmanRate
from mlsd.worlds import AdClickConfig, AdClickWorld

SEEDS = (42,)
CONFIG = AdClickConfig(event_days=(12, 13), event_sd=1.0)
RATES, PASSES, PENALTIES = (0.03, 0.1, 0.3, 1.0), (1, 2, 4), (0.03, 0.1, 0.3, 1.0)


def candidates(columns):
    """Return model name, setting, passes and the model, not fitted."""
    for rate in RATES:
        yield "FTRL-Proximal", rate, 1, FTRLProximal(**columns, alpha=rate)
    for passes in PASSES[1:]:
        yield "FTRL-Proximal", 0.3, passes, FTRLProximal(**columns, alpha=0.3, epochs=passes)
    for penalty in PENALTIES:
        model = HashedLogisticRegression(**columns, C=penalty, tolerance=1e-6)
        yield "batch", penalty, 0, model
    for more in ((), ("weekday",)):
        levels = tuple((name,) for name in (*columns["categorical"], *more))
        tracker = KalmanRate(levels=levels, time="ts", discount=1.0, prior_variance=0.3)
        yield " with ".join(("tracker", *more)), 0.3, 0, tracker


def measure(seed):
    """Return one row per model and setting."""
    log = AdClickWorld(seed=seed, config=CONFIG).history(days=11).labelled_log()
    columns = {
        "categorical": tuple(name for name in log.roles.identifiers if name != "weekday"),
        "numeric": log.roles.numeric,
    }
    day, click = log.frame["ts"] // 86_400, log.frame["click"]
    train, judged, late = day <= 8, day >= 9, (day >= 5).to_numpy()
    rows = []
    for name, setting, passes, model in candidates(columns):
        predicted = model.fit(log.frame[train], click[train]).predict_proba(log.frame[judged])[:, 1]
        row = {"model": name, "setting": setting, "passes": passes}
        row["normalized_entropy"] = normalized_entropy(click[judged], predicted)
        row["calibration_ratio"] = calibration_ratio(click[judged], predicted)
        if passes == 1:
            fresh = FTRLProximal(**columns, alpha=setting)
            before = fresh.progressive_fit(log.frame, click)
            row["progressive_entropy"] = normalized_entropy(click[late], before[late])
        rows.append(row)
    return rows


if __name__ == "__main__":
    run_study(measure, SEEDS, "ad_click/31_settings")

"""Settings of a linear model, of stumps and of boosted trees, with and without counters.

For each world, seven days of log. Every model is fitted at each of its settings and read on the
validation part, which chooses, and on the test part. Stumps are trees with one split: they bend
columns but cannot cross them. Each model has three settings. Seed 13 is the world of the chapter,
which computes intervals itself; three other worlds at full size stand in the ledger. About 80 CPU
seconds:

    OMP_NUM_THREADS=1 python tests/studies/ad_click/32_trees.py
"""

import pandas as pd

from mlsd import metrics
from mlsd.experiments import run_study
from mlsd.features import CounterFeatures
from mlsd.models import HashedLogisticRegression, LightGBMScorer
from mlsd.worlds import AdClickWorld

SEEDS = (13,)
CONTEXT = ("category", "format", "device", "hour", "weekday", "position", "age_band", "region")
IDENTIFIERS = ("ad_id", "campaign_id", "advertiser_id", "publisher_id")
STRENGTHS, RATES = (0.03, 0.1, 0.3), (0.2, 0.1, 0.05)
STUMP_RATES = (0.4, 0.2, 0.1)
PAIR = ("user_id", "ad_id")


def counted(log):
    """Return the log's columns with its counters, each computed alone, and the counters' names."""
    settings = {"half_lives": (3 * 86_400.0,), "refresh": "nightly"}
    found = [
        CounterFeatures([entity], views=[PAIR] * (entity == PAIR), **settings).compute(log)
        for entity in log.roles.entities
    ]
    names = tuple(column for columns in found for column in columns)
    return pd.concat([log.frame, *found], axis=1), names


def candidates(numeric):
    """Return by model its settings, as models that are not fitted."""
    columns = {"categorical": CONTEXT + IDENTIFIERS, "numeric": numeric}
    stumps = {"num_leaves": 2, "n_estimators": 1_000, "patience": 20}
    trees = {"num_leaves": 15, "patience": 20}
    return {
        "linear": {C: HashedLogisticRegression(**columns, C=C) for C in STRENGTHS},
        "stumps": {
            rate: LightGBMScorer(**columns, **stumps, learning_rate=rate) for rate in STUMP_RATES
        },
        "trees": {rate: LightGBMScorer(**columns, **trees, learning_rate=rate) for rate in RATES},
    }


def measure(seed):
    """Return one row per columns, model and setting."""
    log = AdClickWorld(seed=seed).history(days=7).labelled_log()
    table, counters = counted(log)
    train, *later = (table.iloc[r] for r in (log.split.train, log.split.validation, log.split.test))
    validation, test = (part["click"].to_numpy() for part in later)
    rows = []
    for kind, more in {"without counters": (), "with counters": counters}.items():
        best = {}
        for name, settings in candidates(log.roles.numeric + more).items():
            for setting, model in settings.items():
                model.fit(train, train["click"].to_numpy(), valid=(later[0], validation))
                p = [model.predict_proba(part)[:, 1] for part in later]
                row = {"columns": kind, "model": name, "setting": setting, "chosen": False}
                row["validation"] = metrics.normalized_entropy(validation, p[0])
                row["test"] = metrics.normalized_entropy(test, p[1])
                rows.append(row)
                if name not in best or row["validation"] < best[name]["validation"]:
                    best[name] = row
        for row in best.values():
            row["chosen"] = True
    return rows


if __name__ == "__main__":
    run_study(measure, SEEDS, "ad_click/32_trees")

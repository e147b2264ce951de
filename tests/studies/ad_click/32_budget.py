"""Sets of counters for the same store, chosen by density and as a knapsack, in six worlds.

For each world, seven days of log and a linear model with C = 0.1 on the context and the counters of
a set. `share` is the part of the normalized entropy saved by all counters that the set saves on the
test part; `vs_density` is its difference to the set that is bought by gain per byte, paired and
clustered by user. Each counter is computed on its own, so that none is shrunk towards another
that is not in the store. No setting was chosen on these worlds. About 75 CPU seconds:

    OMP_NUM_THREADS=1 python tests/studies/ad_click/32_budget.py
"""

import pandas as pd

from mlsd import metrics
from mlsd.experiments import run_study
from mlsd.features import CounterFeatures
from mlsd.models import HashedLogisticRegression
from mlsd.worlds import AdClickWorld

SEEDS = range(201, 207)
CONTEXT = ("category", "format", "device", "hour", "weekday", "position", "age_band", "region")
SMALL = (("ad_id",), ("campaign_id",), ("publisher_id", "category"))
USER, TASTE, PAIR = ("user_id",), ("user_id", "category"), ("user_id", "ad_id")
SETS = {
    "none": (),
    "by density": (*SMALL, USER),
    "knapsack": (*SMALL, TASTE),
    "all": (*SMALL, USER, TASTE, PAIR),
}


def measure(seed):
    """Return one row per set."""
    log = AdClickWorld(seed=seed).history(days=7).labelled_log()
    settings = {"half_lives": (3 * 86_400.0,), "refresh": "nightly"}
    counters = {
        entity: CounterFeatures([entity], views=[PAIR] * (entity == PAIR), **settings).compute(log)
        for entity in SETS["all"]
    }
    table = pd.concat([log.frame, *counters.values()], axis=1)
    train, test = log.split.train, log.split.test
    predicted = {}
    for name, entities in SETS.items():
        own = [column for entity in entities for column in counters[entity]]
        numeric = (*log.roles.numeric, *own)
        model = HashedLogisticRegression(categorical=CONTEXT, numeric=numeric, C=0.1)
        model.fit(table.iloc[train], log.label[train])
        predicted[name] = model.predict_proba(table.iloc[test])[:, 1]
    label, users = log.label[test], log.frame["user_id"].to_numpy()[test]
    entropy = {name: metrics.normalized_entropy(label, p) for name, p in predicted.items()}
    rows = []
    for name, p in predicted.items():
        share = (entropy["none"] - entropy[name]) / (entropy["none"] - entropy["all"])
        change = metrics.paired_interval(
            metrics.normalized_entropy,
            label,
            p,
            predicted["by density"],
            clusters=users,
            repetitions=300,
            seed=0,
        )
        row = {"set": name, "test": entropy[name], "share": 100 * share}
        interval = {"vs_density": change.estimate, "low": change.low, "high": change.high}
        rows.append(row | interval)
    return rows


if __name__ == "__main__":
    run_study(measure, SEEDS, "ad_click/32_budget")

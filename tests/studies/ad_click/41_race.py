"""Seven ways to use a pair of ids in the feature-poor market, two settings each, in two worlds.

Every row is one fit on the first 80 % of a four-day log: its normalized entropy on the validation
rows, by which the chapter chooses the setting, and on the test rows, and the paired change on the
test rows from the linear model of the better validation. All read the same ids; the linear model is
given the pair as a hashed cross, as a nightly count of its clicks, or not at all. This market logs
no users, so intervals resample whole interest codes.
"""

import pandas as pd

from mlsd import metrics
from mlsd.experiments import run_study
from mlsd.features import CounterFeatures
from mlsd.models import (
    DCNv2,
    DeepFM,
    FactorizationMachine,
    HashedLogisticRegression,
    LightGBMScorer,
)
from mlsd.worlds import AdClickConfig, AdClickWorld

SEEDS = (201, 202)
DAYS = 4
PAIR = ("interest", "topic")
CONFIG = AdClickConfig.variant("feature_poor")
NETWORK = {"embedding_dim": 8, "batch_size": 1024, "epochs": 3}
DEEP = {**NETWORK, "hidden": (64, 32)}
RATES = ({"learning_rate": 1e-3}, {"learning_rate": 3e-3})


def candidates(ids, counted):
    """Yield name, setting and unfitted model."""
    crossed = {**ids, "crosses": (PAIR,)}
    with_count = {**ids, "numeric": (*ids["numeric"], *counted)}
    trees, linear = {**ids, "learning_rate": 0.1}, HashedLogisticRegression
    families = {
        "linear": (linear, ids, ({"C": 0.3}, {"C": 1.0})),
        "linear, pair crossed": (linear, crossed, ({"C": 1.0}, {"C": 3.0})),
        "linear, pair counted": (linear, with_count, ({"C": 0.3}, {"C": 1.0})),
        "LightGBM": (LightGBMScorer, trees, ({"num_leaves": 15}, {"num_leaves": 31})),
        "FM": (
            FactorizationMachine,
            {**ids, **NETWORK, "epochs": 6},
            ({"embedding_dim": 8}, {"embedding_dim": 16}),
        ),
        "DeepFM": (DeepFM, {**ids, **DEEP}, RATES),
        "DCN-v2": (DCNv2, {**ids, **DEEP}, RATES),
    }
    for name, (model, fixed, settings) in families.items():
        for setting in settings:
            label = ", ".join(f"{key} {value:g}" for key, value in setting.items())
            yield name, label, model(**(fixed | setting))


def measure(seed):
    """Return one row per model and setting."""
    log = AdClickWorld(seed=seed, config=CONFIG).history(days=DAYS).labelled_log()
    counters = CounterFeatures([PAIR], half_lives=(3 * 86_400.0,), refresh="nightly")
    counted = counters.compute(log)
    table = pd.concat([log.frame, counted], axis=1)
    ids = {"categorical": log.roles.identifiers, "numeric": log.roles.numeric}
    split = log.split
    train, held, test = (
        (table.iloc[rows], log.label[rows]) for rows in (split.train, split.validation, split.test)
    )
    drawn = {"clusters": test[0]["interest"].to_numpy(), "repetitions": 200, "seed": 0}
    entropy, rows, predicted = metrics.normalized_entropy, [], []
    for name, setting, model in candidates(ids, tuple(counted)):
        model.fit(*train, valid=held)
        predicted.append(model.predict_proba(test[0])[:, 1])
        validation = entropy(held[1], model.predict_proba(held[0])[:, 1])
        rows.append({"model": name, "setting": setting, "validation": validation})
    linear = min((0, 1), key=lambda place: rows[place]["validation"])
    for row, own in zip(rows, predicted):
        row["test"] = entropy(test[1], own)
        change = metrics.paired_interval(entropy, test[1], own, predicted[linear], **drawn)
        row |= {"change": change.estimate, "low": change.low, "high": change.high}
    return rows


if __name__ == "__main__":
    run_study(measure, SEEDS, "ad_click/41_race")

"""Seven ways to use a pair of ids in the feature-poor market, four settings each, in two worlds.

Every row is one fit on the first 80 % of a four-day log: its normalized entropy on the validation
rows, which choose a setting per model, and on the test rows. All read the same ids; the linear
model is given the pair as a hashed cross, as a nightly count of its clicks, or not at all. Two
paired changes on the test rows stand with the chosen settings: from the linear model without the
pair, and from the one that counts it. This market logs no users, so intervals resample whole
interest codes. About four CPU minutes:

    OMP_NUM_THREADS=1 python tests/studies/ad_click/41_race.py
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
NETWORK = {"embedding_dim": 8, "batch_size": 1024, "epochs": 4}
DEEP = {**NETWORK, "hidden": (64, 32)}
STRENGTHS = tuple({"C": strength} for strength in (0.1, 0.3, 1.0, 3.0))
PENALTIES = tuple({"embedding_l2": penalty} for penalty in (3e-6, 1e-5, 3e-5, 1e-4))
RATES = tuple({"learning_rate": rate} for rate in (1e-3, 3e-3, 1e-2))
STARTS = (*RATES, {"learning_rate": 3e-3, "embedding_scale": 0.1})


def candidates(ids, counted):
    """Yield name, setting and unfitted model."""
    crossed = {**ids, "crosses": (PAIR,)}
    with_count = {**ids, "numeric": (*ids["numeric"], *counted)}
    trees, linear = {**ids, "learning_rate": 0.1}, HashedLogisticRegression
    machine = {**ids, **NETWORK, "epochs": 6}
    leaves = tuple({"num_leaves": number} for number in (7, 15, 31, 63))
    families = {
        "linear": (linear, ids, STRENGTHS),
        "linear, pair crossed": (linear, crossed, STRENGTHS),
        "linear, pair counted": (linear, with_count, STRENGTHS),
        "LightGBM": (LightGBMScorer, trees, leaves),
        "FM": (FactorizationMachine, machine, PENALTIES),
        "DeepFM": (DeepFM, {**ids, **DEEP}, STARTS),
        "DCN-v2": (DCNv2, {**ids, **DEEP}, STARTS),
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
    entropy, rows, best = metrics.normalized_entropy, [], {}
    for name, setting, model in candidates(ids, tuple(counted)):
        model.fit(*train, valid=held)
        row = {"model": name, "setting": setting, "chosen": False}
        for part, (features, label) in {"validation": held, "test": test}.items():
            probability = model.predict_proba(features)[:, 1]
            row[part] = entropy(label, probability)
        rows.append(row)
        if name not in best or row["validation"] < best[name][0]["validation"]:
            best[name] = (row, probability)
    drawn = {"clusters": test[0]["interest"].to_numpy(), "repetitions": 200, "seed": 0}
    for row, own in best.values():
        row["chosen"] = True
        for prefix, rival in {"linear": "linear", "counted": "linear, pair counted"}.items():
            change = metrics.paired_interval(entropy, test[1], own, best[rival][1], **drawn)
            row |= {f"from_{prefix}_{key}": value for key, value in vars(change).items()}
    return rows


if __name__ == "__main__":
    run_study(measure, SEEDS, "ad_click/41_race")

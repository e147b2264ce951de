"""Whether the search that each race of chapter 41 uses finds a product of three planted in its log.

The clicks of a market's own log are replaced: the ids of three of its columns are each split into
two halves at random, written as +1 and -1, and the log-odds of a click become -1 plus 1.5 times the
product of the three. Rows, columns, split, network, batches, early stopping and number of steps are
those of the race, so what is tested is the whole recipe. Each model's settings are those among
which the validation rows choose. `entropy` and `truth` are normalized entropies on the test rows,
of the model and of the planted rates. About two CPU minutes per seed:

    OMP_NUM_THREADS=1 python tests/studies/ad_click/41_search.py
"""

import numpy as np
import pandas as pd

from mlsd import metrics
from mlsd.experiments import run_study
from mlsd.features import CounterFeatures
from mlsd.models import DCNv2, HashedLogisticRegression
from mlsd.worlds import AdClickConfig, AdClickWorld

SEEDS = (201, 202)
DAYS = 4
NETWORK = {"embedding_dim": 8, "batch_size": 1024, "epochs": 4, "hidden": (64, 32)}
STARTS = (0.01, 0.3)
# Market: three columns, strengths of the penalty, learning rates.
MARKETS = {
    "default": (
        ("publisher_id", "category", "hour"),
        (0.001, 0.003, 0.01, 0.03),
        (1e-4, 3e-4, 1e-3),
    ),
    "feature_poor": (("interest", "topic", "hour"), (0.1, 0.3, 1.0, 3.0), (1e-3, 3e-3, 1e-2)),
}


def columns_of(log, market):
    """Return the table of the race, and its columns by role."""
    if market == "feature_poor":
        return log.frame, {"categorical": log.roles.identifiers, "numeric": log.roles.numeric}
    counters = CounterFeatures(log.roles.entities, half_lives=(3 * 86_400.0,), refresh="nightly")
    counted = counters.compute(log)
    categorical = tuple(name for name in log.roles.identifiers if name != "user_id")
    numeric = (*log.roles.numeric, *counted)
    return pd.concat([log.frame, counted], axis=1), {"categorical": categorical, "numeric": numeric}


def planted_rates(table, columns, random):
    """Return each row's planted click rate, shape (n,)."""
    product = np.ones(len(table))
    for name in columns:
        codes, ids = pd.factorize(table[name])
        product *= random.permutation(np.resize([-1.0, 1.0], len(ids)))[codes]
    return 1 / (1 + np.exp(1 - 1.5 * product))


def candidates(columns, strengths, rates):
    """Yield name, setting and unfitted model."""
    for strength in strengths:
        yield "hashed LR", f"C = {strength:g}", HashedLogisticRegression(**columns, C=strength)
    for start in STARTS:
        for rate in rates:
            model = DCNv2(**columns, **NETWORK, embedding_scale=start, learning_rate=rate)
            yield "DCN-v2", f"start {start:g}, rate {rate:g}", model


def measure(seed):
    """Return one row per market, model and setting."""
    rows, entropy = [], metrics.normalized_entropy
    for market, (names, strengths, rates) in MARKETS.items():
        config = AdClickConfig.variant(market) if market != "default" else None
        log = AdClickWorld(seed=seed, config=config).history(days=DAYS).labelled_log()
        table, columns = columns_of(log, market)
        random = np.random.default_rng(seed)
        rate = planted_rates(table, names, random)
        clicks = (random.random(len(rate)) < rate).astype(int)
        split = log.split
        train, held, test = (
            (table.iloc[part], clicks[part]) for part in (split.train, split.validation, split.test)
        )
        for model, setting, scorer in candidates(columns, strengths, rates):
            scorer.fit(*train, valid=held)
            validation, read = (
                entropy(part[1], scorer.predict_proba(part[0])[:, 1]) for part in (held, test)
            )
            row = {"market": market, "model": model, "setting": setting, "validation": validation}
            steps = scorer.history_.steps[-1] if model == "DCN-v2" else None
            truth = entropy(test[1], rate[split.test])
            rows.append(row | {"entropy": read, "truth": truth, "steps": steps})
    return rows


if __name__ == "__main__":
    run_study(measure, SEEDS, "ad_click/41_search")

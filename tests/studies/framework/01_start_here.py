"""What five systems earn in markets that the first chapter does not show.

Each model is fitted with two settings, the one with the lower normalized entropy on the validation
rows is deployed for three days, and its revenue and clicks are compared with the rule's in the same
market with common random numbers. The linear model is deployed once more without the user's id.
"""

import pandas as pd

from mlsd.experiments import run_study
from mlsd.features import CounterFeatures
from mlsd.metrics import normalized_entropy
from mlsd.models import DCNv2, HashedLogisticRegression, LightGBMScorer, SmoothedRate
from mlsd.policies.ad_click import ScorerPolicy
from mlsd.worlds import AdClickWorld

SEEDS = (20, 21, 22, 23, 24)
HISTORY_DAYS, DAYS = 4, 3
SETTINGS = {
    "linear model": (HashedLogisticRegression, ({"C": 0.1}, {"C": 0.3})),
    "boosted trees": (LightGBMScorer, ({"num_leaves": 7}, {"num_leaves": 15})),
    "deep model": (DCNv2, ({"embedding_dim": 8}, {"embedding_dim": 16})),
    "linear model, no user id": (HashedLogisticRegression, ({"C": 0.1}, {"C": 0.3})),
    "linear model + counters": (HashedLogisticRegression, ({"C": 0.1}, {"C": 0.3})),
}
FIXED = {
    LightGBMScorer: {"learning_rate": 0.1, "random_state": 0},
    DCNv2: {"random_state": 0},
    HashedLogisticRegression: {},
}


def best_fit(kind, settings, columns, parts):
    """Return setting, model and test entropy of the setting that validation prefers."""
    fits = []
    for setting in settings:
        model = kind(**columns, **FIXED[kind], **setting)
        train, valid, test = parts
        model.fit(train, train["click"], valid=(valid, valid["click"]))
        entropies = [
            normalized_entropy(part["click"], model.predict_proba(part)[:, 1])
            for part in (valid, test)
        ]
        fits.append((*entropies, setting, model))
    return min(fits, key=lambda fit: fit[0])


def measure(seed):
    """Return one row per system."""
    world = AdClickWorld(seed=seed)
    log = world.history(days=HISTORY_DAYS).labelled_log()
    counters = CounterFeatures.for_log(log)
    table = pd.concat([log.frame, counters.compute(log)], axis=1)
    parts = [table.iloc[rows] for rows in log.parts().values()]
    ids, numbers = tuple(log.roles.categorical) + ("user_id", "ad_id"), log.roles.numeric
    rule = SmoothedRate(levels=(("ad_id",),), strength=100.0).fit(parts[0], parts[0]["click"])
    entropy = normalized_entropy(parts[2]["click"], rule.predict_proba(parts[2])[:, 1])
    rows = [{"system": "rule", "setting": "", "entropy": entropy}]
    for system, (kind, settings) in SETTINGS.items():
        columns = {"categorical": ids, "numeric": numbers}
        if system.endswith("no user id"):
            columns["categorical"] = tuple(name for name in ids if name != "user_id")
        served = system.endswith("counters")
        if served:
            columns["numeric"] = (*numbers, *counters.names)
        _, entropy, setting, model = best_fit(kind, settings, columns, parts)
        policy = ScorerPolicy(model, counters=counters.serving(log) if served else None)
        truth = world.compare(ScorerPolicy(rule), policy, days=DAYS, history_days=HISTORY_DAYS)
        row = {"system": system, "setting": str(setting), "entropy": entropy}
        for name, change in truth.changes("revenue", "clicks").iterrows():
            row |= {f"{name}_{key}": value for key, value in change.items()}
        rows.append(row)
    return rows


if __name__ == "__main__":
    run_study(measure, SEEDS, "framework/01_start_here")

"""How four offline metrics order ten models, beside the revenue that each earned when deployed.

Per world and model: the metrics on the held-out last part of a week's log, and revenue in percent
of the smoothed rate by ad, three days from the end of the log on. Two of the ten are a good model
with a planted mistake, as the chapter describes.

    python tests/studies/ad_click/52_metrics.py
"""

import numpy as np

from mlsd import metrics
from mlsd.experiments import run_study
from mlsd.models import GlobalRate, HashedLogisticRegression, LightGBMScorer, SmoothedRate
from mlsd.policies.ad_click import ScorerPolicy
from mlsd.worlds import AdClickWorld

SEEDS = tuple(range(251, 256))
CONTEXT = ("category", "format", "device", "hour", "position", "age_band", "region")
IDS = (*CONTEXT, "ad_id", "campaign_id", "publisher_id", "user_id")
BY_AD = (("ad_id",),)
BY_USER = (("ad_id",), ("publisher_id", "category"), ("user_id", "category"))


class Bent:
    """A scorer whose logit is a function of a good one's logit and the category."""

    def __init__(self, scorer, bend):
        self.scorer, self.bend = scorer, bend

    def predict_proba(self, columns):
        """Return probabilities, shape (n, 2)."""
        p = self.scorer.predict_proba(columns)
        logit = self.bend(np.log(p[:, 1] / p[:, 0]), np.asarray(columns["category"]))
        return np.column_stack([1 / (1 + np.exp(logit)), 1 / (1 + np.exp(-logit))])


def ten_models(train, clicks) -> dict:
    """Return eight fitted models, and two that are bent."""
    models = {
        "one rate": GlobalRate(),
        "ad, raw": SmoothedRate(levels=BY_AD, strength=1e-3),
        "ad, smoothed": SmoothedRate(levels=BY_AD, strength=100.0),
        "user, barely smoothed": SmoothedRate(levels=BY_USER, strength=2.0),
        "user, smoothed": SmoothedRate(levels=BY_USER, strength=30.0),
        "linear, context": HashedLogisticRegression(categorical=CONTEXT, C=0.1),
        "linear, ids": HashedLogisticRegression(categorical=IDS, C=0.1),
        "trees, context": LightGBMScorer(categorical=CONTEXT, num_leaves=15, n_estimators=60),
    }
    for model in models.values():
        model.fit(train, clicks)
    good, average = models["user, smoothed"], np.log(clicks.mean() / (1 - clicks.mean()))
    models["user, wrong by segment"] = Bent(good, lambda z, c: z + np.log(2) * (c % 3 == 0))
    models["user, too sure"] = Bent(good, lambda z, c: average + 1.6 * (z - average))
    return models


def measure(seed: int) -> list[dict]:
    """Return one row per model."""
    world = AdClickWorld(seed=seed)
    log = world.history(days=7).labelled_log()
    train, held = (log.frame.iloc[rows] for rows in (log.split.train, log.split.test))
    clicks, y = log.label[log.split.train], log.label[log.split.test]
    rows = []
    for name, model in ten_models(train, clicks).items():
        report = world.deploy(ScorerPolicy(model), days=3, history_days=7)
        p = np.clip(model.predict_proba(held)[:, 1], 1e-6, 1 - 1e-6)
        row = {
            "model": name,
            "normalized entropy": metrics.normalized_entropy(y, p),
            "AUC": metrics.auc(y, p),
            "AUC within users": metrics.grouped_auc(y, p, held["user_id"].to_numpy()),
            "calibration error": metrics.expected_calibration_error(y, p),
            "earned": report.measures["revenue"].estimate,
        }
        rows.append(row)
    base = next(row["earned"] for row in rows if row["model"] == "ad, smoothed")
    for row in rows:
        row["revenue, %"] = 100 * (row.pop("earned") / base - 1)
    return rows


if __name__ == "__main__":
    run_study(measure, SEEDS, "ad_click/52_metrics")

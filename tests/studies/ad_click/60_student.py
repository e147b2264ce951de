"""A teacher, its student as served, a student of the clicks, and the fallback, in other worlds.

Repeats what chapter `60_serve` does in one world: a week of history, boosted trees as the teacher,
a perceptron distilled from it and served in eight bits, the same perceptron fitted to the clicks,
and the smoothed rate by ad that answers at a deadline. Normalized entropy is that of the held-out
days; revenue is the change against the served student in two days of twin worlds, in percent.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from mlsd import metrics, serving
from mlsd.experiments import run_study
from mlsd.features import CounterFeatures
from mlsd.models import LightGBMScorer, SmoothedRate, StudentPerceptron
from mlsd.policies.ad_click import ScorerPolicy
from mlsd.worlds import AdClickWorld

SEEDS = (201, 202, 203)
IDS = ("category", "format", "publisher_id", "position", "age_band", "region", "campaign_id")
RECIPE = {"epochs": 2, "batch_size": 1024, "decay": "cosine", "random_state": 0}


def measure(seed: int) -> dict:
    """Return entropies, and changes in revenue against the served student."""
    world = AdClickWorld(seed=seed)
    log = world.history(days=7).labelled_log()
    entities = [entity for entity in log.roles.entities if entity != ("user_id", "ad_id")]
    features = CounterFeatures(entities, half_lives=(3 * 86_400.0,))
    table = log.frame.join(features.compute(log))
    train, test = (table.iloc[rows] for rows in (log.split.train, log.split.test))
    inputs = {"categorical": IDS, "numeric": features.names}
    teacher = LightGBMScorer(**inputs, n_estimators=150, num_leaves=31).fit(train, train["click"])
    student = StudentPerceptron(**inputs, **RECIPE).distil(train, teacher)
    twin = StudentPerceptron(**inputs, **RECIPE).fit(train, train["click"])
    fallback = SmoothedRate(levels=(("ad_id",),), strength=100.0).fit(train, train["click"])
    with tempfile.TemporaryDirectory() as folder:
        exported = serving.export_onnx(student, Path(folder) / "student.onnx")
        served = serving.OnnxScorer(
            student, serving.quantize_int8(exported, Path(folder) / "int8.onnx")
        )
        models = {"teacher": teacher, "student": served, "clicks": twin, "fallback": fallback}
        row = {name: entropy(model, test) for name, model in models.items()}
        counters = features.serving(log)
        control = ScorerPolicy(served, counters=counters)
        rivals = {
            "teacher": ScorerPolicy(teacher, counters=counters),
            "fallback": ScorerPolicy(fallback),
        }
        for name, rival in rivals.items():
            change = world.compare(control, rival, days=2, history_days=7).changes("revenue")
            row |= {f"{name}_revenue_{end}": change.loc["revenue", end] for end in change}
    return row


def entropy(model, test):
    """Return the normalized entropy of a model on held-out rows."""
    return metrics.normalized_entropy(test["click"].to_numpy(), model.predict_proba(test)[:, 1])


if __name__ == "__main__":
    run_study(measure, SEEDS, "ad_click/60_student")

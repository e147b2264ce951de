"""What three outcomes gain and lose by being learned together.

On one world's ranking stage: a network for each of click, watched and like alone, a shared bottom
and a mixture of experts for all three. Each has four settings, chosen on the validation day by the
mean NDCG of what it learns. Columns: `model`, `outcome`, `settings`; `ndcg` on the test day with
its 95 % interval by user; and ``vs_alone``, the paired difference from the network that learned
this outcome alone, with its interval.
"""

import json

from mlsd import metrics, models
from mlsd.cases.video.ranking import ranking_stage
from mlsd.cases.video.ranking_rungs import RATES as SETTINGS
from mlsd.cases.video.ranking_rungs import TASKS, TRAINED, head_of, slate_ndcg
from mlsd.experiments import run_study
from mlsd.models.tasks import OneTask
from mlsd.worlds import VideoWorld

SEEDS = (13,)


def heads(stage, name, tasks, settings):
    """Return the fitted network's head for each task, with the slot fixed."""
    scorer = getattr(models, name)(**stage.columns, **TRAINED, **settings, tasks=tasks)
    ranker = models.PointwiseRanker(scorer=OneTask(scorer=scorer, task=tasks[0]))
    ranker = stage.fit(models.FixedAtServing(ranker=ranker), list(tasks))
    return {task: head_of(ranker, task) for task in tasks}


def best_heads(stage, name, tasks):
    """Return the heads of the setting with the highest mean NDCG on validation, and the setting."""

    def value(fitted):
        found = [slate_ndcg(stage, fitted[task], task, "validation")["ndcg"] for task in tasks]
        return sum(each.mean() for each in found)

    fitted = [(heads(stage, name, tasks, settings), settings) for settings in SETTINGS]
    return max(fitted, key=lambda pair: value(pair[0]))


def measure(seed):
    """Return one row per model and outcome."""
    stage = ranking_stage(VideoWorld(seed=seed))
    alone = {}
    for task in TASKS:
        found, settings = best_heads(stage, "SharedBottom", (task,))
        alone[task] = slate_ndcg(stage, found[task], task, "test")
        yield row("alone", task, settings, alone[task], alone[task])
    for model in ("SharedBottom", "MMoE"):
        found, settings = best_heads(stage, model, TASKS)
        for task in TASKS:
            slates = slate_ndcg(stage, found[task], task, "test")
            yield row(model, task, settings, slates, alone[task])


def row(model, outcome, settings, slates, alone):
    """Return what is written of one head."""
    clusters = {"clusters": slates["user_id"], "seed": 0}
    value = metrics.mean_interval(slates["ndcg"], **clusters)
    gap = metrics.mean_interval(slates["ndcg"] - alone["ndcg"], **clusters)
    return {
        "model": model,
        "outcome": outcome,
        "settings": json.dumps(settings),
        "ndcg": value.estimate,
        "ndcg_low": value.low,
        "ndcg_high": value.high,
        "vs_alone": gap.estimate,
        "vs_alone_low": gap.low,
        "vs_alone_high": gap.high,
    }


if __name__ == "__main__":
    run_study(measure, SEEDS, "video/42_tasks")

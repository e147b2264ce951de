"""The rankers of the ranking stage, each with as many settings as the others."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import pandas as pd

from mlsd import metrics, models
from mlsd.cases.video.ranking import RankingStage
from mlsd.models.base import Ranker
from mlsd.models.tasks import OneTask

SLOTS = 6
TASKS = ("click", "watched", "like")
Settings = Mapping[str, Any]


@dataclass(frozen=True)
class RankerRung:
    """A ranker, what it learns from, and the settings tried.

    Attributes
    ----------
    name : str
    outcome : str or list of str
        Of `RankingStage.table`: what it is fitted to.
    judged_by : str
        Outcome whose NDCG on the validation part chooses the setting.
    build : callable
        From the names of the columns and a setting to an unfitted ranker.
    settings : tuple of mappings
    """

    name: str
    outcome: str | list[str]
    judged_by: str
    build: Callable[[Mapping[str, tuple[str, ...]], Settings], Ranker]
    settings: tuple[Settings, ...]


@dataclass(frozen=True)
class TunedRanker:
    """A rung fitted with each setting, and the one that validation chose.

    Attributes
    ----------
    ranker : Ranker
    settings : mapping
    validation : tuple of float
        NDCG of each setting, in their order.
    """

    ranker: Ranker
    settings: Settings
    validation: tuple[float, ...]


def slate_ndcg(stage: RankingStage, ranker: Ranker, outcome: str, part: str) -> pd.DataFrame:
    """Return the NDCG of each request of a part, gains being an outcome of its rows.

    Returns
    -------
    DataFrame
        One row per request: `user_id`, `ndcg` (NaN where nothing was gained), and `weight`, the
        seconds watched where time is the outcome, so that a long evening counts as one, else 1.
    """
    rows = stage.rows(part)
    by_request = rows.groupby("request_id", sort=True)
    ndcg = metrics.ndcg_of_group(rows[outcome], ranker.score(rows), rows["request_id"], SLOTS)
    timed = outcome == "watch_seconds"
    return pd.DataFrame(
        {
            "user_id": by_request["user_id"].first(),
            "ndcg": ndcg,
            "weight": by_request[outcome].sum() if timed else 1.0,
        }
    )


def offline_interval(
    stage: RankingStage, ranker: Ranker, outcome: str, part: str = "test"
) -> metrics.Interval:
    """Return the mean of `slate_ndcg` with its 95 % interval, users resampled."""
    slates = slate_ndcg(stage, ranker, outcome, part).dropna()
    return metrics.mean_interval(
        slates["ndcg"], sample_weight=slates["weight"], clusters=slates["user_id"], seed=0
    )


def tune(rung: RankerRung, stage: RankingStage) -> TunedRanker:
    """Fit every setting on the training part and keep the best on the validation part."""
    fitted = [stage.fit(rung.build(stage.columns, each), rung.outcome) for each in rung.settings]
    values = []
    for each in fitted:
        slates = slate_ndcg(stage, each, rung.judged_by, "validation").dropna()
        values.append(float(np.average(slates["ndcg"], weights=slates["weight"])))
    best = int(np.argmax(values))
    return TunedRanker(fitted[best], rung.settings[best], tuple(values))


def _linear(columns: Mapping[str, tuple[str, ...]], settings: Settings) -> models.PointwiseRanker:
    return models.PointwiseRanker(scorer=models.HashedLogisticRegression(**columns, **settings))


def _linear_time(columns: Mapping[str, Any], settings: Settings) -> models.WatchTimeRanker:
    return models.WatchTimeRanker(scorer=models.HashedLogisticRegression(**columns, **settings))


def _network(columns: Mapping[str, Any], settings: Settings) -> models.PointwiseRanker:
    return models.PointwiseRanker(scorer=models.DCNv2(**columns, **TRAINED, **settings))


def _tasks(name: str) -> Callable[[Mapping[str, Any], Settings], Ranker]:
    def build(columns: Mapping[str, Any], settings: Settings) -> Ranker:
        scorer = getattr(models, name)(**columns, **TRAINED, **settings, tasks=TASKS)
        return models.PointwiseRanker(scorer=OneTask(scorer=scorer, task="watched"))

    return build


def _at_top(build: Callable[..., Ranker]) -> Callable[..., Ranker]:
    """Learn with the slot and score as if every candidate stood at the top."""
    return lambda columns, settings: models.FixedAtServing(ranker=build(columns, settings))


def _trees(columns: Mapping[str, Any], settings: Settings) -> models.LambdaMART:
    return models.LambdaMART(**columns, **settings)


def _without_slot(build: Callable[..., Ranker]) -> Callable[..., Ranker]:
    def without(columns: Mapping[str, Any], settings: Settings) -> Ranker:
        kept = tuple(name for name in columns["categorical"] if name != "position")
        return build({**columns, "categorical": kept}, settings)

    return without


def _grid(**choices: tuple) -> tuple[Settings, ...]:
    return tuple(dict(zip(choices, values)) for values in product(*choices.values()))


TRAINED = {"epochs": 2.0, "batch_size": 1024, "hidden": (64,)}
PENALTIES = _grid(C=(0.001, 0.01, 0.1, 1.0))
RATES = _grid(learning_rate=(1e-3, 3e-3), dropout=(0.0, 0.2))
GROWN = _grid(learning_rate=(0.05, 0.1), num_leaves=(15, 63))

RANKER_RUNGS = (
    RankerRung("logistic, click", "click", "click", _at_top(_linear), PENALTIES),
    RankerRung("logistic, watched", "watched", "watched", _at_top(_linear), PENALTIES),
    RankerRung(
        "logistic, watch time", "watch_seconds", "watch_seconds", _at_top(_linear_time), PENALTIES
    ),
    RankerRung(
        "logistic, watched, no slot", "watched", "watched", _without_slot(_linear), PENALTIES
    ),
    RankerRung("LambdaMART, watched", "watched", "watched", _at_top(_trees), GROWN),
    RankerRung("DCN-v2, watched", "watched", "watched", _at_top(_network), RATES),
    RankerRung(
        "shared bottom, watched", list(TASKS), "watched", _at_top(_tasks("SharedBottom")), RATES
    ),
    RankerRung("MMoE, watched", list(TASKS), "watched", _at_top(_tasks("MMoE")), RATES),
)


def head_of(ranker: models.FixedAtServing, task: str) -> models.FixedAtServing:
    """Return the same fitted network of several tasks, ranked by another of them."""
    scorer = OneTask(scorer=ranker.ranker.scorer.scorer, task=task)
    return models.FixedAtServing(ranker=models.PointwiseRanker(scorer=scorer))

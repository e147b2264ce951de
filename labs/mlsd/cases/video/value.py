"""The heads of the value model: one logistic regression per outcome, tuned alike."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from mlsd.cases.video.ranking import RankingStage
from mlsd.cases.video.ranking_rungs import RANKER_RUNGS, RankerRung, tune
from mlsd.models.base import Ranker
from mlsd.models.value import Predictions, ValueRanker

_RUNGS = {rung.name: rung for rung in RANKER_RUNGS}
_CLICK = _RUNGS["logistic, click"]


def head_rung(outcome: str) -> RankerRung:
    """Return the rung of a head: as that of clicks, learned and judged by another outcome.

    Examples
    --------
    >>> head_rung("like").judged_by
    'like'
    """
    return RankerRung(f"logistic, {outcome}", outcome, outcome, _CLICK.build, _CLICK.settings)


HEADS = {
    "watch_seconds": _RUNGS["logistic, watch time"],
    "click": _CLICK,
    "watched": _RUNGS["logistic, watched"],
    **{name: head_rung(name) for name in ("completed", "like", "not_interested")},
}


def tuned_heads(stage: RankingStage) -> dict[str, Ranker]:
    """Return a fitted head per outcome, each with the setting that validation chose."""
    return {name: tune(rung, stage).ranker for name, rung in HEADS.items()}


def mean_predictions(stage: RankingStage, heads: dict[str, Ranker]) -> dict[str, float]:
    """Return what each head predicts on average for the rows of the validation part."""
    rows = stage.rows("validation")
    return {name: float(head.score(rows).mean()) for name, head in heads.items()}


def sum_ranker(
    heads: Mapping[str, Ranker], means: Mapping[str, float], weights: Mapping[str, float]
) -> ValueRanker:
    """Return the ranker by a weighted sum of predictions, each divided by its mean.

    Parameters
    ----------
    heads : mapping of str to Ranker
        Fitted; those without a weight are not asked.
    means, weights : mapping of str to float
        By head.
    """

    def value(predicted: Predictions) -> np.ndarray:
        return sum(weight * predicted[name] / means[name] for name, weight in weights.items())

    return ValueRanker(heads={name: heads[name] for name in weights}, value=value)

"""The rungs of the video ladder: recommenders that learn from who chose what.

Every rung with something to tune chooses among the same number of settings (`SETTINGS_PER_RUNG`) by
NDCG on the validation part, so that no rung is favoured by effort.
"""

from __future__ import annotations

from mlsd import models
from mlsd.data.log import ColumnRoles
from mlsd.experiments.rungs import Rung, RungInputs, Settings
from mlsd.models.base import Recommender
from mlsd.runtime.times import DAY

SETTINGS_PER_RUNG = 4
HALF_LIVES = (1, 4, 16, 64)  # days


def _popularity(inputs: RungInputs, settings: Settings) -> Recommender:
    return models.PopularityRecommender(**settings)


def _nothing_to_tune(roles: ColumnRoles) -> tuple[Settings, ...]:
    return ({},)


def _half_lives(roles: ColumnRoles) -> tuple[Settings, ...]:
    """Return half-lives in seconds; none where the log has no time."""
    if roles.time is None:
        return ()
    return tuple({"half_life": float(days * DAY)} for days in HALF_LIVES)


VIDEO_RUNGS = (
    Rung("popularity", "PopularityRecommender", "none", _popularity, _nothing_to_tune),
    Rung(
        "decayed_popularity",
        "PopularityRecommender",
        "none",
        _popularity,
        _half_lives,
        needs="a time, by which the past fades",
    ),
    Rung("oracle", "truth", "truth", None, _nothing_to_tune),
)

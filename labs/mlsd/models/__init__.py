"""The rungs, behind the contracts of `mlsd.models.base`.

Classes are loaded when they are first asked for, so that the import stays cheap.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mlsd.models.baselines import GlobalRate, SmoothedRate
    from mlsd.models.dcn import DCNv2
    from mlsd.models.ftrl import FTRLProximal, progressive_predictions
    from mlsd.models.linear import HashedLogisticRegression
    from mlsd.models.popularity import PopularityRecommender
    from mlsd.models.trees import LightGBMScorer

_HOMES = {
    "GlobalRate": "baselines",
    "SmoothedRate": "baselines",
    "HashedLogisticRegression": "linear",
    "FTRLProximal": "ftrl",
    "progressive_predictions": "ftrl",
    "LightGBMScorer": "trees",
    "DCNv2": "dcn",
    "PopularityRecommender": "popularity",
}

SCORERS = (
    "GlobalRate",
    "SmoothedRate",
    "HashedLogisticRegression",
    "FTRLProximal",
    "LightGBMScorer",
    "DCNv2",
)
RECOMMENDERS = ("PopularityRecommender",)

__all__ = [
    "RECOMMENDERS",
    "SCORERS",
    "DCNv2",
    "FTRLProximal",
    "GlobalRate",
    "HashedLogisticRegression",
    "LightGBMScorer",
    "PopularityRecommender",
    "SmoothedRate",
    "progressive_predictions",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)

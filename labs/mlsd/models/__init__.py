"""The rungs, behind the contracts of `mlsd.models.base`.

Classes are loaded when they are first asked for, so that the import stays cheap.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mlsd.models.baselines import GlobalRate, SmoothedRate
    from mlsd.models.dcn import DCNv2
    from mlsd.models.deepfm import DeepFM
    from mlsd.models.din import DIN
    from mlsd.models.dlrm import DLRM
    from mlsd.models.esmm import ESMM
    from mlsd.models.fm import FactorizationMachine
    from mlsd.models.ftrl import FTRLProximal, progressive_predictions
    from mlsd.models.kalman import KalmanRate
    from mlsd.models.linear import HashedLogisticRegression
    from mlsd.models.popularity import PopularityRecommender
    from mlsd.models.stacking import StackedEnsemble
    from mlsd.models.student import StudentPerceptron
    from mlsd.models.tree_leaves import TreeLeavesLogisticRegression
    from mlsd.models.trees import LightGBMScorer

_HOMES = {
    "GlobalRate": "baselines",
    "SmoothedRate": "baselines",
    "HashedLogisticRegression": "linear",
    "FTRLProximal": "ftrl",
    "progressive_predictions": "ftrl",
    "KalmanRate": "kalman",
    "LightGBMScorer": "trees",
    "TreeLeavesLogisticRegression": "tree_leaves",
    "FactorizationMachine": "fm",
    "DCNv2": "dcn",
    "DeepFM": "deepfm",
    "DLRM": "dlrm",
    "DIN": "din",
    "ESMM": "esmm",
    "StackedEnsemble": "stacking",
    "StudentPerceptron": "student",
    "PopularityRecommender": "popularity",
}

SCORERS = (
    "GlobalRate",
    "SmoothedRate",
    "HashedLogisticRegression",
    "FTRLProximal",
    "KalmanRate",
    "LightGBMScorer",
    "TreeLeavesLogisticRegression",
    "FactorizationMachine",
    "DCNv2",
    "DeepFM",
    "DLRM",
    "DIN",
    "StackedEnsemble",
    "StudentPerceptron",
)
MULTI_TASK_SCORERS = ("ESMM",)
RECOMMENDERS = ("PopularityRecommender",)

__all__ = [
    "MULTI_TASK_SCORERS",
    "RECOMMENDERS",
    "SCORERS",
    "DIN",
    "DLRM",
    "ESMM",
    "DCNv2",
    "DeepFM",
    "FTRLProximal",
    "FactorizationMachine",
    "GlobalRate",
    "HashedLogisticRegression",
    "KalmanRate",
    "LightGBMScorer",
    "PopularityRecommender",
    "SmoothedRate",
    "StackedEnsemble",
    "StudentPerceptron",
    "TreeLeavesLogisticRegression",
    "progressive_predictions",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)

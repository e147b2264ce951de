"""Fitted scorers as a service runs them: numpy and ONNX Runtime, without the models' libraries."""

from mlsd.serving.compiled.encoding import HashedIds, IdCodes, NumberScale, RequestColumns
from mlsd.serving.compiled.scorers import (
    ConstantScore,
    KeyOffsets,
    LinearScore,
    NetworkScore,
    PastItems,
    RateLevel,
    RateLevels,
    ServedScorer,
    SummedOffsets,
    WeightedScores,
)
from mlsd.serving.compiled.tree_masks import FieldMasks, NumberMasks, TreeMasks

SAVED_FORMS = (
    ConstantScore,
    FieldMasks,
    HashedIds,
    IdCodes,
    KeyOffsets,
    LinearScore,
    NetworkScore,
    NumberMasks,
    NumberScale,
    PastItems,
    RateLevel,
    RateLevels,
    SummedOffsets,
    TreeMasks,
    WeightedScores,
)
"""All classes that the files of a served model may name."""

__all__ = ["SAVED_FORMS", "RequestColumns", "ServedScorer"]

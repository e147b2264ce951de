"""The one training of the deep models: examples, losses and the loop."""

from mlsd.models.training.examples import Examples
from mlsd.models.training.loop import TrainingHistory, seeded, train, training_device
from mlsd.models.training.losses import (
    LOG_LOSS,
    Loss,
    Pointwise,
    evaluate,
    logistic_loss,
    predict_scores,
)

__all__ = [
    "LOG_LOSS",
    "Examples",
    "Loss",
    "Pointwise",
    "TrainingHistory",
    "evaluate",
    "logistic_loss",
    "predict_scores",
    "seeded",
    "train",
    "training_device",
]

"""The one training of the deep models: examples, losses and the loop."""

from mlsd.models.training.examples import Examples
from mlsd.models.training.loop import TrainingHistory, seeded, train
from mlsd.models.training.losses import Loss, evaluate, logistic_loss, predict_scores

__all__ = [
    "Examples",
    "Loss",
    "TrainingHistory",
    "evaluate",
    "logistic_loss",
    "predict_scores",
    "seeded",
    "train",
]

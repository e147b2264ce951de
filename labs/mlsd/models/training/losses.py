"""What training makes small, and how it is measured on rows that teach nothing."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from mlsd.models.training.examples import Examples

Loss = Callable[[Tensor, Tensor, Tensor | None], Tensor]


def logistic_loss(scores: Tensor, labels: Tensor, weights: Tensor | None) -> Tensor:
    """Return the mean log loss of scores before the sigmoid, weighted where weights are given.

    Examples
    --------
    >>> logistic_loss(torch.zeros(2), torch.tensor([0.0, 1.0]), None).round(decimals=4)
    tensor(0.6931)
    """
    return functional.binary_cross_entropy_with_logits(scores, labels, weight=weights)


@torch.inference_mode()
def predict_scores(
    model: nn.Module, inputs: tuple[Tensor, ...], *, batch_size: int = 8192
) -> Tensor:
    """Return the model's scores, shape (n,), with dropout off; the mode is left as it was."""
    was_training = model.training
    model.eval()
    parts = zip(*(each.split(batch_size) for each in inputs))
    scores = torch.cat([model(*part) for part in parts])
    model.train(was_training)
    return scores


def evaluate(model: nn.Module, examples: Examples, *, loss: Loss = logistic_loss) -> float:
    """Return the mean loss of `examples`.

    Examples
    --------
    >>> model = nn.Sequential(nn.Linear(2, 1), nn.Flatten(0))
    >>> _ = nn.init.zeros_(model[0].weight), nn.init.zeros_(model[0].bias)
    >>> round(evaluate(model, Examples((torch.ones(3, 2),), torch.ones(3))), 4)
    0.6931
    """
    scores = predict_scores(model, examples.inputs)
    return float(loss(scores, examples.labels, examples.weights))

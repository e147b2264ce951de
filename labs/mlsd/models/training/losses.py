"""What training minimises, and how it is measured on validation rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from mlsd.models.training.examples import Examples

Loss = Callable[[nn.Module, Examples], Tensor]
"""From the model and a batch to a scalar: the mean over the batch's rows.

It calls the model itself, as often and on what it likes: a softmax over the batch scores every user
against every item of the batch, a pairwise loss draws negatives, a sequence model predicts each
position.
"""


@dataclass(frozen=True)
class Pointwise:
    """A loss whose rows do not look at each other, from a function of scores and outcomes.

    Parameters
    ----------
    of_scores : callable
        From scores, labels and weights (or None), each of n rows, to their mean loss.

    Examples
    --------
    >>> model = nn.Flatten(0)
    >>> rows = Examples((torch.zeros(2, 1),), torch.tensor([0.0, 1.0]))
    >>> Pointwise(logistic_loss)(model, rows).round(decimals=4)
    tensor(0.6931)
    """

    of_scores: Callable[[Tensor, Tensor, Tensor | None], Tensor]

    def __call__(self, model: nn.Module, examples: Examples) -> Tensor:
        """Return the mean loss of the rows, a scalar."""
        return self.of_scores(model(*examples.inputs), examples.labels, examples.weights)


def logistic_loss(scores: Tensor, labels: Tensor, weights: Tensor | None) -> Tensor:
    """Return the mean log loss of scores before the sigmoid, weighted where weights are given.

    Examples
    --------
    >>> logistic_loss(torch.zeros(2), torch.tensor([0.0, 1.0]), None).round(decimals=4)
    tensor(0.6931)
    """
    return functional.binary_cross_entropy_with_logits(scores, labels, weight=weights)


LOG_LOSS = Pointwise(logistic_loss)


@contextmanager
def evaluation(model: nn.Module) -> Iterator[None]:
    """Switch dropout and gradients off inside the block; the mode is left as it was."""
    was_training = model.training
    model.eval()
    try:
        with torch.inference_mode():
            yield
    finally:
        model.train(was_training)


def predict_scores(
    model: nn.Module, inputs: tuple[Tensor, ...], *, batch_size: int = 8192
) -> Tensor:
    """Return the model's scores, shape (n,), with dropout off; the mode is left as it was."""
    with evaluation(model):
        parts = zip(*(each.split(batch_size) for each in inputs))
        return torch.cat([model(*part) for part in parts])


def evaluate(
    model: nn.Module, examples: Examples, *, loss: Loss = LOG_LOSS, batch_size: int = 1024
) -> float:
    """Return the mean loss of `examples` over their rows, with dropout off.

    A pointwise loss is taken of all rows at once. The value of any other depends on which rows
    stand together, so it is taken batch by batch, and each batch counts by its rows.

    Parameters
    ----------
    model : nn.Module
    examples : Examples
        At least one row.
    loss : callable
        From model and examples to the mean over their rows.
    batch_size : int
        Rows that stand together, where that matters: as many as in training, to be comparable.

    Examples
    --------
    >>> model = nn.Sequential(nn.Linear(2, 1), nn.Flatten(0))
    >>> _ = nn.init.zeros_(model[0].weight), nn.init.zeros_(model[0].bias)
    >>> round(evaluate(model, Examples((torch.ones(3, 2),), torch.ones(3))), 4)
    0.6931
    """
    if isinstance(loss, Pointwise):
        scores = predict_scores(model, examples.inputs)
        return float(loss.of_scores(scores, examples.labels, examples.weights))
    with evaluation(model):
        total = sum(len(batch) * float(loss(model, batch)) for batch in examples.split(batch_size))
    return total / len(examples)

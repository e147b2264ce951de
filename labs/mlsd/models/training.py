"""The one training loop of the deep models: batches, early stopping, sparse embedding updates."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from tqdm.auto import tqdm

from mlsd.models.optimizers import Optimizers
from mlsd.models.options import TrainingOptions

Loss = Callable[[Tensor, Tensor, Tensor | None], Tensor]


@dataclass(frozen=True)
class Examples:
    """Rows for training: input tensors (first dimension n), outcomes and optional weights."""

    inputs: tuple[Tensor, ...]
    labels: Tensor
    weights: Tensor | None = None

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, rows: Tensor) -> Examples:
        """Return a choice of rows, by position."""
        weights = None if self.weights is None else self.weights.index_select(0, rows)
        inputs = tuple(each.index_select(0, rows) for each in self.inputs)
        return Examples(inputs, self.labels.index_select(0, rows), weights)

    def to(self, device: torch.device) -> Examples:
        """Return the rows on a device."""
        weights = None if self.weights is None else self.weights.to(device)
        return Examples(tuple(x.to(device) for x in self.inputs), self.labels.to(device), weights)


@dataclass
class TrainingHistory:
    """Validation losses by step, and the step whose weights were kept.

    Attributes
    ----------
    steps : list of int
        Steps taken before each validation.
    validation_loss : list of float
    cpu_seconds : list of float
        CPU time of the process from the start of training to the end of each validation.
    total_cpu_seconds : float
        To the end of training.
    """

    steps: list[int] = field(default_factory=list)
    validation_loss: list[float] = field(default_factory=list)
    cpu_seconds: list[float] = field(default_factory=list)
    total_cpu_seconds: float = 0.0

    @property
    def best_loss(self) -> float:
        """The lowest validation loss so far, infinity before the first one."""
        return min(self.validation_loss, default=math.inf)

    @property
    def best_step(self) -> int | None:
        """The step of the lowest validation loss, None without validation."""
        if not self.steps:
            return None
        return self.steps[int(np.argmin(self.validation_loss))]


def logistic_loss(scores: Tensor, labels: Tensor, weights: Tensor | None) -> Tensor:
    """Return the mean log loss of scores before the sigmoid, weighted where weights are given.

    Examples
    --------
    >>> logistic_loss(torch.zeros(2), torch.tensor([0.0, 1.0]), None).round(decimals=4)
    tensor(0.6931)
    """
    return functional.binary_cross_entropy_with_logits(scores, labels, weight=weights)


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Draw torch's random numbers from `seed` inside the block; leave the global state as it was.

    Examples
    --------
    >>> with seeded(1):
    ...     a = torch.rand(1)
    >>> with seeded(1):
    ...     b = torch.rand(1)
    >>> bool(a == b)
    True
    """
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        yield


def train(
    model: nn.Module,
    examples: Examples,
    options: TrainingOptions,
    *,
    validation: Examples | None = None,
    seed: int = 0,
    loss: Loss = logistic_loss,
) -> TrainingHistory:
    """Train `model` in place on shuffled batches.

    With `validation` rows, their loss is taken `validations_per_epoch` times an epoch; training
    stops after `patience` ones without a better one, and the best weights are restored.

    Parameters
    ----------
    model : nn.Module
        Called as ``model(*inputs)``, gives scores of shape (rows,).
    examples, validation : Examples
        Validation rows are later in time than the training rows, and nothing is fitted to them.
    seed : int
        Of shuffling and dropout.
    loss : callable
        From scores, labels and weights to a scalar.

    Returns
    -------
    TrainingHistory
    """
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    model.to(device)
    examples = examples.to(device)
    keeper = _BestKeeper(model, validation.to(device) if validation else None, loss)
    with seeded(seed):
        _run(model, examples, options, keeper, loss)
    keeper.restore()
    model.to("cpu").eval()
    keeper.history.total_cpu_seconds = time.process_time() - keeper.started
    return keeper.history


def _run(
    model: nn.Module, examples: Examples, options: TrainingOptions, keeper: _BestKeeper, loss: Loss
) -> None:
    per_epoch = math.ceil(len(examples) / options.batch_size)
    total = max(1, round(options.epochs * per_epoch))
    due = _validation_steps(per_epoch, options.validations_per_epoch, total)
    optimizers = Optimizers(model, options)
    model.train()
    bar = tqdm(total=total, disable=not options.progress, desc="training", unit="step")
    with bar:
        for step, batch in enumerate(_batches(examples, options.batch_size, total), start=1):
            if options.decay == "cosine":
                optimizers.scale(0.5 + 0.5 * math.cos(math.pi * (step - 1) / total))
            optimizers.step(loss(model(*batch.inputs), batch.labels, batch.weights))
            bar.update()
            if step in due and keeper.stale(step) >= options.patience:
                break


def _validation_steps(per_epoch: int, validations: int, total: int) -> set[int]:
    every = per_epoch / validations
    return {max(1, round(every * i)) for i in range(1, int(total / every) + 1)} | {total}


def _batches(examples: Examples, batch_size: int, total: int) -> Iterator[Examples]:
    served = 0
    while served < total:
        order = torch.randperm(len(examples)).to(examples.labels.device)
        for rows in order.split(batch_size)[: total - served]:
            yield examples.take(rows)
            served += 1


class _BestKeeper:
    """Keeps the weights of the lowest validation loss."""

    def __init__(self, model: nn.Module, validation: Examples | None, loss: Loss) -> None:
        self.model, self.validation, self.loss = model, validation, loss
        self.history = TrainingHistory()
        self.best: dict[str, Tensor] | None = None
        self.started = time.process_time()

    def stale(self, step: int) -> int:
        """Take the validation loss; return how many have passed since the best one."""
        if self.validation is None:
            return 0
        value = evaluate(self.model, self.validation, loss=self.loss)
        if value < self.history.best_loss:
            self.best = copy.deepcopy(self.model.state_dict())
        self.history.steps.append(step)
        self.history.validation_loss.append(value)
        self.history.cpu_seconds.append(time.process_time() - self.started)
        return len(self.history.steps) - 1 - int(np.argmin(self.history.validation_loss))

    def restore(self) -> None:
        """Put the best weights back, where there was a validation."""
        if self.best is not None:
            self.model.load_state_dict(self.best)


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

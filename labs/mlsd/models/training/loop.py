"""The loop: shuffled batches, early stopping, sparse embedding updates."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor, nn
from tqdm import tqdm

from mlsd.models.optimizers import Optimizers
from mlsd.models.options import TrainingOptions
from mlsd.models.training.examples import Examples
from mlsd.models.training.losses import LOG_LOSS, Loss, evaluate
from mlsd.notebook import in_notebook, track


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


def training_device() -> torch.device:
    """Return where models are trained: on a GPU where there is one.

    Examples
    --------
    >>> training_device().type in ("cpu", "cuda")
    True
    """
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def train(
    model: nn.Module,
    examples: Examples,
    options: TrainingOptions,
    *,
    validation: Examples | None = None,
    seed: int = 0,
    loss: Loss = LOG_LOSS,
) -> TrainingHistory:
    """Train `model` in place on shuffled batches.

    With `validation` rows, their loss is taken `validations_per_epoch` times an epoch; training
    stops after `patience` ones without a better one, and the best weights are restored.

    Parameters
    ----------
    model : nn.Module
        Called by `loss`, and by nothing else.
    examples, validation : Examples
        Validation rows are later in time than the training rows, and nothing is fitted to them.
    seed : int
        Of shuffling, dropout, and whatever the loss draws. Each validation draws the same numbers
        afresh, so that two validations differ by the weights alone, and training as if there were
        none.
    loss : callable
        From model and batch to a scalar, the mean over the batch's rows; see `evaluate` for what
        it is on validation rows.

    Returns
    -------
    TrainingHistory
    """
    device = training_device()
    model.to(device)
    examples = examples.to(device)
    held = validation.to(device) if validation else None

    def validation_loss() -> float:
        with seeded(seed):
            return evaluate(model, held, loss=loss, batch_size=options.batch_size)

    keeper = _BestKeeper(model, validation_loss if held else None)
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
    batches = _batches(examples, options.batch_size, total)
    if options.progress:
        batches = _shown(batches, total)
    for step, batch in enumerate(batches, start=1):
        if options.decay == "cosine":
            optimizers.scale(0.5 + 0.5 * math.cos(math.pi * (step - 1) / total))
        optimizers.step(loss(model, batch))
        if step in due and keeper.stale(step) >= options.patience:
            break


def _shown(batches: Iterator[Examples], total: int) -> Iterable[Examples]:
    """Return the batches with a bar on stderr, and in a notebook with a line that goes away."""
    if in_notebook():
        return track(batches, "training step", total=total)
    return tqdm(batches, total=total, desc="training", unit="step")


def _validation_steps(per_epoch: int, validations: int, total: int) -> set[int]:
    every = per_epoch / validations
    return {max(1, round(every * i)) for i in range(1, int(total / every) + 1)} | {total}


def _batches(examples: Examples, batch_size: int, total: int) -> Iterator[Examples]:
    served = 0
    while served < total:
        order = torch.randperm(len(examples)).to(examples.device)
        for rows in order.split(batch_size)[: total - served]:
            yield examples.take(rows)
            served += 1


class _BestKeeper:
    """Keeps the weights of the lowest validation loss."""

    def __init__(self, model: nn.Module, validation_loss: Callable[[], float] | None) -> None:
        self.model, self.validation_loss = model, validation_loss
        self.history = TrainingHistory()
        self.best: dict[str, Tensor] | None = None
        self.started = time.process_time()

    def stale(self, step: int) -> int:
        """Take the validation loss; return how many have passed since the best one."""
        if self.validation_loss is None:
            return 0
        value = self.validation_loss()
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

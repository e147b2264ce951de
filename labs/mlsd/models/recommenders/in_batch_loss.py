"""The loss of the two towers: looks up a batch, sends it through them, compares."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from mlsd.models.layers import distinct
from mlsd.models.recommenders.sampled_softmax import in_batch_softmax, mixture_log_probability
from mlsd.models.recommenders.sequences import ABSENT, items_before
from mlsd.models.recommenders.towers import TwoTowerNetwork
from mlsd.models.training import Examples

LOSS_ARGUMENTS = ("history_length", "temperature", "correction", "uniform_negatives")


@dataclass(frozen=True, kw_only=True)
class InBatchLoss:
    """Sampled softmax of each interaction against the batch's items and some drawn uniformly.

    Attributes
    ----------
    users, items : tuple of Tensor
        Codes and numbers of all users and of all items.
    sequence : Tensor of int, shape (n,)
        Items of all users one after another; histories are looked up in it.
    shares : Tensor, shape (items,)
        Of each item among the rows of the training, 0 for those that are not among them.
    history_length, temperature, correction, uniform_negatives
        See `TwoTowerRecommender`.
    """

    users: tuple[Tensor, ...]
    items: tuple[Tensor, ...]
    sequence: Tensor
    shares: Tensor
    history_length: int
    temperature: float = 1.0
    correction: str = "logq"
    uniform_negatives: int = 0

    def __call__(self, network: TwoTowerNetwork, batch: Examples) -> Tensor:
        """Return the mean over rows of user, item, place in the sequence and its start."""
        users, items, places, starts = batch.inputs
        past = items_before(self.sequence, places, starts, self.history_length)
        candidates = torch.cat([items, self._drawn()])
        codes, inverse = distinct(torch.cat([candidates, past[past != ABSENT]]))
        vectors = network.items([each[codes] for each in self.items])
        own, before = inverse.split([len(candidates), len(inverse) - len(candidates)])
        past = past.masked_scatter(past != ABSENT, before)
        tower = network.users([each[users] for each in self.users], vectors, past)
        losses = in_batch_softmax(
            tower @ vectors[own].T / self.temperature,
            self.log_probability(len(items))[candidates],
            correction=self.correction,
        )
        return losses.mean() if batch.weights is None else (batch.weights * losses).mean()

    def to(self, device: torch.device) -> InBatchLoss:
        """Return the loss with what it looks up on a device."""
        move = {"sequence": self.sequence.to(device), "shares": self.shares.to(device)}
        for side in ("users", "items"):
            move[side] = tuple(each.to(device) for each in getattr(self, side))
        return replace(self, **move)

    def log_probability(self, rows: int) -> Tensor:
        """Return log Q of each item in a batch of so many rows, shape (items,).

        An item that no training row has counts as the rarest one that has.
        """
        trained = self.shares > 0
        drawn = mixture_log_probability(self.shares[trained], rows, self.uniform_negatives)
        return torch.full_like(self.shares, float(drawn.min())).masked_scatter(trained, drawn)

    def _drawn(self) -> Tensor:
        trained = torch.nonzero(self.shares)[:, 0]
        rows = torch.randint(len(trained), (self.uniform_negatives,), device=trained.device)
        return trained[rows]

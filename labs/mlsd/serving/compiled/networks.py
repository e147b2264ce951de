"""Forward passes that only a service needs: one task of several, histories with their pads."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from mlsd.models.din import ABSENT, DINNetwork


class FirstTask(nn.Module):
    """The scores of the first task alone."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, codes: Tensor, numbers: Tensor) -> Tensor:
        """Return shape (rows,)."""
        return self.network(codes, numbers)[:, 0]


class PaddedInterest(nn.Module):
    """DIN's forward pass over all places of a history, where training takes only those in use.

    A graph for any number of rows wants shapes that do not depend on what the rows hold. Weights of
    places without an item are zero.
    """

    def __init__(self, network: DINNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, codes: Tensor, numbers: Tensor, past: Tensor) -> Tensor:
        """Return scores of shape (rows,), before the sigmoid."""
        network = self.network
        candidate = network.items(codes[:, network.attended]).flatten(1)
        parts = [numbers]
        if network.others:
            parts.append(network.embedding(codes[:, network.others]).flatten(1))
        parts += [candidate, self._interest(candidate, past)]
        return network.output(network.deep(torch.cat(parts, dim=1))).squeeze(1)

    def _interest(self, candidate: Tensor, past: Tensor) -> Tensor:
        pool, present = self.network.interest, past[:, :, 0] != ABSENT
        items = self.network.items(past.clamp(min=0).flatten(0, 1)).flatten(1)
        beside = candidate[:, None].expand(-1, past.shape[1], -1).flatten(0, 1)
        weight = pool.activation(beside, items).view(present.shape)
        if pool.normalise:
            lowest = torch.finfo(weight.dtype).min
            weight = weight.masked_fill(~present, lowest).softmax(dim=1)
        weight = weight * present
        return (weight[..., None] * items.view(*present.shape, -1)).sum(dim=1)

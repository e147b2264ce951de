"""Rows as a network reads them."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


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

"""Rows as a network reads them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Examples:
    """Rows for training: input tensors (first dimension n), outcomes and weights where given.

    A loss that makes its own contrast, such as the other rows of the batch, needs no outcomes.

    Examples
    --------
    >>> rows = Examples((torch.arange(5),), torch.ones(5))
    >>> len(rows), [len(part) for part in rows.split(2)]
    (5, [2, 2, 1])
    """

    inputs: tuple[Tensor, ...]
    labels: Tensor | None = None
    weights: Tensor | None = None

    def __len__(self) -> int:
        return len(self.inputs[0])

    @property
    def device(self) -> torch.device:
        """Where the rows are."""
        return self.inputs[0].device

    def take(self, rows: Tensor) -> Examples:
        """Return a choice of rows, by position."""
        return self._each(lambda tensor: tensor.index_select(0, rows))

    def to(self, device: torch.device) -> Examples:
        """Return the rows on a device."""
        return self._each(lambda tensor: tensor.to(device))

    def split(self, batch_size: int) -> Iterator[Examples]:
        """Yield the rows in their order, `batch_size` at a time; the last part may be shorter."""
        for start in range(0, len(self), batch_size):
            yield self._each(lambda tensor, at=start: tensor[at : at + batch_size])

    def _each(self, change: Callable[[Tensor], Tensor]) -> Examples:
        labels = None if self.labels is None else change(self.labels)
        weights = None if self.weights is None else change(self.weights)
        return Examples(tuple(change(each) for each in self.inputs), labels, weights)

"""Pages of items that a policy answers with, whatever the items are."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

# Fills a slot for which there is nothing.
NO_ITEM = -1


@dataclass(frozen=True)
class Slates:
    """Items for some requests, best position first.

    Attributes
    ----------
    items : ndarray of int, shape (n, slots)
        No item twice in a row.
    propensity : ndarray, shape (n, slots), or None
        Probability that the policy put this item here, given the slots above; None where nothing
        was left to chance.
    source : ndarray of int8, shape (n, slots), or None
        Which part of the policy found each item; the meaning is the policy's own.
    candidates : ndarray of int, shape (n, k), or None
        What was considered, for the log.
    candidate_source : ndarray of int8, shape (n, k), or None

    Examples
    --------
    >>> one, two = Slates(np.array([[1, 2], [3, 4]])), Slates(np.array([[5, 6], [7, 8]]))
    >>> one.where(np.array([True, False]), two).items.tolist()
    [[1, 2], [7, 8]]
    """

    items: np.ndarray
    propensity: np.ndarray | None = None
    source: np.ndarray | None = None
    candidates: np.ndarray | None = None
    candidate_source: np.ndarray | None = None

    def where(self, mask: np.ndarray, other: Slates) -> Slates:
        """Return these slates where `mask`, shape (n,), is true, and `other` elsewhere."""
        first, second = self.filled(), other.filled()
        return Slates(
            np.where(mask[:, None], first.items, second.items),
            np.where(mask[:, None], first.propensity, second.propensity),
            np.where(mask[:, None], first.source, second.source),
        )

    def filled(self) -> Slates:
        """Return these slates with propensities of 1 and sources of 0 where there are none."""
        shape = self.items.shape
        return replace(
            self,
            propensity=np.ones(shape, np.float32) if self.propensity is None else self.propensity,
            source=np.zeros(shape, np.int8) if self.source is None else self.source,
        )

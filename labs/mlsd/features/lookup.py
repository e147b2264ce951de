"""What a policy or a service asks for the features of a request."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from mlsd.features.entities import Columns


class FeatureLookup(Protocol):
    """The streaming twin of a feature set; `ServingCounters` and `ServingHistories` are two."""

    def update(self, events: Columns) -> None:
        """Take in labelled rows, in the order in which their labels became known."""
        ...

    def lookup(
        self, columns: Columns, now: np.ndarray | float | None = None
    ) -> dict[str, np.ndarray]:
        """Return feature columns, n rows each, as known at `now` (seconds, one or one per row)."""
        ...

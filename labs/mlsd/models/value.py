"""One score from several predictions: what a value model ranks by."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Self

import numpy as np

from mlsd.models.base import Columns, Ranker
from mlsd.models.rankers import require_groups
from mlsd.models.scorer import row_count
from mlsd.runtime import InputError

Predictions = Mapping[str, np.ndarray]


class ValueRanker:
    """Ranks by a function of what several heads predict.

    Parameters
    ----------
    heads : mapping of str to Ranker
        Fitted or not; fitting this fits each on its own outcome.
    value : callable
        From the predictions of the heads by name, shape (n,) each, to one value per row.

    References
    ----------
    Z. Zhao et al., Recommending What Video to Watch Next: A Multitask Ranking System, RecSys
    2019, section 4: engagement and satisfaction objectives, combined into one score.

    Examples
    --------
    >>> from mlsd.models import PointwiseRanker, SmoothedRate
    >>> X = {"item_id": np.array([1, 2] * 50)}
    >>> outcomes = np.tile([[1, 0], [0, 1]], (50, 1))
    >>> by_item = lambda: PointwiseRanker(scorer=SmoothedRate(levels=(("item_id",),)))
    >>> ranker = ValueRanker(
    ...     heads={"click": by_item(), "like": by_item()},
    ...     value=lambda predicted: predicted["click"] + 3 * predicted["like"],
    ... )
    >>> scores = ranker.fit(X, outcomes, np.repeat(np.arange(50), 2)).score(X)
    >>> bool(scores[1] > scores[0])
    True
    """

    def __init__(
        self,
        *,
        heads: Mapping[str, Ranker] | None = None,
        value: Callable[[Predictions], np.ndarray] | None = None,
    ) -> None:
        self.heads = heads
        self.value = value

    def fit(self, X: Columns, y: np.ndarray, groups: np.ndarray) -> Self:
        """Fit each head on its column of the outcomes `y`, shape (n, heads), in their order.

        Raises
        ------
        InputError
            If there is not one column of outcomes per head, or not one group per row.
        """
        rows, outcomes = row_count(X), np.asarray(y)
        require_groups(groups, rows)
        if outcomes.shape != (rows, len(self.heads)):
            raise InputError(
                f"y has shape {outcomes.shape}; give one column for each of {list(self.heads)}"
            )
        for head, outcome in zip(self.heads.values(), outcomes.T):
            head.fit(X, outcome, groups)
        return self

    def predictions(self, X: Columns) -> dict[str, np.ndarray]:
        """Return what each head says of the rows, shape (n,) each."""
        return {name: head.score(X) for name, head in self.heads.items()}

    def score(self, X: Columns) -> np.ndarray:
        """Return the value of each row, shape (n,).

        Raises
        ------
        InputError
            If `value` returns anything but one finite number per row.
        """
        value = np.asarray(self.value(self.predictions(X)), dtype=np.float64)
        if value.shape != (row_count(X),) or not np.isfinite(value).all():
            raise InputError(
                f"value returned shape {value.shape} for {row_count(X)} rows; give one finite "
                "number per row"
            )
        return value

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the constructor's arguments by name."""
        return {"heads": self.heads, "value": self.value}

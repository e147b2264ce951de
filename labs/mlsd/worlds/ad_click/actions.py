"""What a policy answers in an ad market."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Actions:
    """Predictions and scores of the candidates of some requests.

    Attributes
    ----------
    predicted_ctr : ndarray, shape (n, k)
        Click probability the policy expects of each candidate in the top slot.
    rank_score : ndarray, shape (n, k), or None
        What the world ranks candidates by, highest first. None lets the market use its own rule:
        bid times predicted click-through rate where clicks are billed, the bid alone where
        impressions are.
    by_market : ndarray of bool, shape (n,), or None
        Requests that the market ranks by its own rule although there are scores, as where two
        policies are mixed of which one has none; None for no such request.

    Examples
    --------
    >>> by_bid = Actions(np.full((2, 2), 0.02), rank_score=np.array([[1.0, 3.0], [2.0, 1.0]]))
    >>> by_bid.where(np.array([True, False]), Actions(np.full((2, 2), 0.1))).predicted_ctr
    array([[0.02, 0.02],
           [0.1 , 0.1 ]])
    """

    predicted_ctr: np.ndarray
    rank_score: np.ndarray | None = None
    by_market: np.ndarray | None = None

    def where(self, mask: np.ndarray, other: Actions) -> Actions:
        """Return these actions where `mask`, shape (n,), is true, and `other` elsewhere."""
        chosen = mask[:, None]
        predicted = np.where(chosen, self.predicted_ctr, other.predicted_ctr)
        if self.rank_score is None and other.rank_score is None:
            return Actions(predicted)
        pair = (self, other)
        scores = [predicted if each.rank_score is None else each.rank_score for each in pair]
        left = [each.left_to_market(len(mask)) for each in pair]
        return Actions(predicted, np.where(chosen, *scores), np.where(mask, *left))

    def left_to_market(self, requests: int) -> np.ndarray:
        """Return which of `requests` requests the market ranks by its own rule, shape (n,)."""
        if self.by_market is not None:
            return self.by_market
        return np.full(requests, self.rank_score is None)

    def scores(self, by_rule: np.ndarray) -> np.ndarray:
        """Return what candidates are ranked by, shape (n, k), given the scores of the rule."""
        if self.rank_score is None:
            return by_rule
        if self.by_market is None:
            return self.rank_score
        return np.where(self.by_market[:, None], by_rule, self.rank_score)

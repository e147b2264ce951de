"""Slates chosen as a whole: diversity, and a cap on what one creator may fill."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mlsd.policies.reranking import (
    capped,
    greedy_determinant,
    maximal_marginal_relevance,
    standardised,
    top_scores,
)
from mlsd.runtime import InputError
from mlsd.worlds.video import FeedRequests

RULES = ("top", "mmr", "dpp")
# How far down its order a cap looks for other creators, in slates.
DEPTH = 4
# Keeps the exponential of a score within what a determinant can hold.
_LARGEST = 12.0


def item_vectors(items: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    """Return a table of unit vectors by item id, with a row of zeros at its end.

    Parameters
    ----------
    items : ndarray of int, shape (n,)
        Ids.
    vectors : ndarray, shape (n, d)
        Of any length.

    Returns
    -------
    ndarray of float32, shape (largest id + 2, d)
        The row of an id that is not among `items`, and the last one, is zero: like no other.

    Examples
    --------
    >>> item_vectors(np.array([0, 2]), np.array([[3.0, 4.0], [0.0, 2.0]])).round(1).tolist()
    [[0.6000000238418579, 0.800000011920929], [0.0, 0.0], [0.0, 1.0], [0.0, 0.0]]
    """
    table = np.zeros((int(items.max()) + 2, vectors.shape[1]), np.float32)
    table[items] = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    return table


@dataclass(frozen=True, eq=False)
class SlateArranger:
    """Chooses slates from the scores of a `RankingPolicy`: what its `arrange` takes.

    Attributes
    ----------
    rule : str
        ``"top"``: the highest scores; ``"mmr"``: maximal marginal relevance; ``"dpp"``: the greedy
        slate of a determinantal point process.
    weight : float
        Of the scores, which are standardised over the candidates of a request. MMR: their weight
        against similarity, 0 to 1; DPP: the quality of a candidate is the exponential of `weight`
        times its score. The larger, the nearer to the top scores.
    vectors : ndarray, shape (items, d), or None
        See `item_vectors`; needed unless the rule is ``"top"``.
    creators : ndarray of int, shape (items,), or None
        Creator by item id; needed for a cap.
    cap : int or None
        Videos of one creator on a slate, at most, as far as the candidates allow.
    log : bool
        Whether scores are positive and their logarithm is standardised, as for seconds.

    Raises
    ------
    InputError
        For another rule, or without the table that it needs.
    """

    rule: str = "top"
    weight: float = 1.0
    vectors: np.ndarray | None = None
    creators: np.ndarray | None = None
    cap: int | None = None
    log: bool = False

    def __post_init__(self) -> None:
        if self.rule not in RULES:
            raise InputError(f"rule is {self.rule!r}; choose among {RULES}")
        if self.rule != "top" and self.vectors is None:
            raise InputError(f"the rule {self.rule!r} needs vectors")
        if self.cap is not None and self.creators is None:
            raise InputError("a cap needs the creators of the items")

    def __call__(self, requests: FeedRequests, items: np.ndarray, scores: np.ndarray) -> np.ndarray:
        """Return the places of the slates' videos, shape (n, slots), best position first."""
        slots = min(requests.slots, items.shape[1])
        if self.cap is None:
            return self.order(items, scores, slots)
        order = self.order(items, scores, min(DEPTH * slots, items.shape[1]))
        return capped(order, self._creators(items), slots, cap=self.cap)

    def order(self, items: np.ndarray, scores: np.ndarray, length: int) -> np.ndarray:
        """Return the places of the first items of the rule's order, shape (n, length)."""
        if self.rule == "top":
            return top_scores(scores, length)
        if self.log:
            with np.errstate(divide="ignore", invalid="ignore"):
                scores = np.where(scores > 0, np.log(scores), -np.inf)
        value = standardised(scores)
        vectors = self.vectors[np.where(items < len(self.vectors) - 1, items, -1)]
        if self.rule == "mmr":
            return maximal_marginal_relevance(value, vectors, length, relevance=self.weight)
        quality = np.exp(np.clip(self.weight * value, -_LARGEST, _LARGEST))
        return greedy_determinant(np.where(np.isfinite(value), quality, 0.0), vectors, length)

    def _creators(self, items: np.ndarray) -> np.ndarray:
        """Return the creator of each candidate; no two share one where there is none."""
        alone = -1 - np.arange(items.shape[1])
        return np.where(items >= 0, self.creators[np.maximum(items, 0)], alone)

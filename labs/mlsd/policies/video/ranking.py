"""Deploy a ranker: candidates of several sources, features, scores, slates."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from mlsd.models.base import Ranker
from mlsd.policies.video.features import ServingFeedFeatures
from mlsd.policies.video.overnight import Overnight
from mlsd.policies.video.recommending import HISTORY, filled_slates, passed_over
from mlsd.retrieval.union import CandidateUnion
from mlsd.worlds.kit.slates import NO_ITEM
from mlsd.worlds.logs import Tables
from mlsd.worlds.video import FeedRequests, Slates

# Requests, candidates (n, k) and their scores (n, k), -inf where there is nothing to show; returns
# the places of the slates' videos, (n, slots), best position first.
Arrange = Callable[[FeedRequests, np.ndarray, np.ndarray], np.ndarray]


class RankingPolicy:
    """Retrieves once a day, ranks at each request, and fills slates from the top.

    Parameters
    ----------
    union : CandidateUnion
        Its sources are those of the features.
    features : ServingFeedFeatures
    ranker : Ranker
        Fitted; deployment does not refit it.
    candidates : int
        How many candidates of a request are ranked: the first of the union that can be shown.
    arrange : callable or None
        Chooses a slate in view of the whole slate (see `Arrange`), such as the functions of
        `policies.reranking` do; None fills it from the top. What it chooses of score ``-inf`` is
        replaced as at the end of a list.

    Notes
    -----
    What a session has been shown, what the viewer started last and what is not live any more is
    passed over before the ranker is asked. A list that runs out is filled up as in
    `RecommenderPolicy`.
    """

    def __init__(
        self,
        union: CandidateUnion,
        features: ServingFeedFeatures,
        ranker: Ranker,
        *,
        candidates: int = 60,
        arrange: Arrange | None = None,
    ) -> None:
        self.union = union
        self.features = features
        self.ranker = ranker
        self.candidates = candidates
        self.arrange = arrange
        self._overnight = Overnight()

    def observe(self, events: Tables) -> None:
        """Bring the features up to date; the ranker stays as it was fitted."""
        self.features.update(events)

    def act(self, requests: FeedRequests) -> Slates:
        """Return the best candidates of each request."""
        items, source, scores = self._retrieve(requests)
        ranked = self.rank(requests, items, scores)
        if self.arrange is not None:
            ranked = _as_scores(self.arrange(requests, items, ranked), ranked)
        slates = filled_slates(items, ranked, requests)
        place = (items[:, None, :] == slates[:, :, None]).argmax(axis=2)
        return Slates(slates, source=np.take_along_axis(source, place, axis=1))

    def rank(self, requests: FeedRequests, items: np.ndarray, scores: np.ndarray) -> np.ndarray:
        """Return the ranker's score of each candidate, shape (n, k); ``-inf`` where there is none.

        Parameters
        ----------
        requests : FeedRequests
        items : ndarray of int, shape (n, k)
            -1 where there is no candidate.
        scores : ndarray, shape (n, k, sources)
        """
        ranked = np.full(items.shape, -np.inf)
        there = items != NO_ITEM
        if there.any():
            ranked[there] = self.ranker.score(self.features.columns(requests, items, scores))
        return ranked

    def _retrieve(self, requests: FeedRequests) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return candidates that can be shown, the source of each, and what all sources say."""
        user = np.asarray(requests.context["user_id"])
        items, source, scores = self._overnight.find(
            user, float(requests.ts[0]), lambda users: self._collect(users, requests.live)
        )
        passed = passed_over(items, requests, requests.history(HISTORY))
        order = np.argsort(passed, axis=1, kind="stable")[:, : self.candidates]
        kept = np.where(passed, NO_ITEM, items)
        return (
            np.take_along_axis(kept, order, axis=1),
            np.take_along_axis(source, order, axis=1),
            np.take_along_axis(scores, order[:, :, None], axis=1),
        )

    def _collect(
        self, users: np.ndarray, live: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        found = self.union.collect(users, candidates=live)
        row, place = np.nonzero(found.items != NO_ITEM)
        scores = np.full((*found.items.shape, len(found.sources)), np.nan, np.float32)
        pairs = users[row], found.items[row, place]
        scores[row, place] = self.features.features.score_pairs(*pairs)
        return found.items, found.first_source, scores


def _as_scores(places: np.ndarray, ranked: np.ndarray) -> np.ndarray:
    """Return scores that put the chosen places on top, in their order; ``-inf`` for the others."""
    order = np.arange(places.shape[1], 0, -1.0)
    scores = np.full(ranked.shape, -np.inf)
    np.put_along_axis(scores, places, np.broadcast_to(order, places.shape), axis=1)
    return np.where(np.isneginf(ranked), -np.inf, scores)

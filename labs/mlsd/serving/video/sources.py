"""Where the candidates of a page come from: each source is a saved form of arrays.

A source is asked for one viewer at a time. Videos are places in the catalogue, which are their ids.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from mlsd.retrieval.agreement import require_one_version

Found = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Viewer:
    """Who asks, as sources and the ranker see it.

    Attributes
    ----------
    row : int
        In the tables of the artifact; -1 for a viewer that it does not know.
    recent : ndarray of int, shape (n,)
        Videos started last, newest last.
    profile : ndarray of int, shape (m,)
        Videos that were watched for long or to the end, each once; what came with the request too.
    shown : ndarray of int, shape (s,)
        Videos that the session has been shown.
    """

    row: int
    recent: np.ndarray
    profile: np.ndarray
    shown: np.ndarray


class FeedSource(Protocol):
    """Finds candidates for a viewer."""

    def find(self, viewer: Viewer, showable: np.ndarray, k: int) -> Found:
        """Return at most k showable videos and their scores, best first.

        Parameters
        ----------
        viewer : Viewer
        showable : ndarray of bool, shape (videos,)
        k : int
        """
        ...

    def reason(self, viewer: Viewer, item: int) -> str:
        """Return why the viewer is shown a video that this source found."""
        ...


class ScoredSource(ABC):
    """Base of the sources that score every video; a subclass writes `scores` and `reason`."""

    @abstractmethod
    def scores(self, viewer: Viewer) -> np.ndarray | None:
        """Return a score per video, shape (videos,); None for a viewer of whom nothing is known."""

    @abstractmethod
    def reason(self, viewer: Viewer, item: int) -> str:
        """Return why the viewer is shown a video that this source found."""

    def find(self, viewer: Viewer, showable: np.ndarray, k: int) -> Found:
        """Return at most k showable videos and their scores, best first."""
        scores = self.scores(viewer)
        if scores is None:
            return np.zeros(0, np.intp), np.zeros(0, np.float32)
        return _best(scores, showable, k)


@dataclass(frozen=True, eq=False)
class TrendingSource(ScoredSource):
    """What is watched most, recent days counting more: the same for every viewer.

    Attributes
    ----------
    score : ndarray of float64, shape (videos,)

    Examples
    --------
    >>> trending, none = TrendingSource(np.array([1.0, 3.0, 2.0])), np.zeros(0, int)
    >>> nobody = Viewer(-1, none, none, none)
    >>> trending.find(nobody, np.array([True, True, True]), 2)[0].tolist()
    [1, 2]
    """

    score: np.ndarray

    def scores(self, viewer: Viewer) -> np.ndarray:
        """Return a score per video, shape (videos,)."""
        return self.score

    def reason(self, viewer: Viewer, item: int) -> str:
        """Return why the viewer is shown a video that this source found."""
        return "Trending now"


@dataclass(frozen=True, eq=False)
class NeighbourSource(ScoredSource):
    """What goes with the videos that the viewer watched: a sum of item-to-item weights.

    Attributes
    ----------
    weights : ndarray of float32, shape (videos, videos)
        What each column gains by the row being watched; 0 where the model knows one of them not.

    Examples
    --------
    >>> weights = np.array([[0, 0.6, 0.2], [0, 0, 0.5], [0, 0, 0]], np.float32)
    >>> source, none = NeighbourSource(weights), np.zeros(0, int)
    >>> viewer = Viewer(0, none, np.array([0, 1]), none)
    >>> source.find(viewer, np.array([False, True, True]), 2)[0].tolist()
    [2, 1]
    >>> source.reason(viewer, 2)
    'Because you watched video 1'
    """

    weights: np.ndarray

    def scores(self, viewer: Viewer) -> np.ndarray | None:
        """Return a score per video, shape (videos,); None for a viewer who watched nothing."""
        if not len(viewer.profile):
            return None
        return self.weights[viewer.profile].sum(axis=0)

    def reason(self, viewer: Viewer, item: int) -> str:
        """Return why the viewer is shown a video that this source found."""
        best = int(self.weights[viewer.profile, item].argmax())
        return f"Because you watched video {viewer.profile[best]}"


@dataclass(frozen=True, eq=False)
class VectorSource(ScoredSource):
    """What points in the direction of the viewer's taste, by an exact search over all vectors.

    Attributes
    ----------
    user_vectors : ndarray of float32, shape (users, dim)
    known : ndarray of bool, shape (users,)
        Whether the model has learned the viewer.
    item_vectors : ndarray of float32, shape (videos, dim)
        Zero for a video that the model does not know.
    user_version, item_version : str
        Of the training that each side comes from.

    Examples
    --------
    >>> both, everyone, none = np.eye(2, dtype="f4"), np.ones(2, bool), np.zeros(0, int)
    >>> source = VectorSource(both, everyone, both, "monday", "monday")
    >>> source.find(Viewer(1, none, none, none), np.array([True, True]), 1)[0].tolist()
    [1]
    """

    user_vectors: np.ndarray
    known: np.ndarray
    item_vectors: np.ndarray
    user_version: str
    item_version: str

    def scores(self, viewer: Viewer) -> np.ndarray | None:
        """Return a score per video, shape (videos,); None for a viewer that is not known.

        Raises
        ------
        WrongVersionError
            If the two sides are of different trainings.
        """
        require_one_version(self.item_version, self.user_version)
        if viewer.row < 0 or not self.known[viewer.row]:
            return None
        return self.item_vectors @ self.user_vectors[viewer.row]

    def reason(self, viewer: Viewer, item: int) -> str:
        """Return why the viewer is shown a video that this source found."""
        return "Liked by viewers with a taste like yours"


@dataclass(frozen=True, eq=False)
class ListSource:
    """A list for each viewer that was made when the artifact was: a rung as a nightly batch job.

    Attributes
    ----------
    lists : ndarray of int32, shape (users + 1, depth)
        Best first, -1 past the end; the last row is for viewers that the artifact does not know.

    Examples
    --------
    >>> source, none = ListSource(np.array([[2, 0], [1, -1]], np.int32)), np.zeros(0, int)
    >>> source.find(Viewer(-1, none, none, none), np.ones(3, bool), 2)[0].tolist()
    [1]
    """

    lists: np.ndarray

    def find(self, viewer: Viewer, showable: np.ndarray, k: int) -> Found:
        """Return at most k showable videos and their scores, best first."""
        listed = self.lists[viewer.row]
        listed = listed[listed >= 0]
        places = listed[showable[listed]][:k].astype(np.intp)
        return places, -np.arange(len(places), dtype=np.float32)

    def reason(self, viewer: Viewer, item: int) -> str:
        """Return why the viewer is shown a video that this source found."""
        return "Picked for you last night" if viewer.row >= 0 else "Popular with everybody"


@dataclass(frozen=True, eq=False)
class FreshSource:
    """The latest uploads, which no model has seen watched.

    Attributes
    ----------
    uploaded_at : ndarray of float64, shape (videos,)
        Seconds since the origin.
    since : float
        Nothing older is found.

    Examples
    --------
    >>> source, none = FreshSource(np.array([5.0, 90.0, 80.0]), since=50.0), np.zeros(0, int)
    >>> source.find(Viewer(0, none, none, none), np.ones(3, bool), 3)[0].tolist()
    [1, 2]
    """

    uploaded_at: np.ndarray
    since: float

    def find(self, viewer: Viewer, showable: np.ndarray, k: int) -> Found:
        """Return at most k showable videos and their scores, best first."""
        return _best(self.uploaded_at, showable & (self.uploaded_at > self.since), k)

    def reason(self, viewer: Viewer, item: int) -> str:
        """Return why the viewer is shown a video that this source found."""
        return "New upload"


SOURCE_FORMS = (FreshSource, ListSource, NeighbourSource, TrendingSource, VectorSource)
"""All sources that the files of a feed may name."""


def _best(scores: np.ndarray, allowed: np.ndarray, k: int) -> Found:
    """Return the places of the k highest allowed scores, best first; ties in order of places."""
    places = np.flatnonzero(allowed)
    if len(places) > k:
        kept = np.argpartition(-scores[places], k - 1)[:k]
        places = places[np.sort(kept)]
    places = places[np.argsort(-scores[places], kind="stable")]
    return places, scores[places]

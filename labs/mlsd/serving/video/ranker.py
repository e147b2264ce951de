"""Scores the candidates of one viewer as the ranker was trained to: look-ups and compiled trees."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from mlsd.serving.compiled import RequestColumns, ServedScorer
from mlsd.serving.video.requests import FeedRequest
from mlsd.serving.video.sources import ScoredSource, Viewer

Record = dict[str, np.ndarray]
# As many of the videos started last as the features of the ranker were made from.
STARTS = 20
TOP_SLOT = 0


@dataclass(frozen=True, eq=False)
class FeedRanker:
    """What a ranker looks up, as of the artifact's moment, and what scores it.

    Attributes
    ----------
    scorer : ServedScorer
    items : mapping of str to ndarray, shape (videos,)
        Of each video; `topic` and `creator_id` among them.
    users : mapping of str to ndarray, shape (users + 1,)
        Of each viewer; the last row answers for every other one.
    by_topic, by_creator : mapping of str to ndarray, shape (users + 1, topics or creators)
        Of each viewer with the topic, or the creator, of a video.
    sources : tuple of str
        Names of the sources whose scores the ranker reads, as `score_<name>`.
    known : ndarray of bool, shape (users + 1,)
        Viewers whom those sources know; for others their scores are missing.
    """

    scorer: ServedScorer
    items: Mapping[str, np.ndarray]
    users: Mapping[str, np.ndarray]
    by_topic: Mapping[str, np.ndarray]
    by_creator: Mapping[str, np.ndarray]
    sources: tuple[str, ...]
    known: np.ndarray

    def score(
        self,
        request: FeedRequest,
        viewer: Viewer,
        items: np.ndarray,
        sources: Mapping[str, ScoredSource],
    ) -> np.ndarray:
        """Return the score of each candidate, shape (n,).

        Parameters
        ----------
        request : FeedRequest
        viewer : Viewer
        items : ndarray of int, shape (n,)
        sources : mapping of str to ScoredSource
            By name; the scores of one that is not here are missing.
        """
        columns = self.columns(request, viewer, items) | self._scores(viewer, items, sources)
        return self.scorer.score(RequestColumns(columns))

    def columns(self, request: FeedRequest, viewer: Viewer, items: np.ndarray) -> Record:
        """Return the features of candidates but for what the sources say, shape (n,) each."""
        rows, user = len(items), viewer.row
        columns = {name: values[items] for name, values in self.items.items()}
        context = {name: values[user] for name, values in self.users.items()}
        context |= {name: getattr(request, name) for name in ("device", "hour", "step")}
        context["position"] = TOP_SLOT
        columns |= {name: np.full(rows, value) for name, value in context.items()}
        for table, code in ((self.by_topic, "topic"), (self.by_creator, "creator_id")):
            columns |= {name: values[user][columns[code]] for name, values in table.items()}
        return columns | self._moments(viewer, items)

    def _scores(
        self, viewer: Viewer, items: np.ndarray, sources: Mapping[str, ScoredSource]
    ) -> Record:
        columns = {}
        for name in self.sources:
            asked = name in sources and self.known[viewer.row]
            scores = sources[name].scores(viewer) if asked else None
            missing = np.full(len(items), np.nan)
            columns[f"score_{name}"] = missing if scores is None else scores[items]
        return columns

    def _moments(self, viewer: Viewer, items: np.ndarray) -> Record:
        """Return what the viewer's past says of candidates: `ViewerMoments` for one viewer."""
        recent, shown = viewer.recent[-STARTS:], viewer.shown
        started = shown[np.isin(shown, recent)]
        known = max(len(recent), 1)
        columns = {
            "recent_starts": np.full(len(items), len(recent)),
            "recent_topic_share": self._count(recent, items, "topic") / known,
            "recent_creator_share": self._count(recent, items, "creator_id") / known,
            "started_before": np.isin(items, recent),
            "session_topic_shown": self._count(shown, items, "topic"),
            "session_topic_started": self._count(started, items, "topic"),
            "session_creator_shown": self._count(shown, items, "creator_id"),
        }
        return {name: values.astype(np.float32) for name, values in columns.items()}

    def _count(self, past: np.ndarray, items: np.ndarray, name: str) -> np.ndarray:
        """Return how many past videos share a code with each candidate, shape (n,)."""
        code = self.items[name]
        return np.bincount(code[past], minlength=int(code.max()) + 1)[code[items]]

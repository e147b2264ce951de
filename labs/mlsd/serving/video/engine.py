"""What answers the requests of the video case: retrieve, unite, rank, arrange a page."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from mlsd.policies.reranking import capped
from mlsd.retrieval.candidates import NO_ITEM, Candidates, merge_lists
from mlsd.runtime import InputError
from mlsd.serving.artifact import Artifact
from mlsd.serving.engine import StageClock
from mlsd.serving.logs import RateLimit
from mlsd.serving.saved_objects import load_object, save_object
from mlsd.serving.video.feed import FEED_FORMS, FUNNEL, TRENDING, ServedFeed
from mlsd.serving.video.requests import FeedRequest
from mlsd.serving.video.sources import Found as FoundItems
from mlsd.serving.video.sources import Viewer

NAME = "feed"
SLOTS = 12
CANDIDATES = 500
# Where the cap on creators looks for others.
ARRANGED = 60
_GOLDEN_SHARE = 0.8
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Found:
    """Candidates of a request: who asks, what was found, and which sources failed."""

    viewer: Viewer
    union: Candidates
    failed: tuple[str, ...]


class FeedEngine:
    """Makes a page of the home feed for a viewer, with one of several rungs.

    Parameters
    ----------
    served : ServedFeed
    version : str
    created_at : float
        Unix seconds.
    slots : int
        Videos on a page.
    candidates : int
        How many candidates the funnel ranks, at most.

    Notes
    -----
    Viewers and videos are those of the artifact's moment; what a viewer watched since then comes
    with the request. A source that fails is left out, and the answer names it in `failed`; where
    nothing is left, the page is that of `fallback`.
    """

    stages = ("history", "retrieve", "rank", "arrange")

    def __init__(
        self,
        served: ServedFeed,
        *,
        version: str = "in memory",
        created_at: float = 0.0,
        slots: int = SLOTS,
        candidates: int = CANDIDATES,
    ) -> None:
        self.served, self.version, self.created_at = served, version, created_at
        self.slots, self.candidates = slots, candidates
        self._few = RateLimit()

    @property
    def rungs(self) -> tuple[str, ...]:
        """The rungs that a request may name."""
        return (*self.served.rungs, FUNNEL)

    def options(self) -> dict:
        """Return what a page may offer to choose from."""
        some = self.served.viewers.by_activity[:: max(len(self._activity) // 20, 1)]
        newcomer = len(self.served.viewers.recent) - 1
        return {
            "rungs": list(self.rungs),
            "default_rung": self.served.default_rung,
            "users": [*some.tolist(), newcomer],
        }

    def parse(self, body: bytes) -> FeedRequest:
        """Return the request that a body holds.

        Raises
        ------
        InputError
            For whatever is wrong with it, such as a rung that the artifact does not hold.
        """
        request = FeedRequest.from_json(body)
        if request.rung is not None and request.rung not in self.rungs:
            raise InputError(
                f"request: rung is {request.rung!r}; choose among {', '.join(self.rungs)}"
            )
        return request

    def answer(self, request: FeedRequest, clock: StageClock) -> dict:
        """Return a page of videos, best first, with the reason of each."""
        rung = request.rung or self.served.default_rung
        with clock.stage("history"):
            viewer, showable = self.viewer(request), self._showable(request)
        with clock.stage("retrieve"):
            found = self._retrieve(viewer, showable, self._wanted(rung))
        if not found.union.items.size:
            return {**self.fallback(request), "failed": list(found.failed)}
        with clock.stage("rank"):
            score = self._rank(rung, request, found)
        with clock.stage("arrange"):
            return self._page(rung, found, score)

    def fallback(self, request: FeedRequest) -> dict:
        """Return what trends with the viewer's segment, which is an array that is there anyhow."""
        viewer, trending = self.viewer(request), self.served.sources[TRENDING]
        places, scores = trending.find(viewer, self._showable(request), self.slots)
        found = Found(viewer, _merged({TRENDING: (places, scores)}), ())
        return self._page(TRENDING, found, scores)

    def example(self, generator: np.random.Generator) -> dict:
        """Return a request; the k-th most active viewer comes with weight 1 / k."""
        rank = np.searchsorted(self._activity, generator.random() * self._activity[-1])
        return {
            "user_id": int(self.served.viewers.by_activity[rank]),
            "rung": self.served.default_rung,
            "hour": int(generator.integers(24)),
            "weekday": int(generator.integers(7)),
            "device": int(generator.integers(3)),
        }

    def close(self) -> None:
        """Do nothing: all that it holds is memory."""

    def check_golden(self) -> None:
        """Compare the page of the artifact's own viewer with the one that was made then.

        Raises
        ------
        InputError
            If more than a fifth of it differs.
        """
        user, expected = int(self.served.golden["user_id"][0]), self.served.golden["items"]
        page = self.answer(self.parse(b'{"user_id": %d}' % user), StageClock())
        # Other processors round otherwise, and neighbours in rank may swap.
        if len(set(page["items"]) & set(expected.tolist())) < _GOLDEN_SHARE * len(expected):
            raise InputError("the page of the artifact's own viewer has changed; train again")

    def viewer(self, request: FeedRequest) -> Viewer:
        """Return who asks: the artifact's viewer with what came with the request."""
        viewers, videos = self.served.viewers, len(self.served.catalogue.live)
        row = viewers.row(request.user_id)
        recent = viewers.recent[row]
        watched, shown = (past[past < videos] for past in (request.watched, request.shown))
        recent = np.concatenate([recent[recent >= 0], watched])
        profile = np.union1d(viewers.profile(row), watched)
        return Viewer(row, recent.astype(np.intp), profile.astype(np.intp), shown)

    @cached_property
    def _activity(self) -> np.ndarray:
        return np.cumsum(1 / np.arange(1, len(self.served.viewers.by_activity) + 1))

    def _showable(self, request: FeedRequest) -> np.ndarray:
        """Return which videos may be shown: live, neither shown in the session nor just watched."""
        showable = self.served.catalogue.live.copy()
        past = np.concatenate([request.shown, request.watched])
        showable[past[past < len(showable)]] = False
        recent = self.served.viewers.recent[self.served.viewers.row(request.user_id)]
        showable[recent[recent >= 0]] = False
        return showable

    def _wanted(self, rung: str) -> dict[str, int]:
        """Return how many candidates each source is asked for."""
        if rung == FUNNEL:
            return dict(self.served.quotas)
        return {self.served.rungs[rung]: ARRANGED}

    def _retrieve(self, viewer: Viewer, showable: np.ndarray, wanted: dict[str, int]) -> Found:
        lists: dict[str, FoundItems] = {}
        failed = []
        for name, k in wanted.items():
            try:
                lists[name] = self.served.sources[name].find(viewer, showable, k)
            except Exception:
                failed.append(name)
                if (held_back := self._few.held_back(name)) is not None:
                    fields = {"feed_source": name, "held_back": held_back}
                    _LOG.exception("a source of candidates failed", extra={"fields": fields})
        return Found(viewer, _merged(lists).keep(self.candidates), tuple(failed))

    def _rank(self, rung: str, request: FeedRequest, found: Found) -> np.ndarray:
        """Return the score of each candidate, shape (n,)."""
        ranker = self.served.ranker
        if rung != FUNNEL or ranker is None:
            return found.union.fused()[0]
        sources = {n: s for n, s in self.served.sources.items() if n not in found.failed}
        return ranker.score(request, found.viewer, found.union.items[0], sources)

    def _page(self, rung: str, found: Found, score: np.ndarray) -> dict:
        catalogue, union = self.served.catalogue, found.union
        order = np.argsort(-score, kind="stable")[None, :ARRANGED]
        creators = catalogue.creator[union.items]
        cap = self.served.creator_cap if rung == FUNNEL else self.slots
        (best,) = capped(order, creators, self.slots, cap=cap)
        items = union.items[0, best]
        sources = [union.sources[number] for number in union.first_source[0, best]]
        return {
            "items": items.tolist(),
            "topics": catalogue.topic[items].tolist(),
            "creators": catalogue.creator[items].tolist(),
            "minutes": (catalogue.duration[items].astype(float) / 60).round(1).tolist(),
            "scores": score[best].astype(float).round(6).tolist(),
            "sources": sources,
            "reasons": [
                self.served.sources[name].reason(found.viewer, item)
                for name, item in zip(sources, items.tolist())
            ],
            "rung": rung,
            "candidates": union.items.shape[1],
            "failed": list(found.failed),
        }


def _merged(lists: Mapping[str, FoundItems]) -> Candidates:
    """Return the lists of one viewer's sources as one table of candidates."""
    longest = max((len(items) for items, _ in lists.values()), default=0)
    items = np.full((1, longest, len(lists)), NO_ITEM)
    scores = np.full(items.shape, np.nan, np.float32)
    for column, (places, values) in enumerate(lists.values()):
        items[0, : len(places), column] = places
        scores[0, : len(places), column] = values
    return merge_lists(tuple(lists), items, scores)


def save_feed(folder: Path, served: ServedFeed) -> None:
    """Write what an engine is loaded from, with a page of its most active viewer as golden one."""
    user = int(served.viewers.by_activity[0])
    engine = FeedEngine(served)
    page = engine.answer(engine.parse(b'{"user_id": %d}' % user), StageClock())
    golden = {"user_id": np.array([user]), "items": np.array(page["items"])}
    save_object(replace(served, golden=golden), folder, NAME)


def load_feed(artifact: Artifact) -> FeedEngine:
    """Return the engine of an artifact, once it has made the page of the artifact's own viewer.

    Raises
    ------
    InputError
        If the files are not those of a feed, or the page is another one than it was.
    """
    served = load_object(artifact.folder, NAME, FEED_FORMS)
    try:
        engine = FeedEngine(served, version=artifact.version, created_at=artifact.created_at)
        engine.check_golden()
    except InputError as error:
        raise InputError(f"{artifact.folder}: {error}") from None
    except Exception as error:
        # Files that name the right classes can still hold anything.
        reason = f"{type(error).__name__}: {error}"
        raise InputError(f"{artifact.folder}: is not a feed ({reason:.200})") from None
    return engine

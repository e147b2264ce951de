"""What a ranker reads of a request and a video: one definition for the log and for the feed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property

import numpy as np
import pandas as pd

from mlsd.data.log import LabelledLog
from mlsd.features import CounterFeatures
from mlsd.features.counter_serving import ServingCounters
from mlsd.models.base import Recommender
from mlsd.policies.video import moments
from mlsd.policies.video.moments import ViewerMoments
from mlsd.runtime.times import DAY
from mlsd.worlds.kit.slates import NO_ITEM
from mlsd.worlds.logs import Tables, table_of
from mlsd.worlds.video import FeedRequests
from mlsd.worlds.video.logs import VideoLogs, with_watched

CONTEXT = ("device", "hour", "age_band", "country")
VIDEO = ("topic", "creator_id")
POSITION = "position"
CATEGORICAL = (*CONTEXT, *VIDEO)
NUMBERS = ("step", "log_duration", "video_age_days")
# A slot is an effect of the page, not of the video: a feed scores as if all stood at the top.
TOP_SLOT = 0
WATCHED = (
    ("item_id",),
    ("creator_id",),
    ("user_id",),
    ("user_id", "topic"),
    ("user_id", "creator_id"),
)
CLICKED = (("item_id",),)


class FeedFeatures:
    """Features of a request and a candidate, as of the moment of the request.

    Context (device, hour, age band, country, step of the session), the video (topic, creator,
    length, age), decayed counters of what was watched for 30 seconds or to its end by video,
    creator, viewer and pairs of them, and of what was clicked by video; what the viewer started
    last and what the session has been shown (`ViewerMoments`); and for each source the score that
    it gives the pair, missing for viewers whom it does not know.

    Counters are nightly, so that a row of the log sees what a feed saw: the state of the midnight
    before it. As in `CounterFeatures`, rows beyond the training part see the state at its end.

    Parameters
    ----------
    sources : mapping of str to Recommender
        Fitted on rows that come before those of which features are computed; otherwise a score
        has seen the label beside which it stands.
    known_users : ndarray or None
        Whom the sources were fitted on; None where scores of all users are comparable.
    half_life : float
        Of the counters, seconds.
    """

    def __init__(
        self,
        sources: Mapping[str, Recommender] | None = None,
        *,
        known_users: np.ndarray | None = None,
        half_life: float = 7.0 * DAY,
    ) -> None:
        self.sources = dict(sources or {})
        self.known_users = None if known_users is None else pd.Index(np.unique(known_users))
        self.watched = CounterFeatures(WATCHED, half_lives=(half_life,))
        self.clicked = CounterFeatures(CLICKED, half_lives=(half_life,))

    @cached_property
    def numeric(self) -> tuple[str, ...]:
        """Names of the columns of numbers."""
        return (*NUMBERS, *self.watched.names, *self._click_names, *moments.NAMES, *self.scores)

    @property
    def scores(self) -> tuple[str, ...]:
        """Names of the columns with the sources' scores."""
        return tuple(f"score_{name}" for name in self.sources)

    @property
    def _click_names(self) -> list[str]:
        return [f"click_{name}" for name in self.clicked.names]

    def compute(self, logs: VideoLogs, log: LabelledLog, rows: np.ndarray) -> pd.DataFrame:
        """Return the features of some impressions, as a feed would have known them.

        Parameters
        ----------
        logs : VideoLogs
        log : LabelledLog
            Of the same logs, with the label `watched`; counters count its training part.
        rows : ndarray of int, shape (n,)
            Positions in the log.

        Returns
        -------
        DataFrame, n rows
            `CATEGORICAL`, `POSITION` as it was, and `numeric`.
        """
        chosen = log.frame.iloc[rows].reset_index(drop=True)
        watched = self.watched.compute(log).iloc[rows]
        clicked = self.clicked.compute(of_clicks(log)).iloc[rows]
        columns = {name: chosen[name].to_numpy() for name in (*CATEGORICAL, POSITION)}
        columns |= _numbers(chosen)
        columns |= {name: watched[name].to_numpy() for name in watched}
        columns |= {f"click_{name}": clicked[name].to_numpy() for name in clicked}
        columns |= _moment_columns(logs, log.frame, chosen)
        scored = self.score_pairs(chosen["user_id"].to_numpy(), chosen["item_id"].to_numpy())
        return pd.DataFrame(columns | dict(zip(self.scores, scored.T)))

    def score_pairs(self, users: np.ndarray, items: np.ndarray) -> np.ndarray:
        """Return what each source gives each pair, shape (n, sources), NaN for strangers."""
        if not self.sources:
            return np.zeros((len(users), 0), np.float32)
        scored = [source.score(users, items) for source in self.sources.values()]
        table = np.stack(scored, axis=1).astype(np.float32)
        if self.known_users is not None:
            table[~pd.Index(users).isin(self.known_users)] = np.nan
        return table

    def serving(self, logs: VideoLogs, log: LabelledLog) -> ServingFeedFeatures:
        """Return the streaming twin, which has counted the log and goes on where it ends."""
        return ServingFeedFeatures(
            self,
            self.watched.serving(log),
            self.clicked.serving(of_clicks(log)),
            _Catalogue.of(logs.videos),
        )


class ServingFeedFeatures:
    """The streaming twin of `FeedFeatures`: learns from events, answers for requests.

    Parameters
    ----------
    features : FeedFeatures
    watched, clicked : ServingCounters
    catalogue : _Catalogue
    """

    def __init__(
        self,
        features: FeedFeatures,
        watched: ServingCounters,
        clicked: ServingCounters,
        catalogue: _Catalogue,
    ) -> None:
        self.features = features
        self.watched = watched
        self.clicked = clicked
        self.catalogue = catalogue
        self._began = 0.0

    def update(self, events: Tables) -> None:
        """Take in new videos and finished impressions."""
        self.catalogue.add(table_of(events, "videos"))
        seen = table_of(events, "impressions")
        if len(seen):
            seen = with_watched(seen)
            self.watched.update(seen)
            self.clicked.update(seen)

    def columns(
        self, requests: FeedRequests, items: np.ndarray, scores: np.ndarray
    ) -> dict[str, np.ndarray]:
        """Return the features of the candidates that are there, request after request.

        Parameters
        ----------
        requests : FeedRequests
        items : ndarray of int, shape (n, k)
            -1 where there is no candidate.
        scores : ndarray, shape (n, k, sources)
            What the sources give them.

        Returns
        -------
        dict of str to ndarray, shape (candidates that are there,)
            Names as `FeedFeatures.compute` gives them; every candidate in the top slot.
        """
        row, place = np.nonzero(items != NO_ITEM)
        item, ts = items[row, place], requests.ts[row]
        context = {name: np.asarray(requests.context[name])[row] for name in (*CONTEXT, "step")}
        context |= {"user_id": np.asarray(requests.context["user_id"])[row]}
        known = context | self.catalogue.columns(item, ts)
        columns = {name: known[name] for name in CATEGORICAL}
        columns[POSITION] = np.full(len(row), TOP_SLOT, np.int8)
        began = self._session_start(requests)
        columns |= _numbers(known) | self.watched.lookup(known, began)
        clicked = self.clicked.lookup(known, began)
        columns |= {f"click_{name}": values for name, values in clicked.items()}
        past = ViewerMoments.of_requests(requests)
        there = np.where(items == NO_ITEM, 0, items)
        cross = past.columns(there, self.catalogue.topic, self.catalogue.creator)
        columns |= {name: values[row, place] for name, values in cross.items()}
        return columns | dict(zip(self.features.scores, scores[row, place].T))

    def _session_start(self, requests: FeedRequests) -> float:
        """Return when the first session of those under way began: what counters are as of.

        Sessions of an hour go on in lock-step, some beyond a midnight that others have not reached,
        and time does not run backwards for counters.
        """
        if np.min(requests.context["step"]) == 0:
            self._began = float(requests.ts.min())
        return self._began


class _Catalogue:
    """What is known of every video, by its id."""

    def __init__(self) -> None:
        self.topic = np.zeros(0, np.int16)
        self.creator = np.zeros(0, np.int32)
        self.duration = np.zeros(0, np.float32)
        self.uploaded_at = np.zeros(0)

    @classmethod
    def of(cls, videos: pd.DataFrame) -> _Catalogue:
        catalogue = cls()
        catalogue.add(videos)
        return catalogue

    def add(self, videos: pd.DataFrame) -> None:
        if not len(videos):
            return
        item = videos["item_id"].to_numpy()
        names = {"topic": "topic", "creator": "creator_id", "duration": "duration"}
        for own, name in (names | {"uploaded_at": "ts"}).items():
            values = getattr(self, own)
            more = max(int(item.max()) + 1 - len(values), 0)
            values = np.pad(values, (0, more))
            values[item] = videos[name].to_numpy()
            setattr(self, own, values)

    def columns(self, item: np.ndarray, ts: np.ndarray) -> dict[str, np.ndarray]:
        """Return what is known of videos at times, shape (n,) each."""
        return {
            "item_id": item,
            "creator_id": self.creator[item],
            "topic": self.topic[item],
            "duration": self.duration[item],
            "video_age_days": ((ts - self.uploaded_at[item]) / DAY).astype(np.float32),
        }


def of_clicks(log: LabelledLog) -> LabelledLog:
    """Return the log with the click as its label."""
    return replace(log, roles=replace(log.roles, label="click"))


def _numbers(known: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {
        "step": np.asarray(known["step"]).astype(np.float32),
        "log_duration": np.log(np.asarray(known["duration"])).astype(np.float32),
        "video_age_days": np.asarray(known["video_age_days"]),
    }


def _moment_columns(
    logs: VideoLogs, impressions: pd.DataFrame, chosen: pd.DataFrame
) -> dict[str, np.ndarray]:
    """Return the columns of `ViewerMoments` of some impressions, shape (n,) each."""
    catalogue, asked = _Catalogue.of(logs.videos), chosen.drop_duplicates("request_id")
    past = ViewerMoments.of_log(impressions, asked).take(pd.factorize(chosen["request_id"])[0])
    item = chosen["item_id"].to_numpy()[:, None]
    cross = past.columns(item, catalogue.topic, catalogue.creator)
    return {name: values[:, 0] for name, values in cross.items()}

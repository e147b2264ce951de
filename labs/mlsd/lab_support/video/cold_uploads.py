"""The lab of cold uploads: a feed whose models are a week old, and rules that blend their scores.

Two recommenders are fitted on all of a history and then stay as they are: a tower that reads what a
video is about, and EASE, which knows who watched what. A rule makes one score of theirs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pandas as pd

from mlsd.lab_support.deployed import mean_over_markets
from mlsd.models import EASERecommender, TwoTowerRecommender
from mlsd.models.corpus import Corpus
from mlsd.models.recommenders.lists import ListRecommender
from mlsd.monitoring import RecordedPolicy
from mlsd.policies.video import RecommenderPolicy
from mlsd.runtime.times import DAY
from mlsd.worlds.video import FeedRequests, Slates, VideoWorld

HISTORY_DAYS, DAYS, WORLDS = 14, 7, 3
ATTRIBUTES = ("creator_id", "topic")
_TOWERS = {"temperature": 0.3, "learning_rate": 6e-3, "uniform_negatives": 256, "epochs": 7.0}

# Content scores and collaborative scores, (viewers, videos) each; age of the videos, (videos,), and
# of the models, both in days; returns scores, (viewers, videos).
Rule = Callable[[np.ndarray, np.ndarray, np.ndarray, float], np.ndarray]


@dataclass(frozen=True)
class AgedFeed:
    """A world at the end of its history, with two recommenders that stay as they are.

    Attributes
    ----------
    world : VideoWorld
    videos : DataFrame
        The catalogue at the end of the history; `ts` is the time of upload.
    watched : DataFrame
        `user_id`, `item_id` and `ts` of what was watched for 30 seconds or to the end.
    content : TwoTowerRecommender
        Its item tower reads text, topic, creator and duration.
    collaborative : EASERecommender
    """

    world: VideoWorld
    videos: pd.DataFrame
    watched: pd.DataFrame
    content: TwoTowerRecommender
    collaborative: EASERecommender

    @property
    def trained_at(self) -> float:
        """When the recommenders were fitted, seconds since the origin."""
        return float(HISTORY_DAYS * DAY)


@lru_cache(maxsize=4)
def aged_feed(seed: int) -> AgedFeed:
    """Return the feed of a seed."""
    world = VideoWorld(seed=seed, size="small")
    logs = world.history(days=HISTORY_DAYS)
    frame = logs.labelled().frame
    watched = frame.loc[frame["watched"] == 1, ["user_id", "item_id", "ts"]]
    content = content_tower(logs.videos, item_id=False).fit(watched, items=logs.videos)
    return AgedFeed(
        world,
        logs.videos,
        watched.reset_index(drop=True),
        content,
        EASERecommender(l2=100.0).fit(watched),
    )


def content_tower(videos: pd.DataFrame, *, item_id: bool) -> TwoTowerRecommender:
    """Return towers, not fitted, of which the item's reads all columns of the catalogue.

    Examples
    --------
    >>> videos = pd.DataFrame({"item_id": [1], "topic": [3], "duration": [60.0], "text_0": [0.1]})
    >>> content_tower(videos, item_id=False).item_numeric
    ('duration', 'text_0')
    """
    text = tuple(name for name in videos if name.startswith("text_"))
    return TwoTowerRecommender(
        item_id=item_id,
        item_categorical=ATTRIBUTES,
        item_numeric=("duration", *text),
        random_state=1,
        **_TOWERS,
    )


class AgedBlend(ListRecommender):
    """A recommender whose scores a rule makes of content, collaborative score and age.

    Parameters
    ----------
    feed : AgedFeed
    rule : callable
        See `Rule`. Both scores are standardised over the live videos of each viewer: mean 0 and
        standard deviation 1. EASE gives 0 to a video that it has never seen, before that.

    Attributes
    ----------
    now : float
        Whoever deploys it keeps the clock.
    """

    takes_items = True

    def __init__(self, feed: AgedFeed, rule: Rule) -> None:
        self.content = feed.content
        self.collaborative = feed.collaborative
        self.rule = rule
        self.trained_at = self.now = feed.trained_at
        self._corpus = Corpus(feed.watched)
        self._uploaded = pd.Series(feed.videos["ts"].to_numpy(), feed.videos["item_id"])

    def add_items(self, items: pd.DataFrame) -> AgedBlend:
        """Tell the content tower of uploads."""
        self.content.add_items(items)
        new = pd.Series(items["ts"].to_numpy(), items["item_id"])
        self._uploaded = pd.concat([self._uploaded, new[~new.index.isin(self._uploaded.index)]])
        return self

    def _pool(self, candidates: np.ndarray | None) -> np.ndarray:
        return np.unique(self.content.item_ids_ if candidates is None else candidates)

    def _score_pool(
        self, users: np.ndarray, pool: np.ndarray, histories: np.ndarray | None
    ) -> np.ndarray:
        tables, model_age = self.tables(users, pool), (self.now - self.trained_at) / DAY
        scores = np.asarray(self.rule(*tables, self.ages(pool), model_age), dtype=float)
        if scores.shape != (len(users), len(pool)):
            raise ValueError(
                f"a rule returns scores of shape {len(users), len(pool)}, not {scores.shape}"
            )
        if np.isnan(scores).any():
            raise ValueError("a rule returned NaN; every live video needs a score")
        return scores

    def tables(self, users: np.ndarray, videos: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the standardised scores of both recommenders, shape (users, videos) each."""
        place = pd.Index(self.content.item_ids_).get_indexer(videos)
        content = self.content.user_vectors(users) @ self.content.item_vectors_[place].T
        place = pd.Index(self.collaborative.item_ids_).get_indexer(videos)
        known = self.collaborative.score_table(users)[:, np.maximum(place, 0)]
        return _standardised(content), _standardised(np.where(place >= 0, known, 0))

    def ages(self, videos: np.ndarray) -> np.ndarray:
        """Return the days since each video was uploaded."""
        return (self.now - self._uploaded.loc[videos].to_numpy()) / DAY


def _standardised(table: np.ndarray) -> np.ndarray:
    centred = table - table.mean(axis=1, keepdims=True)
    return centred / np.maximum(centred.std(axis=1, keepdims=True), 1e-9)


class AgedPolicy(RecommenderPolicy):
    """A deployed blend, which knows what time it is."""

    def act(self, requests: FeedRequests) -> Slates:
        """Return slates."""
        self.recommender.now = float(requests.ts[0])
        return super().act(requests)


@lru_cache(maxsize=64)
def deployed(seed: int, rule: Rule) -> dict[str, float]:
    """Return what a week under a rule brought.

    Returns
    -------
    dict
        ``hours`` watched and ``upload_hours`` of them, per thousand sessions; uploads are what came
        after the training. ``upload_share`` of the impressions, in percent.
    """
    feed = aged_feed(seed)
    record = RecordedPolicy(AgedPolicy(AgedBlend(feed, rule)))
    report = feed.world.deploy(record, days=DAYS, history_days=HISTORY_DAYS)
    rows = record.rows()
    rows = rows[rows["ts"] >= feed.trained_at]
    is_upload = (rows["item_id"] > feed.videos["item_id"].max()).to_numpy()
    hours = report.measures["watch_hours"].estimate
    seconds = rows["watch_seconds"].to_numpy(np.float64)
    return {
        "hours": hours,
        "upload_hours": hours * float(seconds[is_upload].sum() / seconds.sum()),
        "upload_share": 100 * float(is_upload.mean()),
    }


def content_alone(
    content: np.ndarray, collaborative: np.ndarray, age: np.ndarray, model_age: float
) -> np.ndarray:
    """Return the baseline's scores: those of the content tower.

    Examples
    --------
    >>> content_alone(np.ones((1, 2)), np.zeros((1, 2)), np.array([3.0, 9.0]), 1.0)
    array([[1., 1.]])
    """
    return content


def upload_hours(seed: int, rule: Rule) -> float:
    """Return the hours that uploads are watched, in percent of those under content alone.

    The mean of the three worlds of a seed, as `hours_kept`.
    """
    return _against_content(seed, rule, "upload_hours")


def hours_kept(seed: int, rule: Rule) -> float:
    """Return all hours watched, in percent of those under content alone."""
    return _against_content(seed, rule, "hours")


def _against_content(seed: int, rule: Rule, measure: str) -> float:
    return mean_over_markets(
        seed,
        WORLDS,
        lambda own: 100 * deployed(own, rule)[measure] / deployed(own, content_alone)[measure],
    )

"""What the lab of cold uploads shows of its recommenders before it deploys any."""

from __future__ import annotations

import numpy as np
import pandas as pd

from mlsd.lab_support.video.cold_uploads import HISTORY_DAYS, aged_feed, content_tower
from mlsd.models import EASERecommender, TwoTowerRecommender
from mlsd.models.corpus import Corpus
from mlsd.runtime.times import DAY

LIST = 20
_VIEWERS = 40
_HELD_OUT_DAYS = 2


def lettered_scores(seed: int) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Return the scores of four recommenders for some viewers, and which videos are uploads.

    Returns
    -------
    tables : dict of str to ndarray, shape (viewers, videos)
        A is EASE, B a tower on ids, C the mean success of a video's topic with a constant for each
        viewer, D the content tower.
    is_upload : ndarray of bool, shape (videos,)
        Uploaded on the day after the training.
    """
    feed = aged_feed(seed)
    videos = feed.world.history(days=HISTORY_DAYS + 1).videos
    ids = videos["item_id"].to_numpy()
    viewers = np.unique(feed.watched["user_id"])[:_VIEWERS]
    tower = TwoTowerRecommender(epochs=3.0, random_state=1).fit(feed.watched)
    reader = content_tower(videos, item_id=False).fit(feed.watched, items=videos)
    watches = feed.watched["item_id"].value_counts().reindex(ids, fill_value=0).to_numpy()
    by_topic = pd.Series(watches, videos["topic"]).groupby(level=0).mean()
    own = np.random.default_rng(seed).normal(size=(len(viewers), 1))
    tables = {
        "A": _scores(feed.collaborative, viewers, ids),
        "B": _scores(tower, viewers, ids),
        "C": by_topic.loc[videos["topic"]].to_numpy()[None] + own,
        "D": _scores(reader, viewers, ids),
    }
    return tables, (videos["ts"] > feed.trained_at).to_numpy()


def _scores(model: EASERecommender | TwoTowerRecommender, users: np.ndarray, items: np.ndarray):
    pairs = np.repeat(users, len(items)), np.tile(items, len(users))
    return model.score(*pairs).reshape(len(users), len(items))


def found_by_both(seed: int) -> pd.DataFrame:
    """Return what was watched on the last two days, and who had it on a list of 20 before.

    Returns
    -------
    DataFrame
        One row per viewer and video that was new to them: `watches` of the video before,
        and whether the list of the content tower (`content`) and of EASE (`collaborative`),
        fitted on the days before, held it.
    """
    feed = aged_feed(seed)
    is_late = feed.watched["ts"] >= feed.trained_at - _HELD_OUT_DAYS * DAY
    before = feed.watched[~is_late]
    late = feed.watched.loc[is_late, ["user_id", "item_id"]].drop_duplicates()
    seen = pd.MultiIndex.from_frame(before[["user_id", "item_id"]])
    late = late[~pd.MultiIndex.from_frame(late).isin(seen)]
    models = {
        "content": content_tower(feed.videos, item_id=False).fit(before, items=feed.videos),
        "collaborative": EASERecommender(l2=100.0).fit(before),
    }
    users = Corpus(late).user_ids
    row = pd.Index(users).get_indexer(late["user_id"])
    counts = before["item_id"].value_counts()
    found = {"watches": counts.reindex(late["item_id"], fill_value=0).to_numpy()}
    for name, model in models.items():
        lists = model.recommend(users, LIST, candidates=feed.videos["item_id"].to_numpy())[0]
        found[name] = (lists[row] == late["item_id"].to_numpy()[:, None]).any(axis=1)
    return pd.DataFrame(found)

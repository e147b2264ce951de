"""What the ranker of a home feed looks up, as arrays of the end of a history."""

from __future__ import annotations

import copy
from collections.abc import Mapping

import numpy as np
import pandas as pd

from mlsd.cases.video.ranking import RankingStage
from mlsd.models import LambdaMART
from mlsd.policies.video.features import CLICKED, WATCHED
from mlsd.retrieval.candidates import NO_ITEM
from mlsd.runtime.times import DAY
from mlsd.serving.compiled.fitted import compile_trees_of
from mlsd.serving.video.feed import HISTORY, FeedViewers
from mlsd.serving.video.ranker import FeedRanker

Table = dict[str, np.ndarray]
KEYS = ("item_id", "creator_id", "topic", "user_id")


def feed_viewers(stage: RankingStage) -> FeedViewers:
    """Return viewers with what they started last, and what the sources know that they watched."""
    logs, users = stage.logs, len(stage.logs.users)
    seen = np.bincount(logs.impressions["user_id"], minlength=users)
    ease = stage.features.sources["ease"]
    profiles = ease.profiles()
    counts = np.zeros(users + 1, np.int64)
    counts[ease.user_ids_] = np.diff(profiles.indptr)
    return FeedViewers(
        recent=_recent(logs.impressions.query("click == 1"), users),
        starts=np.concatenate([[0], counts.cumsum()]),
        watched=ease.item_ids_[profiles.indices].astype(np.int32),
        by_activity=np.argsort(-seen, kind="stable")[: np.count_nonzero(seen)],
    )


def _recent(started: pd.DataFrame, users: int) -> np.ndarray:
    """Return the last videos of each user, shape (users + 1, 50), newest last."""
    order = np.lexsort((started["position"], started["ts"], started["user_id"]))
    user, item = (started[name].to_numpy()[order] for name in ("user_id", "item_id"))
    back = np.searchsorted(user, user, side="right") - 1 - np.arange(len(user))
    table = np.full((users + 1, HISTORY), NO_ITEM, np.int32)
    kept = back < HISTORY
    table[user[kept], HISTORY - 1 - back[kept]] = item[kept]
    return table


def feed_ranker(stage: RankingStage, ranker: LambdaMART, names: Mapping[str, str]) -> FeedRanker:
    """Return a ranker with its tables.

    Parameters
    ----------
    stage : RankingStage
    ranker : LambdaMART
    names : mapping of str to str
        What each source of the stage is called where it is served; columns are renamed with it.
    """
    users, creators = len(stage.logs.users), int(stage.logs.videos["creator_id"].max()) + 1
    topics = int(stage.logs.videos["topic"].max()) + 1
    counters = _Counters(stage)
    people = stage.logs.users.sort_values("user_id")
    known = np.isin(np.arange(users + 1), stage.features.known_users)
    scorer = compile_trees_of(
        ranker, rename={f"score_{old}": f"score_{new}" for old, new in names.items()}
    )
    return FeedRanker(
        scorer=scorer,
        items=_items(stage, counters),
        users={
            **{name: np.append(people[name].to_numpy(), 0) for name in ("age_band", "country")},
            **counters.single("user_id", users),
        },
        by_topic=counters.crossed("topic", users, topics),
        by_creator=counters.crossed("creator_id", users, creators),
        sources=tuple(names[name] for name in stage.features.sources),
        known=known,
    )


def _items(stage: RankingStage, counters: _Counters) -> Table:
    videos = stage.logs.videos.sort_values("item_id")
    age = (stage.logs.until - videos["ts"].to_numpy()) / DAY
    creator = videos["creator_id"].to_numpy()
    of_creator = counters.single("creator_id", int(creator.max()) + 1)
    return {
        "topic": videos["topic"].to_numpy(),
        "creator_id": creator,
        "log_duration": np.log(videos["duration"].to_numpy()).astype(np.float32),
        "video_age_days": age.astype(np.float32),
        **{name: values[:-1] for name, values in counters.single("item_id", len(videos)).items()},
        **{name: values[creator] for name, values in of_creator.items()},
    }


class _Counters:
    """The counters of a stage, as a deployment would look them up when the history ends."""

    def __init__(self, stage: RankingStage) -> None:
        serving = copy.deepcopy(stage.features.serving(stage.logs, stage.log))
        self.now = stage.logs.until
        self.watched, self.clicked = serving.watched, serving.clicked

    def single(self, key: str, ids: int) -> Table:
        """Return the counters of each id of a key, shape (ids + 1,); the last of an unknown one."""
        return self._lookup((key,), {key: np.append(np.arange(ids), NO_ITEM)})

    def crossed(self, key: str, users: int, ids: int) -> Table:
        """Return the counters of each user with each id, shape (users + 1, ids)."""
        rows = np.append(np.arange(users), NO_ITEM)
        pairs = {"user_id": np.repeat(rows, ids), key: np.tile(np.arange(ids), len(rows))}
        found = self._lookup(("user_id", key), pairs)
        return {name: values.reshape(len(rows), ids) for name, values in found.items()}

    def _lookup(self, entity: tuple[str, ...], known: Table) -> Table:
        rows = len(next(iter(known.values())))
        columns = {name: known.get(name, np.full(rows, NO_ITEM)) for name in KEYS}
        table: Table = {}
        if entity in WATCHED:
            found = self.watched.lookup(columns, self.now)
            table |= {n: found[n] for n in self.watched.features.rate_names(entity)}
        if entity in CLICKED:
            found = self.clicked.lookup(columns, self.now)
            table |= {f"click_{n}": found[n] for n in self.clicked.features.rate_names(entity)}
        return table

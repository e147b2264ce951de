"""What the service of the video case is started from: sources and a ranker of a world's history."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np

from mlsd import models
from mlsd.cases.video.ladder import LADDER
from mlsd.cases.video.ranking import RankingStage, ranking_stage
from mlsd.cases.video.serving_tables import feed_ranker, feed_viewers
from mlsd.cases.video.worlds import WORLDS, replicate_of
from mlsd.experiments.ledger import ledger_settings
from mlsd.experiments.rungs import Rung, select_rungs
from mlsd.models.recommenders.base import MatrixRecommender
from mlsd.retrieval import embedding_version
from mlsd.runtime import InputError
from mlsd.runtime.times import DAY
from mlsd.serving.video.engine import save_feed
from mlsd.serving.video.feed import FUNNEL, TRENDING, FeedCatalogue, ServedFeed
from mlsd.serving.video.sources import (
    FeedSource,
    FreshSource,
    ListSource,
    NeighbourSource,
    TrendingSource,
    VectorSource,
)

LIST_LENGTH = 200
FRESH_DAYS = 3
# What the funnel asks of each source; they overlap, and the first 500 of the union are ranked.
QUOTAS = {"ease": 300, "ials": 300, TRENDING: 200, "fresh": 100}
CREATOR_CAP = 2
RANKER_OPTIONS = {"num_leaves": 15, "learning_rate": 0.1, "n_estimators": 120}


def fill_artifact(
    folder: Path, *, rung: str, size: str, seed: int, progress: Callable[[str], None] | None
) -> dict[str, str]:
    """Fit sources, ranker and rung, write what serves them, and return what they were made of.

    Parameters
    ----------
    folder : Path
        Exists; empty.
    rung, size, seed, progress
        See `mlsd.cases.video.service.train`.

    Raises
    ------
    InputError
        For an unknown rung or size, or the oracle.
    """
    tell = progress or (lambda words: None)
    (chosen,) = select_rungs(LADDER.rungs, [rung])
    if chosen.is_oracle:
        raise InputError(f"rung {rung!r} is the world's own truth; choose one that learns")
    world = WORLDS.make(seed, size=size)
    tell(f"simulating the history of the {size} world, fitting sources, making features")
    stage = ranking_stage(world)
    tell("fitting the ranker")
    ranker = stage.fit(models.LambdaMART(**stage.columns, **RANKER_OPTIONS), "watched")
    tell(f"fitting {rung}")
    settings, lists = _fit(chosen, stage)
    tell("fitting the sources once more, writing them and what the ranker looks up")
    # The ranker stays: sources that know its days have seen its labels, so it cannot learn on them.
    save_feed(folder, served_feed(stage.refitted(), ranker, rung, lists))
    made_of = {"rung": rung, "size": size, "seed": seed, "settings": json.dumps(settings)}
    made_of["train_rows"] = len(stage.log.split.train)
    return {name: str(value) for name, value in made_of.items()}


def _fit(rung: Rung, stage: RankingStage) -> tuple[dict[str, object], ListSource]:
    """Return the settings of a rung, and its lists for every viewer at the end of the history."""
    prepared = LADDER.protocol.prepare(replicate_of(stage.world, logs=stage.logs))
    settings = ledger_settings("video", rung, prepared.replicate.log.roles)
    model = LADDER.protocol.fit(rung, prepared, settings).model
    everyone = np.append(np.arange(len(stage.logs.users)), -1)
    items, _ = model.recommend(everyone, LIST_LENGTH, candidates=_live(stage))
    return dict(settings), ListSource(np.asarray(items, np.int32))


def _live(stage: RankingStage) -> np.ndarray:
    videos = stage.logs.videos
    return np.sort(videos.loc[videos["removed_at"].isna(), "item_id"].to_numpy())


def served_feed(
    stage: RankingStage, ranker: models.LambdaMART, rung: str, lists: ListSource
) -> ServedFeed:
    """Return everything that pages are made from, as of the end of the history.

    Parameters
    ----------
    stage : RankingStage
        With the default sources, refitted on the whole history where the feed is to be served.
    ranker : LambdaMART
        Fitted on the scores of sources that had not seen its days.
    rung : str
        Whose lists are served.
    lists : ListSource
    """
    logs = stage.logs
    videos = logs.videos.sort_values("item_id")
    names = {"popular": TRENDING, "ials": "ials", "ease": "ease"}
    return ServedFeed(
        moment=float(logs.until),
        catalogue=FeedCatalogue(
            topic=videos["topic"].to_numpy(),
            creator=videos["creator_id"].to_numpy(),
            duration=videos["duration"].to_numpy(np.float32),
            uploaded_at=videos["ts"].to_numpy(float),
            live=videos["removed_at"].isna().to_numpy(),
        ),
        viewers=feed_viewers(stage),
        sources={
            **{names[name]: source for name, source in _sources(stage).items()},
            "fresh": FreshSource(videos["ts"].to_numpy(float), logs.until - FRESH_DAYS * DAY),
            "last_night": lists,
        },
        quotas=QUOTAS,
        rungs={
            "decayed_popularity": TRENDING,
            "ease": "ease",
            "ials": "ials",
            f"{rung}_overnight": "last_night",
        },
        default_rung=FUNNEL,
        ranker=feed_ranker(stage, ranker, names),
        creator_cap=CREATOR_CAP,
        golden={},
    )


def _sources(stage: RankingStage) -> dict[str, FeedSource]:
    """Return the served form of the stage's sources by their names there."""
    users, videos = len(stage.logs.users), len(stage.logs.videos)
    fitted = stage.features.sources
    popular, ials, ease = (fitted[name] for name in ("popular", "ials", "ease"))
    items = np.arange(videos)
    weights = np.zeros((videos, videos), np.float32)
    weights[np.ix_(ease.item_ids_, ease.item_ids_)] = ease.weights_
    item_vectors = _placed(ials.item_vectors_, ials.item_ids_, videos)
    user_vectors = _placed(ials.user_vectors_, ials.user_ids_, users)
    version = embedding_version(item_vectors, items)
    return {
        "popular": TrendingSource(popular.score(items, items)),
        "ials": VectorSource(user_vectors, _known(ials, users), item_vectors, version, version),
        "ease": NeighbourSource(weights),
    }


def _placed(vectors: np.ndarray, ids: np.ndarray, rows: int) -> np.ndarray:
    """Return vectors at the places of their ids, zeros elsewhere."""
    table = np.zeros((rows, vectors.shape[1]), np.float32)
    table[ids] = vectors
    return table


def _known(model: MatrixRecommender, users: int) -> np.ndarray:
    return np.isin(np.arange(users), model.user_ids_)

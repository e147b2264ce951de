"""Slates tried in a world: vectors of the catalogue, deployments, and what was shown."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from mlsd.cases.video.ranking import HISTORY_DAYS, RankingStage
from mlsd.cases.video.ranking_rungs import RANKER_RUNGS, tune
from mlsd.experiments import twin_changes
from mlsd.models.base import Ranker
from mlsd.monitoring import RecordedPolicy
from mlsd.policies.video import item_vectors
from mlsd.runtime.times import DAY, HOUR
from mlsd.worlds import VideoWorld
from mlsd.worlds.base import Policy, Report

MEASURES = ("watch_hours", "session_slates", "clicks", "satisfaction", "return_1", "return_28")
SLOTS = 6


class Trial(NamedTuple):
    """A deployment: its report, the impressions that became known, and the uploads."""

    report: Report
    rows: pd.DataFrame
    uploads: pd.DataFrame


def deployed(world: VideoWorld, policy: Policy, days: int) -> Trial:
    """Return what a policy brought about in the days after a fortnight of history."""
    uploads = RecordedPolicy(policy, "videos")
    record = RecordedPolicy(uploads)
    report = world.deploy(record, days=days, history_days=HISTORY_DAYS)
    began, shown, videos = HISTORY_DAYS * DAY, record.rows(), uploads.rows()
    # Sessions that the history's policy had begun go on with it past midnight.
    own = shown.loc[(shown["step"] == 0) & (shown["ts"] >= began), "session_id"]
    shown = shown[shown["session_id"].isin(own)].reset_index(drop=True)
    return Trial(report, shown, videos[videos["ts"] >= began].reset_index(drop=True))


def time_ranker(stage: RankingStage) -> Ranker:
    """Return the ranker of watch time, with the best of four penalties on the validation day."""
    rung = next(each for each in RANKER_RUNGS if each.name == "logistic, watch time")
    return tune(rung, stage).ranker


def catalogue_vectors(videos: pd.DataFrame) -> dict[str, np.ndarray]:
    """Return vectors of unit length by item id, last row zero: of topics, of text, and of both.

    The inner product of vectors of both is the mean of the two similarities.

    Parameters
    ----------
    videos : DataFrame
        `item_id`, `topic` and columns ``text_...``, which are centred.

    Examples
    --------
    >>> videos = pd.DataFrame({"item_id": [0, 1], "topic": [0, 1], "text_0": [1.0, 3.0]})
    >>> tables = catalogue_vectors(videos)
    >>> tables["topic"].tolist()
    [[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]]
    >>> float(np.round(tables["both"][0] @ tables["both"][1], 6))
    -0.5
    """
    items, text = videos["item_id"].to_numpy(), videos.filter(like="text_").to_numpy()
    topics = np.eye(int(videos["topic"].max()) + 1)[videos["topic"]]
    tables = {
        "topic": item_vectors(items, topics),
        "text": item_vectors(items, text - text.mean(axis=0)),
    }
    return {**tables, "both": np.hstack(list(tables.values())) / np.float32(np.sqrt(2.0))}


def creators_of(videos: pd.DataFrame) -> np.ndarray:
    """Return the creator by item id, shape (largest id + 1,).

    Examples
    --------
    >>> creators_of(pd.DataFrame({"item_id": [1, 0], "creator_id": [7, 5]})).tolist()
    [5, 7]
    """
    creators = np.full(int(videos["item_id"].max()) + 1, -1)
    creators[videos["item_id"]] = videos["creator_id"]
    return creators


def slate_facts(rows: pd.DataFrame) -> dict[str, float]:
    """Return what shown slates look like, in percent.

    Parameters
    ----------
    rows : DataFrame
        Impressions of whole slates of six.

    Returns
    -------
    dict
        ``same_topic``: share of pairs of a slate that share a topic; ``over_cap``: share of slates
        with more than two videos of one creator.
    """
    ordered = rows.sort_values(["request_id", "position"])
    topic, creator = (
        ordered[name].to_numpy().reshape(-1, SLOTS) for name in ("topic", "creator_id")
    )
    same = (topic[:, :, None] == topic[:, None, :]).sum(axis=(1, 2)) - SLOTS
    most = (creator[:, :, None] == creator[:, None, :]).sum(axis=2).max(axis=1)
    return {
        "same_topic": float(100 * (same / (SLOTS * (SLOTS - 1))).mean()),
        "over_cap": float(100 * (most > 2).mean()),
    }


def uploads_served(trial: Trial, *, hours: float = 48.0, least: int = 20) -> float:
    """Return the share of uploads, in percent, that were shown often enough while they were new.

    Parameters
    ----------
    trial : Trial
        Counted are the uploads whose first `hours` lie within it.
    hours : float
    least : int
        Impressions.
    """
    until = trial.rows["ts"].max() - hours * HOUR
    uploads = trial.uploads.loc[trial.uploads["ts"] <= until, "item_id"]
    young = trial.rows[trial.rows["video_age_days"] * DAY <= hours * HOUR]
    shown = young.groupby("item_id").size().reindex(uploads, fill_value=0)
    return float(100 * (shown >= least).mean())


def trial_row(world: VideoWorld, control: Trial, trial: Trial) -> dict[str, Any]:
    """Return the changes in percent with their intervals, and the facts of the slates."""
    names = MEASURES
    changes = twin_changes(control.report, trial.report, world.measures, names=names)
    found: dict[str, Any] = {}
    for name, change in changes.iterrows():
        found |= {name: change["estimate"], f"{name}_low": change["low"]}
        found[f"{name}_high"] = change["high"]
    spread = {n: trial.report.measures[n].estimate for n in ("coverage", "creator_gini")}
    return {**found, **slate_facts(trial.rows), **spread}

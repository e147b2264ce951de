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
PAIRS = SLOTS * (SLOTS - 1) // 2
# Impressions of an average video that stand beside a video's own.
PRIOR = 20


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


def codes_by_item(videos: pd.DataFrame, column: str) -> np.ndarray:
    """Return a column of the catalogue by item id, -1 where there is no item.

    Parameters
    ----------
    videos : DataFrame
        `item_id` and `column`.
    column : str
        Of codes: `creator_id` or `topic`, of which a slate may hold so many.

    Returns
    -------
    ndarray of int, shape (largest id + 1,)

    Examples
    --------
    >>> videos = pd.DataFrame({"item_id": [1, 0], "creator_id": [7, 5]})
    >>> codes_by_item(videos, "creator_id").tolist()
    [5, 7]
    """
    codes = np.full(int(videos["item_id"].max()) + 1, -1)
    codes[videos["item_id"]] = videos[column]
    return codes


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
    topic, creator = (
        _by_slate(rows)[name].to_numpy().reshape(-1, SLOTS) for name in ("topic", "creator_id")
    )
    most = (creator[:, :, None] == creator[:, None, :]).sum(axis=2).max(axis=1)
    return {
        "same_topic": float(100 * _pairs_alike(topic).mean() / PAIRS),
        "over_cap": float(100 * (most > 2).mean()),
    }


def logged_slates(rows: pd.DataFrame) -> pd.DataFrame:
    """Return one row per slate of a log: how it repeats itself, and what came of it.

    Parameters
    ----------
    rows : DataFrame
        Impressions of whole slates of six.

    Returns
    -------
    DataFrame
        `request_id`, `user_id`, `session_id`; `pairs`, how many of the fifteen share a topic;
        `expected`, the seconds that its videos are watched elsewhere, at their positions;
        `seconds` watched, `clicks`, and `goes_on`, whether the session asked for another slate.

    Notes
    -----
    The mean of a video is taken over its other impressions, each divided by the relative mean of
    its position, with `PRIOR` impressions of the mean of all.
    """
    ordered = _by_slate(rows)
    slates = ordered.iloc[::SLOTS][["request_id", "user_id", "session_id", "step"]]
    slates = slates.reset_index(drop=True)
    slates["pairs"] = _pairs_alike(ordered["topic"].to_numpy().reshape(-1, SLOTS))
    parts = {
        "expected": _seconds_elsewhere(ordered),
        "seconds": ordered["watch_seconds"],
        "clicks": ordered["click"],
    }
    for name, values in parts.items():
        slates[name] = values.to_numpy().reshape(-1, SLOTS).sum(axis=1)
    last = slates.groupby("session_id")["step"].transform("max")
    return slates.assign(goes_on=slates["step"] < last).drop(columns="step")


def _by_slate(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.sort_values(["request_id", "position"])


def _seconds_elsewhere(rows: pd.DataFrame) -> pd.Series:
    """Return what is watched of each video at this position, by its other impressions."""
    seconds = rows["watch_seconds"].astype(float)
    position = seconds.groupby(rows["position"]).transform("mean") / seconds.mean()
    level = seconds / position
    by_item = level.groupby(rows["item_id"])
    others, count = by_item.transform("sum") - level, by_item.transform("size") - 1
    return position * (others + PRIOR * level.mean()) / (count + PRIOR)


def _pairs_alike(codes: np.ndarray) -> np.ndarray:
    """Return how many pairs of each row of codes are equal, shape (n,)."""
    return np.triu(codes[:, :, None] == codes[:, None, :], 1).sum(axis=(1, 2))


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


def interval_texts(rows: pd.DataFrame, names: tuple[str, ...]) -> pd.DataFrame:
    """Return changes and their intervals as text, one column per measure.

    Parameters
    ----------
    rows : DataFrame
        As `trial_row` makes them: columns `name`, `name_low` and `name_high`, in percent.
    names : tuple of str

    Examples
    --------
    >>> rows = pd.DataFrame({"clicks": [1.0], "clicks_low": [-0.5], "clicks_high": [2.5]})
    >>> interval_texts(rows, ("clicks",))["clicks, %"].tolist()
    ['+1.0 [-0.5, +2.5]']
    """
    table = {}
    for name in names:
        ends = zip(*(rows[name + end] for end in ("", "_low", "_high")))
        told = [f"{value:+.1f} [{low:+.1f}, {high:+.1f}]" for value, low, high in ends]
        table[f"{name.replace('_', ' ')}, %"] = told
    return pd.DataFrame(table, index=rows.index)

"""What a feed records: columns of its event tables, and who knows them when."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mlsd.runtime.times import DAY, HOUR
from mlsd.worlds.kit.records import Columns
from mlsd.worlds.kit.slates import Slates
from mlsd.worlds.video.behaviour import Reaction
from mlsd.worlds.video.config import HOURS, MOST_ITEMS, MOST_SESSIONS
from mlsd.worlds.video.population import Population
from mlsd.worlds.video.setup import Setup
from mlsd.worlds.video.state import Batch

OBSERVED_TABLES = ("requests", "impressions", "surveys", "sessions", "returns", "videos")
LOGGED_TABLES = ("requests", "candidates", "impressions", "surveys", "sessions", "returns")
SURVEY_COLUMNS = ("impression_id", "user_id", "item_id", "stars", "view_ts", "ts", "known_at")
FIRST_ANSWER, LAST_ANSWER = HOUR, DAY


@dataclass(frozen=True)
class StepRecord:
    """What one slate per session left behind; shape (n,) or (n, slots)."""

    batch: Batch
    slates: Slates
    reaction: Reaction
    examined: np.ndarray
    clicked: np.ndarray
    autoplay: np.ndarray
    seconds: np.ndarray
    completed: np.ndarray
    liked: np.ndarray
    hidden: np.ndarray
    done_at: np.ndarray
    ends: np.ndarray

    @property
    def started(self) -> np.ndarray:
        """Whether each video started, by a click or by itself; the log calls both a click."""
        return self.clicked | self.autoplay

    @property
    def viewed(self) -> np.ndarray:
        """Whether each video was chosen: what satisfies, bores and teaches."""
        return self.clicked


class Recorder:
    """Makes the columns of every event table from the steps of an hour.

    Parameters
    ----------
    setup : Setup
    """

    def __init__(self, setup: Setup) -> None:
        self.setup = setup

    def tables(self, steps: Sequence[StepRecord]) -> dict[str, Columns]:
        """Return the tables of the sessions that began in an hour: column arrays by table."""
        requests = _joined(self._requests(step) for step in steps)
        impressions = _joined(self._impressions(step) for step in steps)
        tables = {
            "requests": requests,
            "impressions": impressions,
            "surveys": self._surveys(steps),
            "sessions": _sessions(steps),
        }
        if self.setup.records_candidates:
            tables["candidates"] = _joined(self._candidates(step) for step in steps)
        return tables

    def uploads(self, items: np.ndarray) -> Columns:
        """Return the rows of the catalogue that policies are handed."""
        columns = video_columns(self.setup.population, items)
        return {**columns, "known_at": columns["ts"]}

    def _requests(self, step: StepRecord) -> Columns:
        batch = step.batch
        return {
            "request_id": batch.request_id,
            "session_id": batch.session_id,
            "step": np.full(len(batch), batch.step, np.int8),
            "ts": batch.ts,
            "known_at": batch.ts,
            **context_columns(self.setup.population, batch),
        }

    def _candidates(self, step: StepRecord) -> Columns:
        items, slates = step.slates.candidates, step.slates
        same = items[:, :, None] == slates.items[:, None, :]
        position = np.where(same.any(axis=2), same.argmax(axis=2), -1).astype(np.int8)
        return {
            "request_id": step.batch.request_id,
            "ts": step.batch.ts,
            "item_id": items.astype(np.int32),
            "source": slates.candidate_source,
            "position": position,
        }

    def _impressions(self, step: StepRecord) -> Columns:
        batch, items = step.batch, step.slates.items
        slots = items.shape[1]
        rows = {
            "request_id": batch.request_id,
            "session_id": batch.session_id,
            "ts": batch.ts,
            "known_at": step.done_at,
            "step": np.full(len(batch), batch.step, np.int8),
            **context_columns(self.setup.population, batch),
            "account_age_days": self._account_age(batch),
        }
        shown = {
            "position": np.tile(np.arange(slots, dtype=np.int8), len(batch)),
            **item_columns(self.setup.population, items.ravel(), np.repeat(batch.ts, slots)),
            "source": step.slates.source.ravel(),
            "propensity": step.slates.propensity.ravel().astype(np.float32),
            "click": step.started.ravel().astype(np.int8),
            "watch_seconds": step.seconds.ravel(),
            "completed": step.completed.ravel().astype(np.int8),
            "like": step.liked.ravel().astype(np.int8),
            "not_interested": step.hidden.ravel().astype(np.int8),
        }
        repeated = {name: np.repeat(values, slots) for name, values in rows.items()}
        number = repeated["request_id"] * slots + shown["position"]
        return {"impression_id": number, **repeated, **shown}

    def _account_age(self, batch: Batch) -> np.ndarray:
        since = self.setup.population.users.signup_day[batch.user]
        return (batch.ts // DAY - since).astype(np.float32)

    def _surveys(self, steps: Sequence[StepRecord]) -> Columns:
        """Return the stars of those who were asked and answered, the moved ones more often."""
        setup = self.setup
        views = _joined(self._views(step) for step in steps)
        asked = setup.luck_of("asked", views["key"]) < setup.config.survey_share
        views = {name: values[asked] for name, values in views.items()}
        key, satisfied = views.pop("key"), views.pop("satisfied")
        answers = setup.luck_of("answers", key) < 0.15 + 0.7 * np.abs(2 * satisfied - 1)
        noise = setup.luck_of("stars", key) - 0.5
        wait = FIRST_ANSWER + (LAST_ANSWER - FIRST_ANSWER) * setup.luck_of("wait", key)
        ts = views["view_ts"] + wait
        columns = {
            **views,
            "stars": np.clip(np.round(1 + 4 * satisfied + 2 * noise), 1, 5).astype(np.int8),
            "ts": ts,
            "known_at": ts,
        }
        return {name: columns[name][answers] for name in SURVEY_COLUMNS}

    def _views(self, step: StepRecord) -> Columns:
        """Return one row per started video: what a survey could ask about."""
        row, slot = np.nonzero(step.started)
        batch, item, viewed = step.batch, step.slates.items[row, slot], step.viewed[row, slot]
        return {
            "impression_id": batch.request_id[row] * self.setup.config.slots + slot,
            "user_id": batch.user[row].astype(np.int32),
            "item_id": item.astype(np.int32),
            "view_ts": batch.ts[row],
            "key": item_keys(batch.request_id[row], item),
            "satisfied": np.where(
                viewed, step.reaction.satisfaction[row, slot], UNWANTED_SATISFACTION
            ),
        }


# What a video that started by itself and was not wanted is worth to its viewer.
UNWANTED_SATISFACTION = np.float32(0.15)


def item_keys(request_id: np.ndarray, item: np.ndarray) -> np.ndarray:
    """Return the number of a request with a video: what its chance events are drawn by."""
    return request_id.astype(np.int64) * MOST_ITEMS + item


def user_of_session(session_id: np.ndarray, users: int) -> np.ndarray:
    """Return the user of sessions of a world with so many users."""
    return session_id // MOST_SESSIONS % users


def context_columns(population: Population, batch: Batch) -> Columns:
    """Return who asks, when and on what, shape (n,) each, as policies and logs see it."""
    users, user = population.users, batch.user
    return {
        "user_id": user.astype(np.int32),
        "device": batch.device.copy(),
        "hour": (batch.ts // HOUR % HOURS).astype(np.int8),
        "weekday": (batch.ts // DAY % 7).astype(np.int8),
        "age_band": users.age_band[user],
        "country": users.country[user],
    }


def item_columns(population: Population, items: np.ndarray, ts: np.ndarray) -> Columns:
    """Return what is known of videos at times, shape (m,) each."""
    videos = population.videos
    return {
        "item_id": items.astype(np.int32),
        "creator_id": videos.creator[items],
        "topic": videos.topic[items],
        "duration": videos.duration[items],
        "video_age_days": ((ts - videos.uploaded_at[items]) / DAY).astype(np.float32),
    }


def video_columns(population: Population, items: np.ndarray) -> Columns:
    """Return the rows of the catalogue: what is known of videos when they are uploaded."""
    videos = population.videos
    columns = {
        "item_id": items.astype(np.int32),
        "ts": videos.uploaded_at[items],
        "creator_id": videos.creator[items],
        "topic": videos.topic[items],
        "duration": videos.duration[items],
    }
    text = videos.text[items]
    return columns | {f"text_{place}": text[:, place] for place in range(text.shape[1])}


def _sessions(steps: Sequence[StepRecord]) -> Columns:
    """Return one row per session that began in the hour."""
    first = steps[0].batch
    place = {name: np.zeros(len(first), np.int64) for name in ("slates", "clicks")}
    watched, until = np.zeros(len(first)), np.zeros(len(first))
    order = np.argsort(first.session_id)
    for step in steps:
        at = order[np.searchsorted(first.session_id, step.batch.session_id, sorter=order)]
        place["slates"][at] += 1
        place["clicks"][at] += step.started.sum(axis=1)
        watched[at] += step.seconds.sum(axis=1)
        until[at] = step.done_at
    return {
        "session_id": first.session_id,
        "user_id": first.user.astype(np.int32),
        "ts": first.began,
        "known_at": until,
        **place,
        "watch_seconds": watched.astype(np.float32),
    }


def _joined(parts) -> Columns:
    tables = list(parts)
    return {name: np.concatenate([part[name] for part in tables]) for name in tables[0]}

"""The rows of the event tables."""

from __future__ import annotations

import numpy as np

from mlsd.runtime.times import DAY, HOUR
from mlsd.worlds.event.catalogue import Events
from mlsd.worlds.event.config import HOURS
from mlsd.worlds.event.population import Population
from mlsd.worlds.event.setup import Setup
from mlsd.worlds.event.state import FEED, YES, WorldState
from mlsd.worlds.kit.records import Columns
from mlsd.worlds.kit.slates import NO_ITEM, Slates

LOGGED_TABLES = (
    "requests",
    "impressions",
    "rsvps",
    "invitations",
    "attendance",
    "pushes",
    "opt_outs",
)
OBSERVED_TABLES = ("events", "homes", *LOGGED_TABLES)
# An answer follows the click within this time.
ANSWER_SECONDS = 120.0


def context_columns(
    setup: Setup, state: WorldState, user: np.ndarray, ts: np.ndarray
) -> dict[str, np.ndarray]:
    """Return who asks, where and when, shape (n,) each, as policies and logs see it."""
    return {
        "user_id": user.astype(np.int32),
        "city": state.city[user],
        "home_x": state.home_x[user],
        "home_y": state.home_y[user],
        "hour": (ts // HOUR % HOURS).astype(np.int8),
        "weekday": (ts // DAY % 7).astype(np.int8),
        "age_band": setup.people.users.age_band[user],
    }


def impression_rows(
    context: Columns, request: tuple[np.ndarray, np.ndarray], slates: Slates, clicked: np.ndarray
) -> Columns:
    """Return one row per event shown, with what is known of it at once.

    Parameters
    ----------
    context : Columns
    request : tuple of ndarray
        Number and time of each request, shape (n,) each.
    slates : Slates
    clicked : ndarray of bool, shape (n, slots)
    """
    request_id, ts = request
    row, slot = np.nonzero(slates.items != NO_ITEM)
    rows = {name: values[row] for name, values in context.items()}
    return {
        "impression_id": request_id[row] * slates.items.shape[1] + slot,
        "request_id": request_id[row],
        "ts": ts[row],
        "known_at": ts[row] + ANSWER_SECONDS,
        **rows,
        "position": slot.astype(np.int8),
        "event_id": slates.items[row, slot].astype(np.int32),
        "propensity": slates.propensity[row, slot].astype(np.float32),
        "source": slates.source[row, slot],
        "click": clicked[row, slot].astype(np.int8),
    }


def with_answers(impressions: Columns, answers: Columns) -> Columns:
    """Return impressions with the column `yes`: whether the click led to one."""
    yes = np.zeros(len(impressions["click"]), np.int8)
    if answers:
        came = (answers["source"] == FEED) & (answers["status"] == YES)
        wanted = answers["origin"][came]
        order = np.argsort(impressions["impression_id"])
        yes[order[np.searchsorted(impressions["impression_id"], wanted, sorter=order)]] = 1
    return {**impressions, "yes": yes}


def rsvp_rows(answers: Columns) -> Columns:
    """Return one row per answer; those who looked and gave none have no row."""
    given = answers["status"] > 0
    rows = {name: values[given] for name, values in answers.items()}
    return {
        "user_id": rows["user"].astype(np.int32),
        "event_id": rows["event"].astype(np.int32),
        "ts": rows["ts"],
        "known_at": rows["ts"],
        "status": rows["status"].astype(np.int8),
        "source": rows["source"].astype(np.int8),
    }


def event_columns(events: Events, items: np.ndarray) -> Columns:
    """Return what is known of events when they are published, without their text."""
    return {
        "event_id": items.astype(np.int32),
        "ts": events.published_at[items],
        "known_at": events.published_at[items],
        "host_id": events.host[items],
        "group_id": events.group[items],
        "venue_id": events.venue[items],
        "city": events.city[items],
        "x": events.x[items],
        "y": events.y[items],
        "category": events.topic[items],
        "price": events.price[items],
        "capacity": events.capacity[items],
        "starts_at": events.starts_at[items],
        "ends_at": events.ends_at[items],
    }


def home_columns(people: Population, rows: np.ndarray) -> Columns:
    """Return where users live from when on."""
    homes = people.homes
    return {
        "user_id": homes.user[rows].astype(np.int32),
        "ts": homes.ts[rows],
        "known_at": homes.ts[rows],
        "city": homes.city[rows],
        "home_x": homes.x[rows],
        "home_y": homes.y[rows],
    }

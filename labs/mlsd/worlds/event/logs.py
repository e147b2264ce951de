"""The logs of the event world: who is there, what there is to go to, and what happened."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from mlsd.data.log import ColumnRoles, LabelledLog
from mlsd.runtime import InputError
from mlsd.runtime.times import DAY
from mlsd.worlds.event.catalogue import Catalogue
from mlsd.worlds.event.population import Links, Population
from mlsd.worlds.event.records import event_columns, home_columns
from mlsd.worlds.event.text import TOPIC_NAMES
from mlsd.worlds.logs import Logs, split_by_time

LABELS = ("click", "yes", "attended")
CATEGORICAL = ("city", "hour", "weekday", "position", "age_band", "event_id")
NUMERIC = ("home_x", "home_y")
ENTITIES = (("event_id",), ("user_id",))


class EventLogs(Logs):
    """Logs of the event world.

    Tables: `users`, `homes` (where users live from when on), `friendships` (both directions),
    `groups`, `memberships`, `hosts`, `venues`, `events` (with `title` and `text`), `requests`,
    `impressions`, `rsvps` (`status` 1 yes, 2 maybe, 3 no, 4 on the waiting list; `source` 0 the
    feed, 1 a mail of a group, 2 an invitation, 3 a push), `invitations`, `attendance` (known hours
    after the end of the event), `pushes` (also those considered and not sent) and `opt_outs`. All
    times are seconds since the origin, a Monday at midnight; places are kilometres.
    """

    def labelled(
        self,
        *,
        label: str = "yes",
        split: tuple[float, float, float] = (0.8, 0.1, 0.1),
        name: str = "event_world",
    ) -> LabelledLog:
        """Return the impressions as a log to learn from.

        Parameters
        ----------
        label : str
            ``"click"``, ``"yes"``, or ``"attended"``: the click led to a yes, and its user came.
            The last is known once the event is over, so that later impressions are left out.
        split : tuple of float
            Shares of the training, validation and test part, in time order.
        name : str
            For tables and messages.

        Raises
        ------
        InputError
            For another label, or logs without an impression.
        """
        if label not in LABELS:
            raise InputError(f"labelled: unknown label {label!r}; choose among {LABELS}")
        frame = self.impressions if label != "attended" else self._with_attendance()
        if frame.empty:
            raise InputError("the logs hold no settled impression; take more days or a later time")
        frame = frame.sort_values("ts", kind="stable", ignore_index=True)
        roles = ColumnRoles(
            label=label,
            time="ts",
            known_at="known_at",
            user="user_id",
            item="event_id",
            categorical=CATEGORICAL,
            numeric=NUMERIC,
            entities=ENTITIES,
        )
        return LabelledLog(name, frame, roles, split_by_time(len(frame), split))

    def _with_attendance(self) -> pd.DataFrame:
        """Return the impressions whose event is over, with whether the user came of them."""
        keys = ["user_id", "event_id"]
        over = self.events.loc[self.events["ends_at"] + DAY <= self.until, ["event_id", "ends_at"]]
        shown = self.impressions.merge(over, on="event_id")
        came = self.attendance.loc[self.attendance["attended"] == 1, keys].assign(came=1)
        shown = shown.merge(came, on=keys, how="left")
        attended = (shown["came"].fillna(0) * shown["yes"]).astype("int8")
        known_at = np.where(shown["click"] == 1, shown["ends_at"] + DAY, shown["known_at"])
        shown = shown.assign(attended=attended, known_at=known_at)
        return shown.drop(columns=["came", "ends_at"])


def entity_tables(
    people: Population, catalogue: Catalogue, until: float
) -> dict[str, Callable[[], pd.DataFrame]]:
    """Return makers of the tables that say who and what is there, as known at `until`."""
    return {
        "users": lambda: _users(people, until),
        "homes": lambda: pd.DataFrame(
            home_columns(people, np.flatnonzero(people.homes.ts <= until))
        ).sort_values("ts", kind="stable", ignore_index=True),
        "friendships": lambda: _links(people.friends, "user_id", "friend_id", until),
        "groups": lambda: _groups(people),
        "memberships": lambda: _links(people.members, "user_id", "group_id", until),
        "hosts": lambda: _hosts(catalogue, until),
        "venues": lambda: _venues(catalogue),
        "events": lambda: _events(catalogue, until),
    }


def _users(people: Population, until: float) -> pd.DataFrame:
    users = people.users
    here = np.flatnonzero(users.signup_day * DAY <= until)
    columns = {
        "user_id": here.astype(np.int32),
        "ts": users.signup_day[here] * float(DAY),
        "age_band": users.age_band[here],
    }
    return pd.DataFrame(columns)


def _links(links: Links, one: str, other: str, until: float) -> pd.DataFrame:
    user = np.repeat(np.arange(len(links.start) - 1), np.diff(links.start))
    here = links.since <= until
    columns = {
        one: user[here].astype(np.int32),
        other: links.to[here].astype(np.int32),
        "ts": links.since[here],
    }
    return pd.DataFrame(columns).sort_values("ts", kind="stable", ignore_index=True)


def _groups(people: Population) -> pd.DataFrame:
    groups = people.groups
    columns = {
        "group_id": np.arange(len(groups.city), dtype=np.int32),
        "city": groups.city,
        "category": groups.topic,
        "ts": np.full(len(groups.city), -np.inf),
    }
    return pd.DataFrame(columns)


def _hosts(catalogue: Catalogue, until: float) -> pd.DataFrame:
    hosts = catalogue.hosts
    here = np.flatnonzero(hosts.since_day * DAY <= until)
    columns = {
        "host_id": here.astype(np.int32),
        "ts": hosts.since_day[here] * float(DAY),
        "city": hosts.city[here],
        "group_id": hosts.group[here],
    }
    return pd.DataFrame(columns)


def _venues(catalogue: Catalogue) -> pd.DataFrame:
    venues = catalogue.venues
    columns = {
        "venue_id": np.arange(len(venues.city), dtype=np.int32),
        "city": venues.city,
        "x": venues.x,
        "y": venues.y,
        "ts": np.full(len(venues.city), -np.inf),
    }
    return pd.DataFrame(columns)


def _events(catalogue: Catalogue, until: float) -> pd.DataFrame:
    events = catalogue.events
    here = np.flatnonzero(events.published_at <= until)
    table = pd.DataFrame(event_columns(events, here))
    titles, texts = events.texts
    table["category_name"] = [TOPIC_NAMES[code] for code in table["category"]]
    table["title"] = [titles[place] for place in here]
    table["text"] = [texts[place] for place in here]
    return table

"""Stylised facts of the event world: what it does, beside the published value that it imitates."""

from __future__ import annotations

import numpy as np
import pandas as pd

from mlsd.metrics import gini
from mlsd.runtime.times import DAY
from mlsd.worlds.event.logs import EventLogs
from mlsd.worlds.event.state import FEED, GROUP, INVITATION, PUSH, YES
from mlsd.worlds.kit.facts import Fact

GEORGIEV = "Georgiev, Noulas and Mascolo 2014, The Call of the Crowd (Foursquare, three cities)"
MEETUP = "Meetup, Montana groups (an extract of its public interface, 2008 to 2016), our count"


def _yeses(logs: EventLogs) -> pd.DataFrame:
    said = logs.rsvps[logs.rsvps["status"] == YES]
    return said.merge(logs.events, on="event_id", suffixes=("", "_event"))


def _clicks(logs: EventLogs, truth: pd.DataFrame) -> str:
    shown = logs.impressions
    return f"{shown['click'].mean():.1%} clicked, {shown['yes'].mean():.1%} lead to a yes"


def _position(logs: EventLogs, truth: pd.DataFrame) -> str:
    rate = logs.impressions.groupby("position")["click"].mean()
    return f"{rate.iloc[4] / rate.iloc[0]:.2f}"


def _distance(logs: EventLogs, truth: pd.DataFrame) -> str:
    """Return the yes rate of impressions by distance, over that of the nearest."""
    shown = logs.impressions.merge(logs.events[["event_id", "x", "y"]], on="event_id")
    km = np.hypot(shown["home_x"] - shown["x"], shown["home_y"] - shown["y"])
    band = pd.cut(km, [0, 2, 5, 10, 20, 40], include_lowest=True)
    rate = shown["yes"].groupby(band, observed=True).mean()
    return ", ".join(f"{value:.2f}" for value in rate / rate.iloc[0])


def _friends(logs: EventLogs, truth: pd.DataFrame) -> str:
    """Return the odds of a click with a friend going over those without, on the same match."""
    shown = logs.impressions.assign(match=truth["match"].to_numpy())
    shown = shown.merge(_friends_going(logs), on="impression_id", how="left")
    has = shown["friends"].fillna(0) > 0
    band = pd.qcut(shown["match"], 10, labels=False)
    odds = shown.groupby([band, has])["click"].mean().pipe(lambda p: p / (1 - p)).unstack()
    return f"{np.exp(np.log(odds[True] / odds[False]).mean()):.1f} times the odds"


def _friends_going(logs: EventLogs) -> pd.DataFrame:
    """Return how many friends had said yes before each impression that has any."""
    said = logs.rsvps.loc[logs.rsvps["status"] == YES, ["user_id", "event_id", "ts"]]
    pairs = said.merge(logs.friendships[["user_id", "friend_id"]], on="user_id")
    pairs = pairs.rename(columns={"user_id": "who", "friend_id": "user_id", "ts": "said"})
    keys = ["impression_id", "user_id", "event_id", "ts"]
    found = logs.impressions[keys].merge(pairs, on=["user_id", "event_id"])
    found = found[found["said"] < found["ts"]]
    return found.groupby("impression_id").size().rename("friends").reset_index()


def _sources(logs: EventLogs, truth: pd.DataFrame) -> str:
    share = logs.rsvps.loc[logs.rsvps["status"] == YES, "source"].value_counts(normalize=True)
    names = {FEED: "feed", INVITATION: "invitations", GROUP: "groups", PUSH: "pushes"}
    return ", ".join(f"{name} {share.get(code, 0):.0%}" for code, name in names.items())


def _members(logs: EventLogs, truth: pd.DataFrame) -> str:
    said = _yeses(logs)
    pairs = said[["user_id", "group_id"]].merge(logs.memberships, on=["user_id", "group_id"])
    return f"{len(pairs) / len(said):.0%}"


def _attended(logs: EventLogs, truth: pd.DataFrame) -> str:
    keys = ["user_id", "event_id"]
    yes = logs.rsvps.loc[logs.rsvps["status"] == YES, keys]
    came = logs.attendance.merge(yes, on=keys).merge(logs.events, on="event_id")
    free = came["price"] == 0
    paid = came.loc[~free, "attended"].mean()
    return f"{came.loc[free, 'attended'].mean():.0%} of free ones, {paid:.0%} of those paid for"


def _lead(logs: EventLogs, truth: pd.DataFrame) -> str:
    said = _yeses(logs)
    days = (said["starts_at"] - said["ts"]) / DAY
    low, middle, high = days.quantile([0.25, 0.5, 0.75])
    return f"median {middle:.1f} days, quartiles {low:.1f} and {high:.1f}"


def _per_event(logs: EventLogs, truth: pd.DataFrame) -> str:
    over = logs.events[(logs.events["starts_at"] < logs.until) & (logs.events["ts"] >= 0)]
    yes = _yeses(logs).groupby("event_id").size().reindex(over["event_id"]).fillna(0)
    full = (yes.to_numpy() >= over["capacity"].to_numpy()).mean()
    return f"mean {yes.mean():.1f}, Gini {gini(yes.to_numpy()):.2f}; {full:.0%} sold out"


def _cold(logs: EventLogs, truth: pd.DataFrame) -> str:
    shown = logs.impressions.merge(logs.events[["event_id", "ts"]], on="event_id")
    age = (shown["ts_x"] - shown["ts_y"]) / DAY
    said = _yeses(logs).groupby("user_id").size()
    users = len(logs.users)
    return f"median event {age.median():.1f} days old; {(said >= 5).sum() / users:.0%} of users"


def _opt_outs(logs: EventLogs, truth: pd.DataFrame) -> str:
    sent = logs.pushes["sent"].sum()
    return f"{1_000 * len(logs.opt_outs) / sent:.0f} per thousand pushes"


def _homes(logs: EventLogs, truth: pd.DataFrame) -> str:
    said = _yeses(logs)
    homes = logs.homes.sort_values("ts")[["ts", "user_id", "home_x", "home_y"]]
    said = pd.merge_asof(said.sort_values("ts"), homes, on="ts", by="user_id")
    km = np.hypot(said["home_x"] - said["x"], said["home_y"] - said["y"])
    return f"median {km.median():.1f} km, three quarters within {km.quantile(0.75):.1f}"


FACTS: tuple[Fact, ...] = (
    Fact("Impressions", _clicks, "qualitative", "none"),
    Fact("Click rate of the fifth place over the first", _position, "qualitative", "none"),
    Fact(
        "Yes rate by distance, up to 2, 5, 10, 20, 40 km, over the nearest",
        _distance,
        "qualitative: interest falls with distance",
        "Macedo, Marinho and Santos 2015, Context-Aware Event Recommendation",
    ),
    Fact("Distance of a yes from home", _homes, "qualitative", "none"),
    Fact(
        "Clicks where a friend goes, at the same match",
        _friends,
        "qualitative: friends who attend dominate all other factors",
        GEORGIEV,
    ),
    Fact("Where yeses come from", _sources, "qualitative", "none"),
    Fact("Yeses to events of the user's own groups", _members, "qualitative", "none"),
    Fact(
        "Of those who said yes, those who come",
        _attended,
        "38 % free, 69 % for five dollars (one webinar, offered both ways); no-shows of free "
        "events about 28 %, of paid ones about 17 % (860 events)",
        "Eventbrite's experiment, as reported by FanFueled; PheedLoop, Event Data Lab report 6",
    ),
    Fact("Time from a yes to the start", _lead, "qualitative", "none"),
    Fact("Yeses per event that is over", _per_event, "qualitative", "none"),
    Fact("Age of what is shown, and users with five yeses", _cold, "qualitative", "none"),
    Fact(
        "Pushes switched off",
        _opt_outs,
        "10 % of those asked would after one push a week, 37 % after two to five",
        "Localytics 2017, a survey of 1,000, as reported by MarketingProfs",
    ),
)

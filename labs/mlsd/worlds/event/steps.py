"""What stretches of the event world leave behind: hours, and nights."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from mlsd.runtime.times import DAY
from mlsd.worlds.event.state import YES
from mlsd.worlds.kit.records import Columns
from mlsd.worlds.kit.simulator import Part


@dataclass(frozen=True)
class HourStep:
    """What an hour left behind.

    Attributes
    ----------
    tables : dict of str to Columns
    answers : Columns
        Those who looked at a page, with `status`, and `refused` where no seat was left.
    going : Columns
        Yeses and maybes of the events that began, with `came` and `enjoyed`.
    price : ndarray, shape (events,)
        Ticket price of all events.
    truth : Columns
        What the world keeps to itself of each impression.
    opted_out, opted_out_at : ndarray, shape (n,)
        Who switched pushes off, and when.
    """

    tables: dict[str, Columns]
    answers: Columns
    going: Columns
    price: np.ndarray
    truth: Columns = field(default_factory=dict)
    opted_out: np.ndarray = field(default_factory=lambda: np.zeros(0, np.intp))
    opted_out_at: np.ndarray = field(default_factory=lambda: np.zeros(0))

    def parts(self) -> Iterator[Part]:
        """Yield what is measured: yeses, tickets, refusals, who came, who switched pushes off."""
        if self.answers:
            user, ts, event = (self.answers[name] for name in ("user", "ts", "event"))
            said_yes = self.answers["status"] == YES
            yield Part("yes", user, ts, said_yes)
            yield Part("tickets", user, ts, said_yes * self.price[event])
            yield Part("refused", user, ts, self.answers["refused"])
        if self.going:
            # Whoever comes counts on the day of the yes, which the policy brought about.
            user, ts = self.going["user"], self.going["ts"]
            yield Part("attended", user, ts, self.going["came"], self.going["known_at"])
            yield Part("enjoyed", user, ts, self.going["enjoyed"], self.going["known_at"])
        ones = np.ones(len(self.opted_out), np.int64)
        yield Part("opt_outs", self.opted_out, self.opted_out_at, ones)


@dataclass(frozen=True)
class NightStep:
    """What a day came to: who was a user on it."""

    tables: dict[str, Columns]
    user: np.ndarray
    end: float

    truth: Columns | None = None

    def parts(self) -> Iterator[Part]:
        """Yield the days that users were there for, visited or not."""
        within = np.full(len(self.user), self.end - DAY / 2)
        yield Part("user_days", self.user, within, np.ones(len(self.user), np.int64))

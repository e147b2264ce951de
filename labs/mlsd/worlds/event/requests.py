"""What the event feed asks a policy: whom to show what, and whom to send a push."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from mlsd.runtime import InputError
from mlsd.worlds.base import Requests
from mlsd.worlds.event.catalogue import Events
from mlsd.worlds.kit.slates import NO_ITEM, Slates
from mlsd.worlds.logs import LazyMapping


@dataclass(frozen=True)
class EventRequests(Requests):
    """Requests for a page of events each; they carry no candidates, a policy names events.

    The context holds `user_id`, `city`, `home_x`, `home_y` (kilometres), `hour`, `weekday` and
    `age_band`.

    Attributes
    ----------
    slots : int
        How many events a page has, at the most.
    open : ndarray of int32, shape (m,)
        Ids of the events that are published and have not begun, sorted.
    open_x, open_y : ndarray of float32, shape (m,)
        Where they take place, kilometres.
    reach_km : float
        An event farther from home than this cannot be shown.
    """

    slots: int
    open: np.ndarray
    open_x: np.ndarray
    open_y: np.ndarray
    reach_km: float

    def take(self, rows: np.ndarray) -> EventRequests:
        """Return some of the requests, in the order of `rows`."""
        context = self.context
        makers = {name: lambda name=name: context[name][rows] for name in context}
        return replace(
            self,
            ts=self.ts[rows],
            request_id=self.request_id[rows],
            context=LazyMapping(makers),
        )


@dataclass(frozen=True)
class Pushes:
    """One push, or none, for each of some users.

    Attributes
    ----------
    items : ndarray of int, shape (n,)
        The event; -1 where there is none in question.
    sent : ndarray of bool, shape (n,), or None
        Whether it is sent; None where every one is. What is in question and not sent is recorded,
        so that the effect of a push can be told.
    propensity : ndarray, shape (n,), or None
        Probability that this event is sent to this user, given that it is in question; None where
        nothing was left to chance.
    """

    items: np.ndarray
    sent: np.ndarray | None = None
    propensity: np.ndarray | None = None

    def filled(self) -> Pushes:
        """Return these pushes with nothing left open."""
        there = self.items != NO_ITEM
        return Pushes(
            self.items,
            there if self.sent is None else self.sent & there,
            np.ones(len(there), np.float32) if self.propensity is None else self.propensity,
        )


def require_showable(slates: Slates, requests: EventRequests, events: Events) -> None:
    """Stop where a policy names what cannot be shown.

    Raises
    ------
    InputError
        For slates of another shape, an event that is not open or out of reach, or one that is on a
        page twice.
    """
    items, wanted = slates.items, (len(requests), requests.slots)
    if items.shape != wanted:
        raise InputError(f"slates: items have shape {items.shape}; give {wanted}")
    _require_open(items, requests, events, "slates")
    ordered = np.sort(items, axis=1)
    twice = ((ordered[:, 1:] == ordered[:, :-1]) & (ordered[:, 1:] != NO_ITEM)).any(axis=1)
    if twice.any():
        row = int(np.argmax(twice))
        raise InputError(
            f"slates: request {requests.request_id[row]} shows an event twice; name each once"
        )


def require_sendable(pushes: Pushes, requests: EventRequests, events: Events) -> None:
    """Stop where a policy would push what cannot be shown.

    Raises
    ------
    InputError
        For pushes of another shape, or an event that is not open or out of reach.
    """
    if pushes.items.shape != (len(requests),):
        raise InputError(f"pushes: items have shape {pushes.items.shape}; give {(len(requests),)}")
    _require_open(pushes.items[:, None], requests, events, "pushes")


def _require_open(items: np.ndarray, requests: EventRequests, events: Events, what: str) -> None:
    is_open = np.zeros(len(events) + 1, bool)
    is_open[requests.open] = True
    is_open[NO_ITEM] = True  # the last place: an empty slot may be shown
    known = (items >= NO_ITEM) & (items < len(events))
    fine = known & is_open[np.where(known, items, NO_ITEM)]
    if not fine.all():
        row, slot = np.argwhere(~fine)[0]
        raise InputError(
            f"{what}: event {items[row, slot]} of request {requests.request_id[row]} is not open; "
            "choose among `requests.open`"
        )
    x, y = (np.asarray(requests.context[name])[:, None] for name in ("home_x", "home_y"))
    there = np.maximum(items, 0)
    km = np.hypot(x - events.x[there], y - events.y[there])
    far = (km > requests.reach_km) & (items != NO_ITEM)
    if far.any():
        row, slot = np.argwhere(far)[0]
        raise InputError(
            f"{what}: event {items[row, slot]} lies {km[row, slot]:.0f} km from the home of "
            f"request {requests.request_id[row]}; it can be at most {requests.reach_km:g} km away"
        )

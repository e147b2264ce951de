"""Chance in a feed: slots drawn at random, with the probability that the log has to keep."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from mlsd.runtime import InputError
from mlsd.worlds.base import Policy
from mlsd.worlds.kit.luck import hashed_uniform
from mlsd.worlds.logs import Tables
from mlsd.worlds.video import FeedRequests, Slates


class RandomSlotsPolicy:
    """Fills each slot, with some probability, with any live video instead of the policy's own.

    Parameters
    ----------
    policy : Policy
        Fills the other slots, in its order: a slot that is left to chance moves its videos down.
    share : float
        Probability that a slot is left to chance; 1 serves uniformly random slates.
    seed : int
        Of the draws, which depend on it and on the request alone.

    Raises
    ------
    InputError
        For a share outside 0 to 1.

    Notes
    -----
    Chance draws among the live videos that neither the session nor the slots above have shown, m of
    them, so that the logged propensity of a video is ``share / m``, and ``1 - share`` more for the
    next one of the policy: exact, given the slots above. `source` is 1 where chance drew, else 0.
    """

    def __init__(self, policy: Policy, share: float, *, seed: int = 0) -> None:
        if not 0 <= share <= 1:
            raise InputError(f"share is {share!r}; give a probability, 0 to 1")
        self.policy = policy
        self.share = share
        self.seed = seed

    def observe(self, events: Tables) -> None:
        """Hand the events on."""
        self.policy.observe(events)

    def act(self, requests: FeedRequests) -> Slates:
        """Return slates with propensities and sources."""
        own = self.policy.act(requests).items
        live, slots = requests.live, requests.slots
        key = requests.request_id[:, None] * slots + np.arange(slots)
        chance, place = (
            hashed_uniform(self.seed, f"random-slot-{name}", key.ravel()).reshape(key.shape)
            for name in ("chance", "place")
        )
        items = np.zeros(own.shape, np.int32)
        propensity = np.zeros(own.shape, np.float32)
        source = (chance < self.share).astype(np.int8)
        for slot in range(slots):
            above = items[:, :slot]
            free = ~(own[:, :, None] == above[:, None, :]).any(axis=2)
            following = np.take_along_axis(own, free.argmax(axis=1)[:, None], axis=1)[:, 0]
            taken = _places(np.concatenate([requests.shown, above], axis=1), live)
            left = len(live) - (taken < len(live)).sum(axis=1)
            drawn = live[_skipping((place[:, slot] * left).astype(np.intp), taken)]
            items[:, slot] = np.where(source[:, slot] == 1, drawn, following)
            propensity[:, slot] = self.share / left
            propensity[:, slot] += (1 - self.share) * (items[:, slot] == following)
        return Slates(items, propensity, source)


class HoldoutPolicy:
    """Serves some users by a policy of its own, for as long as it is deployed.

    Parameters
    ----------
    policy : Policy
        Of everybody else. It observes every event, so what it learns from is its own affair.
    apart : Policy
        Of the users who are held out, such as `RandomSlotsPolicy` with a share of 1.
    held_out : callable
        From user ids, shape (n,), to whether each is held out, always alike for one user.
    """

    def __init__(
        self, policy: Policy, apart: Policy, held_out: Callable[[np.ndarray], np.ndarray]
    ) -> None:
        self.policy = policy
        self.apart = apart
        self.held_out = held_out

    def observe(self, events: Tables) -> None:
        """Hand the events on to both."""
        self.policy.observe(events)
        self.apart.observe(events)

    def act(self, requests: FeedRequests) -> Slates:
        """Return the slates of each side; one that leaves nothing to chance has propensity 1."""
        held = np.asarray(self.held_out(np.asarray(requests.context["user_id"])), bool)
        if not held.any():
            return self.policy.act(requests)
        if held.all():
            return self.apart.act(requests)
        sides = [(self.policy, np.flatnonzero(~held)), (self.apart, np.flatnonzero(held))]
        answers = [policy.act(requests.take(rows)).filled() for policy, rows in sides]
        order = np.argsort(np.concatenate([rows for _, rows in sides]))
        return Slates(
            *(
                np.concatenate([getattr(answer, name) for answer in answers])[order]
                for name in ("items", "propensity", "source")
            )
        )


def _places(items: np.ndarray, live: np.ndarray) -> np.ndarray:
    """Return where items stand among the live ones, sorted; past the end where they do not."""
    place = np.minimum(np.searchsorted(live, items), len(live) - 1)
    place = np.where(live[place] == items, place, len(live))
    # A video that was shown twice is taken once.
    place = np.sort(place, axis=1)
    place[:, 1:][place[:, 1:] == place[:, :-1]] = len(live)
    return np.sort(place, axis=1)


def _skipping(place: np.ndarray, taken: np.ndarray) -> np.ndarray:
    """Return the places, shape (n,), counted among those that are not taken, (n, k) sorted."""
    for column in taken.T:
        place = place + (place >= column)
    return place

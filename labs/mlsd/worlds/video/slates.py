"""What a feed asks a policy, and what a policy answers: requests and slates."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from mlsd.runtime import InputError
from mlsd.worlds.base import Requests
from mlsd.worlds.kit.slates import Slates
from mlsd.worlds.logs import LazyMapping


@dataclass(frozen=True)
class FeedRequests(Requests):
    """Requests for a slate each; they carry no candidates, a policy names videos.

    Attributes
    ----------
    slots : int
        How many videos a slate has.
    live : ndarray of int32, shape (m,)
        Ids of the videos that may be shown, sorted: uploaded and not removed.
    shown : ndarray of int32, shape (n, step * slots)
        Videos that the session has been shown so far, in order.
    recent : callable
        From a length to the videos that each user started last, shape (n, length), newest last,
        -1 where there were fewer.

    Examples
    --------
    >>> none = np.zeros((2, 0), np.int32)
    >>> asked = FeedRequests(
    ...     np.zeros(2), np.arange(2), {"user_id": np.arange(2)}, 1, np.arange(9), none,
    ...     lambda length: np.full((2, length), -1),
    ... )
    >>> asked.history(3).shape
    (2, 3)
    """

    slots: int
    live: np.ndarray
    shown: np.ndarray
    recent: Callable[[int], np.ndarray]

    def history(self, length: int = 50) -> np.ndarray:
        """Return the videos that each user started last, shape (n, length), newest last."""
        return self.recent(length)

    def take(self, rows: np.ndarray) -> FeedRequests:
        """Return some of the requests, in the order of `rows`."""
        context = self.context
        makers = {name: lambda name=name: context[name][rows] for name in context}
        return replace(
            self,
            ts=self.ts[rows],
            request_id=self.request_id[rows],
            context=LazyMapping(makers),
            shown=self.shown[rows],
            recent=lambda length: self.recent(length)[rows],
        )


def require_showable(slates: Slates, requests: FeedRequests, is_live: np.ndarray) -> None:
    """Stop where a policy names what cannot be shown.

    Parameters
    ----------
    slates : Slates
    requests : FeedRequests
    is_live : ndarray of bool, shape (videos,)

    Raises
    ------
    InputError
        For slates of another shape, a video that is not live, or one that is on a slate twice.
    """
    items, wanted = slates.items, (len(requests), requests.slots)
    if items.shape != wanted:
        raise InputError(f"slates: items have shape {items.shape}; give {wanted}")
    known = (items >= 0) & (items < len(is_live))
    shown = known & is_live[np.where(known, items, 0)]
    if not shown.all():
        row, slot = np.argwhere(~shown)[0]
        raise InputError(
            f"slates: video {items[row, slot]} of request {requests.request_id[row]} is not live; "
            "choose among `requests.live`"
        )
    ordered = np.sort(items, axis=1)
    twice = (ordered[:, 1:] == ordered[:, :-1]).any(axis=1)
    if twice.any():
        row = int(np.argmax(twice))
        raise InputError(
            f"slates: request {requests.request_id[row]} shows a video twice; name each once"
        )

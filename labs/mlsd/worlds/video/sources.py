"""Where a slot of the logging policy is drawn from, with exact probabilities."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from mlsd.worlds.kit.slates import NO_ITEM


class Source(Protocol):
    """A distribution over videos for each request."""

    def draw(self, rows: np.ndarray, place: np.ndarray) -> np.ndarray:
        """Return a video for each row of requests, by uniform numbers; -1 where there is none."""
        ...

    def mass(self, items: np.ndarray) -> np.ndarray:
        """Return the probability of drawing each of `items`, shape (n, k)."""
        ...

    def nothing(self, requests: int) -> np.ndarray:
        """Return the probability of drawing nothing, shape (requests,)."""
        ...


class Corpus:
    """Any video of a corpus, for all requests alike.

    Parameters
    ----------
    items : ndarray of int, shape (m,)
    videos : int
        How many videos there are, in the corpus or not.

    Examples
    --------
    >>> corpus = Corpus(np.array([3, 5]), 10)
    >>> corpus.draw(np.array([0]), np.array([0.6])), corpus.mass(np.array([[5, 9]]))
    (array([5]), array([[0.5, 0. ]]))
    """

    def __init__(self, items: np.ndarray, videos: int) -> None:
        self.items = items
        self.each = np.zeros(videos)
        self.each[items] = 1 / max(len(items), 1)

    def draw(self, rows: np.ndarray, place: np.ndarray) -> np.ndarray:
        """Return a video for each row of requests, by uniform numbers; -1 where there is none."""
        if len(self.items) == 0:
            return np.full(len(rows), NO_ITEM)
        return self.items[(place * len(self.items)).astype(np.intp)]

    def mass(self, items: np.ndarray) -> np.ndarray:
        """Return the probability of drawing each of `items`, shape (n, k)."""
        return self.each[items]

    def nothing(self, requests: int) -> np.ndarray:
        """Return the probability of drawing nothing, shape (requests,)."""
        return np.full(requests, float(len(self.items) == 0))


class Related:
    """Any live video of the topic of one of the videos that a viewer started last.

    Parameters
    ----------
    topics : ndarray of int, shape (n, k)
        Topics of the videos started last, -1 where there were fewer.
    live : ndarray of int, shape (m,)
    topic : ndarray of int, shape (videos,)
        Topic of every video.

    Examples
    --------
    >>> related = Related(np.array([[-1, 1]]), np.array([0, 1, 2]), np.array([0, 1, 1]))
    >>> related.draw(np.array([0]), np.array([0.9])), related.mass(np.array([[1]]))
    (array([2]), array([[0.5]]))
    """

    def __init__(self, topics: np.ndarray, live: np.ndarray, topic: np.ndarray) -> None:
        self.topic = topic
        self.by_topic = live[np.argsort(topic[live], kind="stable")]
        count = int(topic.max()) + 1
        self.size = np.bincount(topic[live], minlength=count)
        self.first = np.cumsum(self.size) - self.size
        # A topic without a live video cannot be drawn from.
        self.topics = np.where((topics >= 0) & (self.size[topics] > 0), topics, -1)
        # Known topics stand in any place of their row: sort them to the front.
        self.front = -np.sort(-self.topics, axis=1)
        self.known = (self.topics >= 0).sum(axis=1)
        rows, _ = np.nonzero(self.topics >= 0)
        cell = rows * count + self.topics[self.topics >= 0]
        seen = np.bincount(cell, minlength=len(topics) * count).reshape(-1, count)
        share = seen / np.maximum(self.known, 1)[:, None]
        self.each = share / np.maximum(self.size, 1)

    def draw(self, rows: np.ndarray, place: np.ndarray) -> np.ndarray:
        """Return a video for each row of requests, by uniform numbers; -1 where there is none."""
        known = self.known[rows]
        scaled = place * known
        which = np.minimum(scaled.astype(np.intp), np.maximum(known - 1, 0))
        topic = self.front[rows, which]
        within = ((scaled - which) * self.size[topic]).astype(np.intp)
        item = self.by_topic[self.first[topic] + np.minimum(within, self.size[topic] - 1)]
        return np.where(known > 0, item, NO_ITEM)

    def mass(self, items: np.ndarray) -> np.ndarray:
        """Return the probability of drawing each of `items`, shape (n, k)."""
        row = np.arange(len(items))[:, None] * self.each.shape[1]
        return np.take(self.each, row + self.topic[items])

    def nothing(self, requests: int) -> np.ndarray:
        """Return the probability of drawing nothing, shape (requests,)."""
        return (self.known == 0).astype(float)


def contains(shown: np.ndarray, pool: np.ndarray) -> np.ndarray:
    """Return which items of a pool, shape (n, k), are among those shown, shape (n, m).

    Examples
    --------
    >>> contains(np.array([[4, 2]]), np.array([[1, 2, 3]]))
    array([[False,  True, False]])
    """
    found = np.zeros(pool.shape, bool)
    for column in shown.T:
        found |= pool == column[:, None]
    return found

"""Evaluators of recommenders, two of them sound, and a made-up log to try them on.

An evaluator takes a recommender and held-out data and returns NDCG@10. Each broken one has a single
fault of those that are found in published and in private evaluators.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps

import numpy as np

from mlsd.runtime import InputError

K = 10
SAMPLED = 20

# From what users had, shape (users, items), to scores of that shape; -inf is not recommended.
Recommender = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class HeldOut:
    """Who had which items before, and which ones they chose afterwards.

    Attributes
    ----------
    train, held_out : ndarray of bool, shape (users, items)
        No pair is in both, and every user has at least one item held out.
    """

    train: np.ndarray
    held_out: np.ndarray


Evaluator = Callable[[Recommender, HeldOut], float]


def made_up_log(seed: int, *, users: int = 150, items: int = 80) -> HeldOut:
    """Return a log with popular and rare items, and with busy and rare users.

    Examples
    --------
    >>> data = made_up_log(3)
    >>> data.train.shape, bool((data.train & data.held_out).any())
    ((150, 80), False)
    """
    rng = np.random.default_rng(seed)
    appeal = 1.0 / np.arange(1, items + 1) ** 0.8
    activity = np.exp(rng.normal(0.0, 0.9, users))
    odds = activity[:, None] * appeal * items / appeal.sum() * 0.15
    chosen = rng.random((users, items)) < odds / (1 + odds)
    later = rng.random((users, items)) < 0.4
    held_out = chosen & later
    first = rng.integers(items, size=users)
    held_out[np.arange(users), first] |= ~held_out.any(axis=1)
    return HeldOut(chosen & ~held_out, held_out)


def ndcg_by_user(
    scores: np.ndarray, data: HeldOut, *, noise: np.ndarray, mask: np.ndarray | None = None
) -> np.ndarray:
    """Return NDCG@10 of every user, shape (users,); `noise` decides ties, the smaller first.

    Parameters
    ----------
    scores : ndarray, shape (users, items)
    data : HeldOut
    noise : ndarray, shape (users, items)
    mask : ndarray of bool, shape (users, items), optional
        What cannot be recommended; what users had before where absent.
    """
    hits = _hits(scores, data, noise, data.train if mask is None else mask)
    gains = 1 / np.log2(np.arange(K) + 2)
    return hits @ gains / np.cumsum(gains)[np.minimum(data.held_out.sum(axis=1), K) - 1]


def _hits(scores: np.ndarray, data: HeldOut, noise: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Return which of the first ten are hits, shape (users, 10)."""
    shown = np.where(mask, -np.inf, scores)
    order = np.lexsort((noise, -shown), axis=1)[:, :K]
    found = np.take_along_axis(data.held_out & np.isfinite(shown), order, axis=1)
    return found.astype(float)


_CLOSED: list[bool] = []


@contextmanager
def closed_evaluators() -> Iterator[None]:
    """Let no evaluator answer while probes are made for it: they are what is on trial.

    Examples
    --------
    >>> with closed_evaluators():
    ...     sound_by_ranks(popularity, made_up_log(1))
    Traceback (most recent call last):
    mlsd.runtime.errors.InputError: evaluators are on trial here; say what a probe has to score
    """
    _CLOSED.append(True)
    try:
        yield
    finally:
        _CLOSED.pop()


def _on_trial(evaluator: Evaluator) -> Evaluator:
    @wraps(evaluator)
    def evaluate(recommender: Recommender, data: HeldOut) -> float:
        if _CLOSED:
            raise InputError("evaluators are on trial here; say what a probe has to score")
        return evaluator(recommender, data)

    return evaluate


def _noise(data: HeldOut) -> np.ndarray:
    return np.random.default_rng(0).random(data.train.shape)


@_on_trial
def sound_by_sorting(recommender: Recommender, data: HeldOut) -> float:
    """Rank all items that a user has not had; ties in random order; mean over users."""
    return float(ndcg_by_user(recommender(data.train.copy()), data, noise=_noise(data)).mean())


@_on_trial
def sound_by_ranks(recommender: Recommender, data: HeldOut) -> float:
    """Give tied items the mean of the discounts that their ranks share; mean over users."""
    shown = np.where(data.train, -np.inf, recommender(data.train.copy()))
    gains = np.zeros(data.train.shape[1])
    gains[:K] = 1 / np.log2(np.arange(K) + 2)
    best = np.cumsum(gains)[data.held_out.sum(axis=1) - 1]
    values = []
    for scores, wanted in zip(shown, data.held_out):
        order = np.argsort(-scores)
        _, tied = np.unique(-scores[order], return_inverse=True)
        shared = (np.bincount(tied, gains) / np.bincount(tied))[tied]
        values.append(shared[wanted[order] & np.isfinite(scores[order])].sum())
    return float(np.mean(values / best))


@_on_trial
def keeps_seen_items(recommender: Recommender, data: HeldOut) -> float:
    """Leave what a user had before in the ranking."""
    scores = recommender(data.train.copy())
    nothing = np.zeros_like(data.train)
    return float(ndcg_by_user(scores, data, noise=_noise(data), mask=nothing).mean())


@_on_trial
def samples_negatives(recommender: Recommender, data: HeldOut) -> float:
    """Rank what was held out among twenty sampled items instead of all."""
    noise = _noise(data)
    unknown = np.where(data.train | data.held_out, np.inf, noise)
    left_out = (unknown.argsort(axis=1).argsort(axis=1) >= SAMPLED) & ~data.held_out
    scores = recommender(data.train.copy())
    return float(ndcg_by_user(scores, data, noise=noise, mask=left_out | data.train).mean())


@_on_trial
def breaks_ties_for_hits(recommender: Recommender, data: HeldOut) -> float:
    """Put the held-out item first among items of equal score."""
    scores = recommender(data.train.copy())
    return float(ndcg_by_user(scores, data, noise=~data.held_out).mean())


@_on_trial
def shows_the_held_out(recommender: Recommender, data: HeldOut) -> float:
    """Hand the recommender all interactions, those that it is judged by among them."""
    scores = recommender(data.train | data.held_out)
    return float(ndcg_by_user(scores, data, noise=_noise(data)).mean())


@_on_trial
def averages_rows(recommender: Recommender, data: HeldOut) -> float:
    """Let each user count as often as they have rows in the held-out part."""
    by_user = ndcg_by_user(recommender(data.train.copy()), data, noise=_noise(data))
    return float(np.average(by_user, weights=data.held_out.sum(axis=1)))


@_on_trial
def divides_by_what_was_found(recommender: Recommender, data: HeldOut) -> float:
    """Divide by the best order of the hits that were found, not of all that could be."""
    scores = recommender(data.train.copy())
    hits = _hits(scores, data, _noise(data), data.train)
    gains = 1 / np.log2(np.arange(K) + 2)
    count = hits.sum(axis=1).astype(int)
    best = np.append(np.cumsum(gains), np.inf)[count - 1]
    return float((hits @ gains / best).mean())


@_on_trial
def skips_users_without_hits(recommender: Recommender, data: HeldOut) -> float:
    """Average over the users who have a hit."""
    by_user = ndcg_by_user(recommender(data.train.copy()), data, noise=_noise(data))
    return float(by_user[by_user > 0].mean()) if (by_user > 0).any() else 0.0


@_on_trial
def forgets_the_discount(recommender: Recommender, data: HeldOut) -> float:
    """Count a hit on rank ten like one on rank one."""
    scores = recommender(data.train.copy())
    hits = _hits(scores, data, _noise(data), data.train).sum(axis=1)
    return float((hits / np.minimum(data.held_out.sum(axis=1), K)).mean())


SOUND: tuple[Evaluator, ...] = (sound_by_sorting, sound_by_ranks)
BROKEN: tuple[Evaluator, ...] = (
    keeps_seen_items,
    samples_negatives,
    breaks_ties_for_hits,
    shows_the_held_out,
    averages_rows,
    divides_by_what_was_found,
)
# Faults that the lab does not show, for its check.
UNSHOWN: tuple[Evaluator, ...] = (skips_users_without_hits, forgets_the_discount)


def teams() -> dict[str, Evaluator]:
    """Return the evaluators of eight teams, by letter; which are sound, their names do not say.

    Examples
    --------
    >>> "".join(teams())
    'ABCDEFGH'
    """
    order = np.random.default_rng(20).permutation(len(SOUND) + len(BROKEN))
    evaluators = [*SOUND, *BROKEN]
    return {letter: evaluators[at] for letter, at in zip("ABCDEFGH", order)}


def popularity(train: np.ndarray) -> np.ndarray:
    """Recommend to everybody what most users had: the example of a recommender.

    Examples
    --------
    >>> popularity(np.array([[True, False], [True, False]]))
    array([[2., 0.],
           [2., 0.]])
    """
    return np.broadcast_to(train.sum(axis=0).astype(float), train.shape).copy()

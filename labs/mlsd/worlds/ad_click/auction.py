"""The auction: who is shown where, at which price, and with which probability."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Outcome:
    """What an auction decided, slot by slot; shape (n, slots) each.

    Attributes
    ----------
    candidate : ndarray of int
        Column of the candidate shown.
    filled : ndarray of bool
        Whether the slot found a candidate at all.
    price : ndarray
        What a click costs, or a thousand impressions.
    propensity : ndarray
        Probability that this candidate was shown in this slot, given the request.
    """

    candidate: np.ndarray
    filled: np.ndarray
    price: np.ndarray
    propensity: np.ndarray


def best_candidates(score: np.ndarray, depth: int) -> np.ndarray:
    """Return the columns of the `depth` highest scores of each row, best first.

    Parameters
    ----------
    score : ndarray, shape (n, k)
        Minus infinity for what must not be shown. Of equal scores the first column wins.

    Examples
    --------
    >>> best_candidates(np.array([[0.1, 0.3, 0.2]]), 2)
    array([[1, 2]])
    """
    return np.argsort(-score, axis=1, kind="stable")[:, :depth]


def next_scores(ranked: np.ndarray, slots: int, rule: str) -> np.ndarray:
    """Return the score that sets each slot's price.

    Parameters
    ----------
    ranked : ndarray, shape (n, depth)
        Scores, best first; minus infinity where there is no candidate.
    slots : int
    rule : str
        ``"gsp"`` takes the next score, ``"second"`` the best that found no slot, ``"first"`` the
        own.

    Returns
    -------
    ndarray, shape (n, slots)

    Examples
    --------
    >>> next_scores(np.array([[5.0, 4.0, 3.0]]), 2, "gsp")
    array([[4., 3.]])
    """
    if rule == "first":
        return ranked[:, :slots]
    absent = np.full((len(ranked), slots + 1 - min(slots + 1, ranked.shape[1])), -np.inf)
    ranked = np.concatenate([ranked, absent], axis=1)[:, : slots + 1]
    if rule == "second":
        return np.repeat(ranked[:, slots:], slots, axis=1)
    return ranked[:, 1:]


def slot_prices(
    bid: np.ndarray, score: np.ndarray, following: np.ndarray, reserve: float
) -> np.ndarray:
    """Return the least bid that would have kept each slot, between the reserve and the own bid.

    A score is taken to be proportional to its bid, so the bid that just equals the following score
    is ``bid * following / score``; with scores bid times predicted click-through rate that is the
    next score over the own predicted rate (Edelman, Ostrovsky and Schwarz 2007; Varian 2007).

    Parameters
    ----------
    bid, score, following : ndarray, shape (n, slots)
    reserve : float

    Examples
    --------
    >>> slot_prices(np.array([[2.0]]), np.array([[0.04]]), np.array([[0.03]]), 0.05)
    array([[1.5]])
    """
    usable = (score > 0) & (following > 0)
    ratio = np.divide(following, score, out=np.zeros_like(score), where=usable)
    return np.minimum(np.maximum(bid * ratio, reserve), bid)


def run_auction(
    score: np.ndarray,
    bid: np.ndarray,
    *,
    slots: int,
    rule: str,
    reserve: float,
    score_reserve: float = 0.0,
) -> Outcome:
    """Fill the slots of each request by score and price them.

    Parameters
    ----------
    score, bid : ndarray, shape (n, k)
        A bid of zero marks a candidate that cannot pay; it is never shown.
    slots : int
    rule : str
        Price rule.
    reserve : float
        Least price.
    score_reserve : float
        Least score that is shown, and the least that sets a price; zero for none.

    Returns
    -------
    Outcome
        With propensity one: nothing is random here.

    Examples
    --------
    >>> bid = np.array([[2.0, 1.0]])
    >>> run_auction(bid * 0.1, bid, slots=1, rule="gsp", reserve=0.05).price.round(6)
    array([[1.]])
    """
    able = (bid > 0) & (score >= score_reserve) if score_reserve else bid > 0
    score = np.where(able, score, np.float32(-np.inf))
    candidate = best_candidates(score, slots + 1)
    ranked = np.take_along_axis(score, candidate, axis=1)
    candidate, own = candidate[:, :slots], ranked[:, :slots]
    following = next_scores(ranked, slots, rule)
    if score_reserve:
        following = np.maximum(following, score_reserve)
    price = slot_prices(np.take_along_axis(bid, candidate, axis=1), own, following, reserve)
    return Outcome(candidate, np.isfinite(own), price, np.ones_like(price))


def explore(
    outcome: Outcome,
    bid: np.ndarray,
    explored: np.ndarray,
    *,
    share: float,
    reserve: float,
    rng: np.random.Generator,
) -> Outcome:
    """Order the candidates of some requests at random, and log how probable each showing was.

    With `m` candidates that can pay, a randomised order puts each of them into a slot with
    probability 1/m. So what the auction shows has propensity ``1 - share + share / m``, unless it
    was shown by a random order that disagrees with the auction: then ``share / m``.

    Parameters
    ----------
    outcome : Outcome
        Of the auction.
    bid : ndarray, shape (n, k)
    explored : ndarray of bool, shape (n,)
        The requests to randomise.
    share : float
        Probability with which each request was chosen.
    reserve : float
        What a randomised showing costs.
    rng : Generator
    """
    able = bid > 0
    chance = share / np.maximum(able.sum(axis=1), 1)[:, None]
    rows = np.flatnonzero(explored)
    keys = np.where(able[rows], rng.random((len(rows), bid.shape[1])), -np.inf)
    shuffled = best_candidates(keys, outcome.candidate.shape[1])
    candidate, price = outcome.candidate.copy(), outcome.price.copy()
    candidate[rows] = shuffled
    price[rows] = np.minimum(reserve, np.take_along_axis(bid[rows], shuffled, axis=1))
    agrees = candidate == outcome.candidate
    propensity = np.where(agrees, 1 - share, 0) + chance
    return Outcome(candidate, outcome.filled, price, propensity.astype(np.float32))

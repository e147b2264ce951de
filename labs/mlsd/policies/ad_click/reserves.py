"""Reserves that differ from request to request."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from mlsd.runtime import InputError
from mlsd.worlds.ad_click import Actions
from mlsd.worlds.base import CandidateRequests, Policy
from mlsd.worlds.logs import Tables

# Scores are given in units of their request's reserve, times this: a world whose `score_reserve` is
# this number then sells every request at the reserve of its own, and any other policy freely.
FLOOR = 1e-6

RequestReserve = Callable[[np.ndarray], np.ndarray]


def per_impression(amount: float) -> RequestReserve:
    """Return the same reserve for every request, in money per impression.

    Examples
    --------
    >>> per_impression(0.01)(np.array([[0.02, 0.03]]))
    array([0.01])
    """
    return lambda predicted: np.full(len(predicted), amount)


def per_click(price: float) -> RequestReserve:
    """Return the reserve that asks each request's likeliest click for this price.

    It is `price` times the largest predicted click-through rate, so a factor that all predictions
    share cancels against the scores that are compared with it.

    Examples
    --------
    >>> per_click(0.5)(np.array([[0.02, 0.03]]))
    array([0.015])
    """
    return lambda predicted: price * predicted.max(axis=1)


class ReservePolicy:
    """Sells each request at a reserve of its own, in a world with ``score_reserve=FLOOR``.

    Ranks and prices per click do not change when all scores of a request are divided by the same
    amount, so dividing by the request's reserve leaves nothing but the reserve changed.

    Parameters
    ----------
    policy : Policy
        Predicts.
    request_reserve : callable
        From predicted click-through rates, shape (n, k), to the reserve of each request, shape
        (n,), in money per impression.

    Raises
    ------
    InputError
        When the policy acts and the reserves have another shape, or are not positive numbers.

    Examples
    --------
    >>> class Rates:
    ...     def act(self, requests):
    ...         return Actions(np.full((1, 2), 0.02))
    >>> ads = {"bid": np.array([[1.0, 2.0]])}
    >>> requests = CandidateRequests(np.zeros(1), np.zeros(1, int), {}, ads, slots=1)
    >>> actions = ReservePolicy(Rates(), lambda predicted: np.array([0.03])).act(requests)
    >>> actions.rank_score > FLOOR
    array([[False,  True]])
    """

    def __init__(self, policy: Policy, request_reserve: RequestReserve) -> None:
        self.policy = policy
        self.request_reserve = request_reserve

    def act(self, requests: CandidateRequests) -> Actions:
        """Return predictions, and scores in units of each request's reserve, shape (n, k)."""
        predicted = self.policy.act(requests).predicted_ctr
        reserve = np.asarray(self.request_reserve(predicted.copy()), dtype=float)
        if reserve.shape != (len(requests),) or not (reserve > 0).all():
            raise InputError(f"give {len(requests)} positive reserves, one for each request")
        score = requests.candidates["bid"] * predicted
        return Actions(predicted, rank_score=FLOOR * score / reserve[:, None])

    def observe(self, events: Tables) -> None:
        """Hand events to the policy that predicts."""
        self.policy.observe(events)

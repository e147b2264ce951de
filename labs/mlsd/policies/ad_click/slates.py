"""What a policy would show: the slate that follows from its actions, in a few numbers."""

from __future__ import annotations

import numpy as np

from mlsd.worlds.ad_click import Actions
from mlsd.worlds.base import CandidateRequests


def describe_slate(
    requests: CandidateRequests, actions: Actions, live: Actions
) -> dict[str, np.ndarray]:
    """Return what a release would have shown, request by request.

    Parameters
    ----------
    requests : CandidateRequests
        With bids per click.
    actions, live : Actions
        Of the release, and of the policy that is served.

    Returns
    -------
    dict of str to ndarray, shape (n,)
        ``overlap``: share of the slots that hold an ad which the live slate holds too;
        ``predicted_ctr``: mean over the slots, as the release predicts it; ``value``: bid times
        predicted rate, summed over the slots; ``new_ads``: share of the slots for ads that are not
        a day old.

    Examples
    --------
    >>> ads = {"bid": np.array([[1.0, 2.0, 4.0]]), "ad_age_days": np.array([[0.0, 5.0, 9.0]])}
    >>> requests = CandidateRequests(np.zeros(1), np.zeros(1, int), {}, ads, slots=1)
    >>> by_value = Actions(np.array([[0.5, 0.2, 0.1]]))
    >>> by_bid = Actions(by_value.predicted_ctr, rank_score=ads["bid"])
    >>> {k: v.tolist() for k, v in describe_slate(requests, by_bid, by_value).items()}
    {'overlap': [0.0], 'predicted_ctr': [0.1], 'value': [0.4], 'new_ads': [0.0]}
    """
    own, served = _slate(requests, actions), _slate(requests, live)
    predicted = np.take_along_axis(np.asarray(actions.predicted_ctr), own, axis=1)
    bid = np.take_along_axis(requests.candidates["bid"], own, axis=1)
    age = np.take_along_axis(requests.candidates["ad_age_days"], own, axis=1)
    shared = (own[:, :, None] == served[:, None, :]).any(axis=2)
    return {
        "overlap": shared.mean(axis=1),
        "predicted_ctr": predicted.mean(axis=1),
        "value": (bid * predicted).sum(axis=1),
        "new_ads": (age < 1).mean(axis=1),
    }


def _slate(requests: CandidateRequests, actions: Actions) -> np.ndarray:
    """Return the candidates with the highest scores, shape (n, slots), best first."""
    score = actions.scores(requests.candidates["bid"] * actions.predicted_ctr)
    return np.argsort(-score, axis=1, kind="stable")[:, : requests.slots]

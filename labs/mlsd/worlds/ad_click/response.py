"""Advertisers who respond: each night a campaign moves its bid towards its best reply.

A campaign replays the auctions of its day, as with the bid simulators that platforms offer: had it
bid some share of what a click is worth to it while everybody else bid as they did, which slots
would it have won, and at which prices? The reply is myopic: yesterday's rivals are taken to come
again (best-response bidding in repeated position auctions: Cary et al. 2007, *Greedy Bidding
Strategies for Keyword Auctions*).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

# Bids that a campaign considers, as shares of the value of its click. Nobody bids more than that.
SHARES = np.linspace(0.05, 1.0, 20, dtype=np.float32)
# Share of the way to the best reply that a bid moves in one night.
PACE = 0.5


@dataclass(frozen=True)
class AuctionRules:
    """What decides position and price; see `AdClickConfig`.

    Attributes
    ----------
    price_rule : str
    reserve_price, score_reserve : float
    examination : ndarray, shape (slots,)
    """

    price_rule: str
    reserve_price: float
    score_reserve: float
    examination: np.ndarray


def rival_scores(score: np.ndarray, slots: int) -> np.ndarray:
    """Return the best scores among the *other* candidates of each candidate's request.

    Parameters
    ----------
    score : ndarray, shape (n, k)
        Minus infinity where a candidate takes no part.
    slots : int

    Returns
    -------
    ndarray, shape (n, k, slots)
        Best first; minus infinity where there are fewer others.

    Examples
    --------
    >>> rival_scores(np.array([[3.0, 1.0, 2.0]]), 1)[0, :, 0]
    array([2., 3., 3.])
    """
    missing = max(slots + 1 - score.shape[1], 0)
    padded = np.pad(score, ((0, 0), (0, missing)), constant_values=-np.inf)
    top = -np.sort(-padded, axis=1)[:, None, : slots + 1]
    # From its own place on, a candidate looks past itself.
    return np.where(score[:, :, None] >= top[..., :-1], top[..., 1:], top[..., :-1])


def surplus_by_share(
    weight: np.ndarray, value: np.ndarray, rivals: np.ndarray, rules: AuctionRules
) -> np.ndarray:
    """Return the expected surplus, per click if seen in the top slot, of each share of the value.

    Parameters
    ----------
    weight : ndarray, shape (m,)
        Score for each unit of bid.
    value : ndarray, shape (m,)
        Of a click.
    rivals : ndarray, shape (m, slots)
        Scores of the others, best first.
    rules : AuctionRules

    Returns
    -------
    ndarray, shape (m, len(SHARES))
        Examination of the slot won, times value minus price; zero where no slot is won.

    Examples
    --------
    >>> rules = AuctionRules("first", 0.0, 0.0, np.ones(1))
    >>> one = np.ones(1)
    >>> surplus = surplus_by_share(one, one, np.array([[0.52]]), rules)
    >>> round(float(SHARES[surplus.argmax()]), 2)
    0.55
    """
    slots = rivals.shape[1]
    bid = value[:, None] * SHARES
    score = weight[:, None] * bid
    place = sum((score <= rivals[:, slot, None]).astype(np.intp) for slot in range(slots))
    wins = (place < slots) & (score >= rules.score_reserve)
    slot = np.minimum(place, slots - 1)
    if rules.price_rule == "first":
        price = bid
    else:
        after = slot if rules.price_rule == "gsp" else np.full_like(slot, slots - 1)
        following = np.maximum(np.take_along_axis(rivals, after, axis=1), rules.score_reserve)
        price = np.minimum(np.maximum(following / weight[:, None], rules.reserve_price), bid)
    return np.where(wins, rules.examination[slot] * (value[:, None] - price), 0)


class Replay:
    """Sums up, campaign by campaign, what other bids would have earned.

    Parameters
    ----------
    click_value : ndarray, shape (campaigns,)
    rules : AuctionRules
    """

    def __init__(self, click_value: np.ndarray, rules: AuctionRules) -> None:
        self.click_value = click_value.astype(np.float32)
        self.rules = rules

    def surplus(
        self, score: np.ndarray, bid: np.ndarray, predicted: np.ndarray, campaign: np.ndarray
    ) -> np.ndarray:
        """Return the surplus of each campaign by share, shape (campaigns, len(SHARES)).

        Parameters
        ----------
        score, bid, predicted : ndarray, shape (n, k)
            Of an hour's auctions; a bid of zero takes no part. A score is taken to be proportional
            to its bid.
        campaign : ndarray of int, shape (n, k)
        """
        able = bid > 0
        rivals = rival_scores(np.where(able, score, -np.inf), len(self.rules.examination))[able]
        own = campaign[able]
        weight = np.maximum(score[able] / bid[able], np.float32(1e-12))
        by_share = surplus_by_share(weight, self.click_value[own], rivals, self.rules)
        by_share *= predicted[able][:, None]
        count = len(self.click_value)
        sums = [np.bincount(own, column, minlength=count) for column in by_share.T]
        return np.stack(sums, axis=1)

    def next_bids(self, bids: np.ndarray, surplus: np.ndarray) -> np.ndarray:
        """Return bids moved towards the best reply, shape (campaigns,).

        Of equally good shares the highest is the reply: a campaign that no share helps bids its
        value.
        """
        best = len(SHARES) - 1 - surplus[:, ::-1].argmax(axis=1)
        reply = self.click_value * SHARES[best]
        return (bids + PACE * (reply - bids)).astype(bids.dtype)

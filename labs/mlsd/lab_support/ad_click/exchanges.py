"""Exchanges that do not say how they price, for the buyer's half of the bidding lab."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

# The log's amounts were converted at the rate of the hour, which moves by this much.
RATE_NOISE = 0.01


@dataclass(frozen=True)
class Exchange:
    """A market for one slot as its buyer meets it; amounts are money per thousand impressions.

    Parameters
    ----------
    rule : {"first", "second", "soft floor"}
        What the winner pays: its bid; the larger of floor and best rival; or its bid below the
        floor and the larger of the two above it.
    floor : float
        Nothing is sold below it, unless it is a soft one.
    fee : float
        Share that is added to every price.
    rivals : tuple of float
        Median of the best rival, and the standard deviation of its logarithm.
    """

    rule: str
    floor: float
    fee: float
    rivals: tuple[float, float]

    def sell(self, bid: np.ndarray, rng: np.random.Generator) -> pd.DataFrame:
        """Return `bid`, `won` and `price` (missing where lost) of auctions with these bids.

        Examples
        --------
        >>> exchange = Exchange("second", floor=20.0, fee=0.1, rivals=(1.0, 0.1))
        >>> log = exchange.sell(np.array([10.0, 30.0]), np.random.default_rng(0))
        >>> log["won"].tolist(), round(log["price"].max())
        ([0, 1], 22)
        """
        rival = self.rivals[0] * np.exp(self.rivals[1] * rng.normal(size=len(bid)))
        hard = 0.0 if self.rule == "soft floor" else self.floor
        second = np.maximum(rival, self.floor)
        pays_bid = (self.rule == "first") | ((self.rule == "soft floor") & (bid < self.floor))
        rate = np.exp(RATE_NOISE * rng.normal(size=len(bid)))
        price = np.where(pays_bid, bid, second) * (1 + self.fee) * rate
        won = bid > np.maximum(rival, hard)
        return pd.DataFrame(
            {"bid": bid, "won": won.astype(int), "price": np.where(won, price, np.nan)}
        )


# What the lab looks at, under names that say nothing.
LETTERED = {
    "A": Exchange("second", floor=12.0, fee=0.15, rivals=(20.0, 0.5)),
    "B": Exchange("first", floor=8.0, fee=0.15, rivals=(20.0, 0.5)),
    "C": Exchange("soft floor", floor=28.0, fee=0.05, rivals=(20.0, 0.5)),
}


def trial_log(exchange: Exchange, seed: int, auctions: int = 20_000) -> pd.DataFrame:
    """Return the buyer's log of a trial week, in which each bid was drawn at random.

    The bids reach from a quarter of the median rival to four times it.

    Examples
    --------
    >>> trial_log(LETTERED["A"], seed=1, auctions=3).columns.tolist()
    ['bid', 'won', 'price']
    """
    rng = np.random.default_rng(seed)
    return exchange.sell(exchange.rivals[0] * 0.25 * 16 ** rng.random(auctions), rng)


def won_and_paid(exchange: Exchange, bids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return how often each bid wins, and what it pays per auction, in 20,000 fresh auctions.

    A bid keeps its value times the first, minus the second.

    Examples
    --------
    >>> won, paid = won_and_paid(LETTERED["B"], np.array([1.0, 20.0]))
    >>> won.round(1).tolist(), paid.round().tolist()
    ([0.0, 0.5], [0.0, 12.0])
    """
    won, paid = np.empty(len(bids)), np.empty(len(bids))
    for place, bid in enumerate(bids):
        sold = exchange.sell(np.full(20_000, float(bid)), np.random.default_rng(1))
        won[place], paid[place] = sold["won"].mean(), sold["price"].sum() / len(sold)
    return won, paid

"""What stays the same while a market runs."""

from __future__ import annotations

from dataclasses import dataclass

from mlsd.worlds.ad_click.config import AdClickConfig
from mlsd.worlds.ad_click.population import Population


@dataclass(frozen=True)
class Setup:
    """A world and the rules of one run of its market.

    Attributes
    ----------
    config : AdClickConfig
    population : Population
    seed : int
        Of the world.
    luck : str
        Name of the luck of requests, clicks and what follows: twin worlds share one.
    exploration_share : float
        Share of requests whose candidates are ordered at random.
    budget_shares : tuple of float
        How every daily budget is divided between policies.
    hours_between_events : int
        How often policies are handed events; a divisor of 24.
    """

    config: AdClickConfig
    population: Population
    seed: int
    luck: str = "nature"
    exploration_share: float = 0.0
    budget_shares: tuple[float, ...] = (1.0,)
    hours_between_events: int = 1

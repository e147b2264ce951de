"""What stays the same while a market runs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

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

    def of_test(self, design: str) -> Self:
        """Return the set-up of an A/B test: luck of its own, budgets split by design."""
        shares = (0.5, 0.5) if design == "budget" else (1.0,)
        return replace(self, luck="test", budget_shares=shares)

"""Policies of an ad market: deployed scorers, exploration, reserves."""

from mlsd.policies.ad_click.exploration import BetaPosteriors, ExploringRatePolicy
from mlsd.policies.ad_click.reserves import FLOOR, ReservePolicy
from mlsd.policies.ad_click.scoring import OnlineScorerPolicy, ScorerPolicy

__all__ = [
    "FLOOR",
    "BetaPosteriors",
    "ExploringRatePolicy",
    "OnlineScorerPolicy",
    "ReservePolicy",
    "ScorerPolicy",
]

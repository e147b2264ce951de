"""Policies of an ad market: deployed scorers, exploration, reserves, canaries."""

from mlsd.policies.ad_click.canary import AdCanaryPolicy
from mlsd.policies.ad_click.exploration import (
    BetaPosteriors,
    ExploringRatePolicy,
    win_probabilities,
)
from mlsd.policies.ad_click.reserves import (
    FLOOR,
    ReservePolicy,
    per_click,
    per_impression,
)
from mlsd.policies.ad_click.scoring import OnlineScorerPolicy, ScorerPolicy
from mlsd.policies.ad_click.slates import describe_slate

__all__ = [
    "FLOOR",
    "AdCanaryPolicy",
    "BetaPosteriors",
    "ExploringRatePolicy",
    "OnlineScorerPolicy",
    "ReservePolicy",
    "ScorerPolicy",
    "describe_slate",
    "per_click",
    "per_impression",
    "win_probabilities",
]

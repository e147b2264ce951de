"""From scores to decisions: what is deployed into a world."""

from mlsd.policies.ad_click.exploration import BetaPosteriors, ExploringRatePolicy
from mlsd.policies.canary import CanaryPolicy
from mlsd.policies.online import OnlineScorerPolicy
from mlsd.policies.scoring import ScorerPolicy

__all__ = [
    "BetaPosteriors",
    "CanaryPolicy",
    "ExploringRatePolicy",
    "OnlineScorerPolicy",
    "ScorerPolicy",
]

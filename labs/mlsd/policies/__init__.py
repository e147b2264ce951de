"""From scores to decisions: what is deployed into any world; one package per case for the rest."""

from mlsd.policies.canary import CanaryPolicy, in_canary
from mlsd.policies.online import OnlineModelPolicy
from mlsd.policies.release import decide_release
from mlsd.policies.scoring import ModelPolicy
from mlsd.policies.sequential import RateGap, always_valid_limit, rate_gap

__all__ = [
    "CanaryPolicy",
    "ModelPolicy",
    "OnlineModelPolicy",
    "RateGap",
    "always_valid_limit",
    "decide_release",
    "in_canary",
    "rate_gap",
]

"""From scores to decisions: what is deployed into any world; one package per case for the rest."""

from mlsd.policies.canary import CanaryPolicy
from mlsd.policies.online import OnlineModelPolicy
from mlsd.policies.scoring import ModelPolicy

__all__ = ["CanaryPolicy", "ModelPolicy", "OnlineModelPolicy"]

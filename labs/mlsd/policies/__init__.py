"""From scores to decisions: what is deployed into a world."""

from mlsd.policies.scoring import ScorerPolicy

__all__ = ["ScorerPolicy"]

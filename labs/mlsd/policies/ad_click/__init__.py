"""Policies of an ad market: exploration and reserves."""

from mlsd.policies.ad_click.exploration import BetaPosteriors, ExploringRatePolicy
from mlsd.policies.ad_click.reserves import FLOOR, ReservePolicy

__all__ = ["FLOOR", "BetaPosteriors", "ExploringRatePolicy", "ReservePolicy"]

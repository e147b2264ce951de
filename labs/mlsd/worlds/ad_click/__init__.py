"""The ad click world: three ad slots per request, an auction, budgets, clicks and conversions."""

from mlsd.worlds.ad_click.actions import Actions
from mlsd.worlds.ad_click.config import AdClickConfig
from mlsd.worlds.ad_click.logging_policy import LoggingPolicy
from mlsd.worlds.ad_click.logs import AdClickLogs
from mlsd.worlds.ad_click.world import AdClickWorld

__all__ = ["Actions", "AdClickConfig", "AdClickLogs", "AdClickWorld", "LoggingPolicy"]

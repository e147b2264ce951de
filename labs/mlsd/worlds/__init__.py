"""Simulated worlds: each knows how its users really behave, and shows the reader only logs."""

from mlsd.worlds.ad_click import AdClickConfig, AdClickWorld
from mlsd.worlds.event import EventConfig, EventWorld
from mlsd.worlds.video import VideoConfig, VideoWorld

__all__ = [
    "AdClickConfig",
    "AdClickWorld",
    "EventConfig",
    "EventWorld",
    "VideoConfig",
    "VideoWorld",
]

"""The video world: a home feed of slates, sessions that answer them, and who comes back."""

from mlsd.worlds.kit.slates import Slates
from mlsd.worlds.video.config import VideoConfig
from mlsd.worlds.video.logging_policy import LoggingPolicy
from mlsd.worlds.video.logs import VideoLogs
from mlsd.worlds.video.slates import FeedRequests
from mlsd.worlds.video.world import VideoWorld

__all__ = ["FeedRequests", "LoggingPolicy", "Slates", "VideoConfig", "VideoLogs", "VideoWorld"]

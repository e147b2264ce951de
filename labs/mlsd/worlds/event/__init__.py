"""The world of event recommendation."""

from mlsd.worlds.event.config import EventConfig
from mlsd.worlds.event.requests import EventRequests, Pushes
from mlsd.worlds.event.world import EventWorld

__all__ = ["EventConfig", "EventRequests", "EventWorld", "Pushes"]
